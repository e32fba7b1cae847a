//! Activities: what was done with contacts, companies and leads, and what is to be done.

mod draft;
mod fields;
mod kind;
mod links;
mod record;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use crate::actor::ActorReference;
use crate::crm::linked::Linked;
use crate::id::{ActivityId, TenantId, UserId};
use crate::wire;

pub use draft::{ActivityDraft, ActivityFields, MAX_BODY, MAX_LINKS, MAX_SUBJECT};
pub use fields::LIST;
pub use kind::ActivityKind;

/// An activity, as the API and events show it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Its id.
    pub id: ActivityId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The key of another system.
    pub external_id: Option<String>,
    /// What it is.
    pub kind: ActivityKind,
    /// 1–200 characters; one of subject and body is there.
    pub subject: Option<String>,
    /// 1–20,000 characters.
    pub body: Option<String>,
    /// When it happened; null for tasks only.
    #[serde(serialize_with = "wire::serialize_option")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it should be done.
    #[serde(serialize_with = "wire::serialize_option")]
    pub due_at: Option<DateTime<Utc>>,
    /// When it was done.
    #[serde(serialize_with = "wire::serialize_option")]
    pub completed_at: Option<DateTime<Utc>>,
    /// The records that it is about and that are not deleted, by kind and id.
    pub links: Vec<Linked>,
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

/// The columns of its row, in the order in which they are read.
macro_rules! columns {
    () => {
        "id, tenant_id, external_id, kind, subject, body, occurred_at, due_at, completed_at, owner_id, version, created_at, created_by, updated_at, updated_by, deleted_at"
    };
}
pub(super) use columns;

impl<'r> FromRow<'r, PgRow> for Activity {
    /// Without its links, which are rows of their own.
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            tenant_id: row.try_get(1)?,
            external_id: row.try_get(2)?,
            kind: row.try_get(3)?,
            subject: row.try_get(4)?,
            body: row.try_get(5)?,
            occurred_at: row.try_get(6)?,
            due_at: row.try_get(7)?,
            completed_at: row.try_get(8)?,
            links: Vec::new(),
            owner_id: row.try_get(9)?,
            version: row.try_get(10)?,
            created_at: row.try_get(11)?,
            created_by: row.try_get(12)?,
            updated_at: row.try_get(13)?,
            updated_by: row.try_get(14)?,
            deleted_at: row.try_get(15)?,
        })
    }
}

impl Activity {
    /// Where it stands in timelines.
    pub fn at(&self) -> DateTime<Utc> {
        self.occurred_at.unwrap_or(self.created_at)
    }
}
