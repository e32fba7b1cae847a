//! The conversion of a lead: the contact and the company that it became are made in the same transaction.

use crate::crm::company::{Company, CompanyDraft};
use crate::crm::contact::{Contact, ContactDraft};
use crate::crm::lead::{self, Lead, Status};
use crate::crm::record;
use crate::db::TenantTx;
use crate::error::{Error, FieldError, Result};
use crate::id::LeadId;

/// What a lead became.
#[derive(Debug)]
pub struct Conversion {
    /// The lead, which is converted now.
    pub lead: Lead,
    /// The contact that was made.
    pub contact: Option<Contact>,
    /// The company that was made.
    pub company: Option<Company>,
}

/// Converts a lead, and makes a company and a contact where they are given: the lead names them then, the contact belongs to
/// the lead's company where it names none, and both belong to the lead's owner where they name none.
pub async fn convert(
    tx: &mut TenantTx<'_>,
    id: LeadId,
    expected: Option<i64>,
    contact: Option<ContactDraft>,
    company: Option<CompanyDraft>,
) -> Result<Conversion> {
    let lead: Lead = record::lock_expected(tx, id.0, expected).await?;
    if lead.status == Status::Converted {
        return Err(Error::state("The lead is converted already"));
    }
    refuse_second(&lead, contact.is_some(), company.is_some())?;
    let company = match company {
        Some(draft) => Some(make_company(tx, &lead, draft).await.map_err(|error| within("company", error))?),
        None => None,
    };
    let company_id = company.as_ref().map(|company| company.id).or(lead.company_id);
    let contact = match contact {
        Some(draft) => {
            let draft = ContactDraft { company_id: draft.company_id.or(company_id), ..draft };
            Some(make_contact(tx, &lead, draft).await.map_err(|error| within("contact", error))?)
        }
        None => None,
    };
    let contact_id = contact.as_ref().map(|contact| contact.id).or(lead.contact_id);
    let lead = lead::convert(tx, lead, contact_id, company_id).await?;
    Ok(Conversion { lead, contact, company })
}

/// A lead that names a contact or a company has it already.
fn refuse_second(lead: &Lead, contact: bool, company: bool) -> Result<()> {
    let mut errors = Vec::new();
    if contact && lead.contact_id.is_some() {
        errors.push(FieldError::new("contact", "ALREADY_SET", "The lead has a contact already"));
    }
    if company && lead.company_id.is_some() {
        errors.push(FieldError::new("company", "ALREADY_SET", "The lead has a company already"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

async fn make_company(tx: &mut TenantTx<'_>, lead: &Lead, draft: CompanyDraft) -> Result<Company> {
    let draft = CompanyDraft { owner_id: draft.owner_id.or(lead.owner_id), ..draft };
    let fields = draft.check().map_err(Error::Invalid)?;
    record::create(tx, fields).await
}

async fn make_contact(tx: &mut TenantTx<'_>, lead: &Lead, draft: ContactDraft) -> Result<Contact> {
    let draft = ContactDraft { owner_id: draft.owner_id.or(lead.owner_id), ..draft };
    let fields = draft.check().map_err(Error::Invalid)?;
    record::create(tx, fields).await
}

/// Fields of a record stand below the record's own field.
fn within(field: &str, error: Error) -> Error {
    match error {
        Error::Invalid(errors) => Error::Invalid(
            errors
                .into_iter()
                .map(|error| FieldError { pointer: format!("/{field}{}", error.pointer), ..error })
                .collect(),
        ),
        other => other,
    }
}
