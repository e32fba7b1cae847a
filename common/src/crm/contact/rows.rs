//! Contacts column by column, to be bound and unnested by one statement.

use crate::crm::contact::Contact;
use crate::id::{CompanyId, ContactId, UserId};

/// The columns of many contacts, for `unnest`.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) id: Vec<ContactId>,
    pub(super) external_id: Vec<Option<String>>,
    pub(super) name: Vec<String>,
    pub(super) email: Vec<Option<String>>,
    pub(super) email_key: Vec<Option<String>>,
    pub(super) phone: Vec<Option<String>>,
    pub(super) phone_original: Vec<Option<String>>,
    pub(super) company: Vec<Option<String>>,
    pub(super) company_id: Vec<Option<CompanyId>>,
    pub(super) title: Vec<Option<String>>,
    pub(super) lifecycle: Vec<Option<String>>,
    pub(super) owner_id: Vec<Option<UserId>>,
    pub(super) user_id: Vec<Option<UserId>>,
}

impl Rows {
    pub(super) fn of<'a>(contacts: impl IntoIterator<Item = &'a Contact>) -> Self {
        let mut rows = Self::default();
        for contact in contacts {
            rows.id.push(contact.id);
            rows.external_id.push(contact.external_id.clone());
            rows.name.push(contact.name.clone());
            rows.email.push(contact.email.clone());
            rows.email_key.push(contact.email_key());
            rows.phone.push(contact.phone.clone());
            rows.phone_original.push(contact.phone_original.clone());
            rows.company.push(contact.company.clone());
            rows.company_id.push(contact.company_id);
            rows.title.push(contact.title.clone());
            rows.lifecycle.push(contact.lifecycle.clone());
            rows.owner_id.push(contact.owner_id);
            rows.user_id.push(contact.user_id);
        }
        rows
    }
}
