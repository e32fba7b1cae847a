//! What a caller says of a contact, before and after it was checked.

use crate::crm::contact::Contact;
use crate::error::{FieldError, Result};
use crate::id::{CompanyId, UserId};
use crate::phone;
use crate::rules::{self, Broken, checked};

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
    /// See [`Contact::phone_original`]; what `phone` says where this writes another number, or none.
    pub phone_original: Option<String>,
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
                phone(v, self.phone_original.as_deref())
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

/// A number, and how it was written: as the caller remembers it, if that is a way to write this number.
fn phone(value: &str, original: Option<&str>) -> Result<(String, String), Broken> {
    let number = phone::international(value)?;
    let original = original.map(str::trim).filter(|original| phone::writes(original, &number));
    let original = original.unwrap_or_else(|| value.trim()).to_owned();
    Ok((number, original))
}

impl From<&Contact> for ContactDraft {
    /// What the contact says now, for a PATCH to change.
    fn from(contact: &Contact) -> Self {
        Self {
            name: Some(contact.name.clone()),
            external_id: contact.external_id.clone(),
            email: contact.email.clone(),
            phone: contact.phone.clone(),
            phone_original: contact.phone_original.clone(),
            company: contact.company.clone(),
            company_id: contact.company_id,
            title: contact.title.clone(),
            lifecycle: contact.lifecycle.clone(),
            owner_id: contact.owner_id,
            user_id: contact.user_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone_of(phone: &str, original: Option<&str>) -> Option<(String, String)> {
        let draft = ContactDraft {
            name: Some("Ada".to_owned()),
            phone: Some(phone.to_owned()),
            phone_original: original.map(str::to_owned),
            ..ContactDraft::default()
        };
        draft.check().expect("a contact").phone
    }

    #[test]
    fn how_a_number_was_written_is_kept_with_that_number_alone() {
        let of = |number: &str, original: &str| Some((number.to_owned(), original.to_owned()));
        assert_eq!(phone_of("+4930901820", Some("030 901820")), of("+4930901820", "030 901820"));
        assert_eq!(phone_of(" +49 40 901820 ", Some("030 901820")), of("+4940901820", "+49 40 901820"));
        assert_eq!(phone_of("+4930901820", None), of("+4930901820", "+4930901820"));
    }
}
