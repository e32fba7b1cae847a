//! An entry of the trail, with every column that it has.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::page::SortKey;

/// What happened, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditEntry {
    /// Whose.
    pub tenant_id: Uuid,
    /// Of a change: the event's id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// The transaction that wrote it.
    pub xid: String,
    /// `contact.updated`, `auth.login.failed`.
    pub action: String,
    /// `records`, `settings` or `security`.
    pub category: String,
    /// `user`, `apiKey`, `import` or `system`.
    pub actor_kind: String,
    /// Which one; none for the system, and where nobody knows who it was.
    pub actor_id: Option<Uuid>,
    /// `contact`.
    pub resource_type: Option<String>,
    /// Which one.
    pub resource_id: Option<Uuid>,
    /// Its version after the change.
    pub resource_version: Option<i64>,
    /// `succeeded`, `refused` or `failed`.
    pub outcome: String,
    /// `{"before": …, "after": …}`.
    pub changes: Option<String>,
    /// `X-Request-Id`.
    pub request_id: Option<String>,
    /// The client's address.
    pub ip: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// How often it happened.
    pub count: i32,
    /// The operation that was asked for; none of a change.
    pub operation: Option<String>,
    /// The code of the refusal.
    pub reason: Option<String>,
    /// The login address that was tried, masked, where it is no member's.
    pub account: Option<String>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditOutcome {
    /// It was done.
    Succeeded,
    /// The caller may not do it.
    Refused,
    /// It was tried and not done.
    Failed,
}

impl AuditOutcome {
    /// The stored and spoken name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl AuditEntry {
    /// Its place in lists.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.at, id: self.id }
    }
}

macro_rules! columns {
    () => {
        "e.tenant_id, e.id, e.at, e.xid::text as xid, e.action, e.category, e.actor_kind, e.actor_id, e.resource_type, e.resource_id, \
         e.resource_version, e.outcome, e.changes, e.request_id, e.ip, e.user_agent, e.count, e.operation, e.reason, e.account"
    };
}
pub(super) use columns;
