//! `/connection/leads/{id}/convert`: a lead becomes business, a contact and a company with it.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::TenantTx;
use tenon_common::crm::lead_conversion::{self, Conversion};
use tenon_common::id::LeadId;
use tenon_common::role::Permission;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, LeadsWrite};
use crate::calls::once::{Answered, Once};
use crate::crm::companies::{CompanyBody, CompanyInput, CompanyRules};
use crate::crm::contacts::{ContactBody, ContactInput, ContactRules};
use crate::crm::leads::LeadBody;
use crate::http::body::{Body, FieldError, Rules};
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::Shown;
use crate::openapi::tags::Tags;

/// What to make of a lead.
#[derive(Object, Debug)]
#[oai(rename = "LeadConversionInput", rename_all = "camelCase")]
pub struct LeadConversionInput {
    /// The contact to make. It belongs to the lead's company and the lead's owner unless it says otherwise.
    #[oai(nullable)]
    pub contact: Option<ContactInput>,
    /// The company to make. It belongs to the lead's owner unless it says otherwise.
    #[oai(nullable)]
    pub company: Option<CompanyInput>,
}

/// What a lead became.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "LeadConversion", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct LeadConversionBody {
    /// The lead, which is converted now and names what was made.
    pub lead: LeadBody,
    /// The contact that was made.
    #[oai(nullable)]
    pub contact: Option<ContactBody>,
    /// The company that was made.
    #[oai(nullable)]
    pub company: Option<CompanyBody>,
}

impl From<Conversion> for LeadConversionBody {
    fn from(conversion: Conversion) -> Self {
        Self {
            lead: conversion.lead.into(),
            contact: conversion.contact.map(ContactBody::from),
            company: conversion.company.map(CompanyBody::from),
        }
    }
}

/// The rules of the records that are made.
pub struct LeadConversionRules;

impl Rules for LeadConversionRules {
    fn broken(body: &Map<String, Value>) -> Vec<FieldError> {
        let mut errors = within::<ContactRules>(body, "contact");
        errors.extend(within::<CompanyRules>(body, "company"));
        errors
    }
}

fn within<R: Rules>(body: &Map<String, Value>, field: &str) -> Vec<FieldError> {
    let Some(record) = body.get(field).and_then(Value::as_object) else { return Vec::new() };
    let below = |error: FieldError| FieldError { pointer: format!("/{field}{}", error.pointer), ..error };
    R::broken(record).into_iter().map(below).collect()
}

/// The operation.
#[derive(Debug, Default)]
pub struct LeadConversionApi;

#[OpenApi(prefix_path = "/api/v1/connection/leads", tag = "Tags::Leads")]
impl LeadConversionApi {
    /// Convert a lead
    ///
    /// Sets it to converted, and makes a contact and a company where they are given; all of it or nothing. 409
    /// `STATE_CONFLICT` where it is converted already. Needs `leads:write`, and `contacts:write` or `companies:write` for what
    /// is made. Emits `lead.converted`, and `contact.created` or `company.created` for what is made.
    #[oai(path = "/:id/convert", method = "post", operation_id = "convert_lead")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn convert(
        &self,
        caller: Caller<LeadsWrite>,
        app: Data<&Arc<App>>,
        /// The lead's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<LeadConversionInput, LeadConversionRules>,
    ) -> Result<Answered<Shown<LeadConversionBody>>, ApiError> {
        let LeadConversionInput { contact, company } = body.0;
        if contact.is_some() {
            caller.require(Permission::CONTACTS_WRITE)?;
        }
        if company.is_some() {
            caller.require(Permission::COMPANIES_WRITE)?;
        }
        let expected = params::if_match(if_match.as_deref())?;
        let (contact, company) = (contact.map(Into::into), company.map(Into::into));
        let convert = async |tx: &mut TenantTx<'_>| {
            let conversion = lead_conversion::convert(tx, LeadId(id.0), expected, contact, company).await?;
            let version = conversion.lead.version;
            Ok(Shown::versioned(conversion.into(), version))
        };
        once.write(&app, &caller, prefer, convert).await
    }
}
