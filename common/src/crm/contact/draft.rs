//! What a caller says of a contact, before and after it was checked.

use crate::crm::contact::Contact;
use crate::crm::rules::{self, checked};
use crate::error::{FieldError, Result};
use crate::id::{CompanyId, UserId};

/// What a caller says of a contact, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct ContactDraft {
    /// Required.
    pub name: Option<String>,
    /// See [`Contact::external_id`].
    pub external_id: Option<String>,
    /// See [`Contact::email`].
    pub email: Option<String>,
    /// See [`Contact::phone`]; any usual writing of an international number.
    pub phone: Option<String>,
    /// See [`Contact::company`].
    pub company: Option<String>,
    /// See [`Contact::company_id`].
    pub company_id: Option<CompanyId>,
    /// See [`Contact::title`].
    pub title: Option<String>,
    /// See [`Contact::lifecycle`].
    pub lifecycle: Option<String>,
    /// See [`Contact::owner_id`].
    pub owner_id: Option<UserId>,
    /// See [`Contact::user_id`].
    pub user_id: Option<UserId>,
}

/// What a caller says of a contact, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactFields {
    pub(super) name: String,
    pub(super) external_id: Option<String>,
    pub(super) email: Option<(String, String)>,
    pub(super) phone: Option<(String, String)>,
    pub(super) company: Option<String>,
    pub(super) company_id: Option<CompanyId>,
    pub(super) title: Option<String>,
    pub(super) lifecycle: Option<String>,
    pub(super) owner_id: Option<UserId>,
    pub(super) user_id: Option<UserId>,
}

impl ContactDraft {
    /// Checks all fields; answers all that is wrong.
    pub fn check(self) -> Result<ContactFields, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = checked(&mut errors, "name", self.name.as_deref(), |v| rules::text(v, "Name", 100));
        if self.name.is_none() {
            errors.push(FieldError::new("name", "REQUIRED", "Name is required"));
        }
        let fields = ContactFields {
            name: name.unwrap_or_default(),
            external_id: checked(&mut errors, "externalId", self.external_id.as_deref(), rules::external_id),
            email: checked(&mut errors, "email", self.email.as_deref(), rules::email),
            phone: checked(&mut errors, "phone", self.phone.as_deref(), |v| {
                Ok((rules::phone(v)?, v.trim().to_owned()))
            }),
            company: checked(&mut errors, "company", self.company.as_deref(), |v| {
                rules::text(v, "Company", 100)
            }),
            company_id: self.company_id,
            title: checked(&mut errors, "title", self.title.as_deref(), |v| rules::text(v, "Title", 100)),
            lifecycle: checked(&mut errors, "lifecycle", self.lifecycle.as_deref(), |v| {
                rules::text(v, "Lifecycle", 50)
            }),
            owner_id: self.owner_id,
            user_id: self.user_id,
        };
        if errors.is_empty() { Ok(fields) } else { Err(errors) }
    }
}

impl From<&Contact> for ContactDraft {
    /// What the contact says now, for a PATCH to change.
    fn from(contact: &Contact) -> Self {
        Self {
            name: Some(contact.name.clone()),
            external_id: contact.external_id.clone(),
            email: contact.email.clone(),
            phone: contact.phone_original.clone(),
            company: contact.company.clone(),
            company_id: contact.company_id,
            title: contact.title.clone(),
            lifecycle: contact.lifecycle.clone(),
            owner_id: contact.owner_id,
            user_id: contact.user_id,
        }
    }
}
