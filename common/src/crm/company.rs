//! Companies: the organizations that a tenant deals with.

mod draft;
mod fields;
mod record;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::actor::ActorReference;
use crate::db::record::record;
use crate::id::{CompanyId, TenantId, UserId};
use crate::wire;

pub use draft::{CompanyDraft, CompanyFields, MAX_EMPLOYEES};
pub use fields::LIST;

/// A company, as the API and events show it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The key of another system.
    pub external_id: Option<String>,
    /// 1–100 characters.
    pub name: String,
    /// One of the tenant's industries.
    pub industry: Option<String>,
    /// An http or https URL.
    pub website: Option<String>,
    /// How many people work there.
    pub employees: Option<i32>,
    /// The domain of its addresses, in lower case.
    pub domain: Option<String>,
    /// The user who is responsible.
    pub owner_id: Option<UserId>,
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

record!(Company {
    id,
    tenant_id,
    external_id,
    name,
    industry,
    website,
    employees,
    domain,
    owner_id,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
    deleted_at,
});

/// The columns, for its list.
const COLUMNS: &str = columns!();
