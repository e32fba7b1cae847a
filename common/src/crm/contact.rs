//! Contacts: the people that a tenant deals with.

mod draft;
mod fields;
mod record;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::actor::ActorReference;
use crate::db::record::record;
use crate::id::{CompanyId, ContactId, TenantId, UserId};
use crate::wire;

pub use draft::{ContactDraft, ContactFields};
pub use fields::LIST;

/// A contact, as the API and events show it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The key of another system.
    pub external_id: Option<String>,
    /// 1–100 characters.
    pub name: String,
    /// As it was sent; unique by its case-folded form among what is not deleted.
    pub email: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// As it was sent.
    pub phone_original: Option<String>,
    /// The company's name as text.
    pub company: Option<String>,
    /// The company that the contact belongs to; one that is deleted by now stays named.
    pub company_id: Option<CompanyId>,
    /// The position.
    pub title: Option<String>,
    /// Where the contact stands: `lead`, `client`, whatever the tenant says.
    pub lifecycle: Option<String>,
    /// The user who is responsible.
    pub owner_id: Option<UserId>,
    /// The user whom this contact is.
    pub user_id: Option<UserId>,
    /// Counts changes, from 1.
    pub version: i64,
    /// When it was created.
    #[serde(serialize_with = "wire::serialize")]
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    /// When it was last changed.
    #[serde(serialize_with = "wire::serialize")]
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: ActorReference,
    /// When it was deleted; null for what is not.
    #[serde(serialize_with = "wire::serialize_option")]
    pub deleted_at: Option<DateTime<Utc>>,
}

record!(Contact {
    id,
    tenant_id,
    external_id,
    name,
    email,
    phone,
    phone_original,
    company,
    company_id,
    title,
    lifecycle,
    owner_id,
    user_id,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
    deleted_at,
});

/// The columns, for its list.
const COLUMNS: &str = columns!();

impl Contact {
    /// What uniqueness is about.
    fn email_key(&self) -> Option<String> {
        self.email.as_ref().map(|email| email.to_lowercase())
    }
}
