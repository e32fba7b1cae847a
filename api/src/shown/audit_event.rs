//! What is shown of the trail.

use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::Value;
use tenon_common::actor::ActorReference;
use tenon_common::audit::verify::{Broken, Head, Verified};
use tenon_common::audit::{self, AuditEntry, hex};
use tenon_common::entity::EntityKind;
use tenon_common::id::EventId;
use uuid::Uuid;

use crate::calls::caller::Identity;
use crate::http::actor::ActorBody;
use crate::http::timestamp::Timestamp;

/// A kind of action.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "camelCase")]
pub enum AuditCategory {
    /// Contacts, companies, pipelines, leads, activities, what links them, imports.
    Records,
    /// The organization, webhooks, templates.
    Settings,
    /// API keys, users, sign-ins, refusals.
    Security,
}

impl AuditCategory {
    /// The stored name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Settings => "settings",
            Self::Security => "security",
        }
    }
}

/// How an action ended.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "camelCase")]
pub enum AuditOutcome {
    /// It was done.
    Succeeded,
    /// The caller may not do it.
    Refused,
    /// It was tried and not done.
    Failed,
}

impl From<AuditOutcome> for audit::AuditOutcome {
    fn from(outcome: AuditOutcome) -> Self {
        match outcome {
            AuditOutcome::Succeeded => Self::Succeeded,
            AuditOutcome::Refused => Self::Refused,
            AuditOutcome::Failed => Self::Failed,
        }
    }
}

/// Something that somebody did.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "AuditEvent", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct AuditEventBody {
    /// The entry's id.
    pub id: Uuid,
    /// Of a change: its event's id, as webhooks get it.
    #[oai(nullable)]
    pub event_id: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What, such as `contact.updated`.
    pub action: String,
    /// What kind of action: `records`, `settings` or `security`.
    pub category: String,
    /// Who; of a failed sign-in a user without an id, for nobody has proved to be one.
    pub actor: ActorBody,
    /// To what; null where it was done to nothing in particular.
    #[oai(nullable)]
    pub resource: Option<AuditResource>,
    /// How it ended: `succeeded`, `refused` or `failed`.
    pub outcome: String,
    /// What changed; null where nothing did, and where you may not read what it was done to.
    #[oai(nullable)]
    pub changes: Option<AuditChanges>,
    /// The `X-Request-Id` of the request.
    #[oai(nullable)]
    pub request_id: Option<String>,
    /// The client's address.
    #[oai(nullable)]
    pub ip: Option<String>,
    /// The client's `User-Agent`.
    #[oai(nullable)]
    pub user_agent: Option<String>,
    /// How often it happened: refusals, failed sign-ins and uses of a key that are alike are one entry with their number.
    pub count: i32,
    /// Of a sign-in or a refusal: the operation that was asked for, such as `list_contacts`.
    #[oai(nullable)]
    pub operation: Option<String>,
    /// Of a failure or a refusal: its error code, such as `ROLE_TOO_LOW`.
    #[oai(nullable)]
    pub reason: Option<String>,
    /// Of a failed sign-in with a login address that is no member's: the address, masked.
    #[oai(nullable)]
    pub account: Option<String>,
}

/// What something was done to.
#[derive(Object, Serialize, Debug)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct AuditResource {
    /// Its type, such as `contact`.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: Uuid,
    /// Its version after the change.
    #[oai(nullable)]
    pub version: Option<i64>,
}

/// What changed. Of an update the changed fields; secrets are `***`.
#[derive(Object, Serialize, Debug)]
pub struct AuditChanges {
    /// What was there; null where it is new.
    #[oai(nullable)]
    #[serde(serialize_with = "any")]
    pub before: Option<Any<Value>>,
    /// What is there now; null where it is gone.
    #[oai(nullable)]
    #[serde(serialize_with = "any")]
    pub after: Option<Any<Value>>,
}

fn any<S: serde::Serializer>(value: &Option<Any<Value>>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(|any| &any.0).serialize(serializer)
}

impl AuditChanges {
    fn parse(text: &str) -> Option<Self> {
        let mut changes: Value = serde_json::from_str(text).ok()?;
        let mut take =
            |name| changes.get_mut(name).map(Value::take).filter(|value| !value.is_null()).map(Any);
        Some(Self { before: take("before"), after: take("after") })
    }
}

impl AuditEventBody {
    /// As the caller may see it: without what changed, where it may not read such a thing.
    pub fn seen_by(self, caller: &Identity) -> Self {
        let kind = self.resource.as_ref().and_then(|resource| EntityKind::parse(&resource.kind));
        match kind {
            Some(kind) if !caller.reads(kind) => Self { changes: None, ..self },
            _ => self,
        }
    }

    /// Without what tells of the person rather than of the record.
    pub fn without_origin(self) -> Self {
        Self { ip: None, user_agent: None, ..self }
    }
}

impl From<AuditEntry> for AuditEventBody {
    fn from(entry: AuditEntry) -> Self {
        let kind = ActorReference::parse(&entry.actor_kind).kind;
        let resource = entry.resource_type.zip(entry.resource_id);
        let version = entry.resource_version;
        Self {
            id: entry.id,
            event_id: (!audit::is_direct(&entry.action)).then(|| EventId(entry.id).wire()),
            at: entry.at.into(),
            action: entry.action,
            category: entry.category,
            actor: ActorReference { kind, id: entry.actor_id }.into(),
            resource: resource.map(|(kind, id)| AuditResource { kind, id, version }),
            outcome: entry.outcome,
            changes: entry.changes.as_deref().and_then(AuditChanges::parse),
            request_id: entry.request_id,
            ip: entry.ip,
            user_agent: entry.user_agent,
            count: entry.count,
            operation: entry.operation,
            reason: entry.reason,
            account: entry.account,
        }
    }
}

/// What came out of verifying.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "AuditVerification", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct VerificationBody {
    /// Whether all that was checked is what was sealed.
    pub ok: bool,
    /// The first position that was checked.
    pub checked_from: i64,
    /// The last position that was checked and is right.
    pub checked_through: i64,
    /// The last position whose entry was removed because its time was over; what can be checked begins after it. 0 where none was.
    pub removed_through: i64,
    /// The newest seal; null where nothing is sealed yet.
    #[oai(nullable)]
    pub head: Option<AuditHead>,
    /// Whether positions follow that were not checked.
    pub has_more: bool,
    /// The first that is wrong; null where nothing is.
    #[oai(nullable)]
    pub broken: Option<AuditBreak>,
}

/// The newest seal.
#[derive(Object, Serialize, Debug)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct AuditHead {
    /// Counts from 1.
    pub position: i64,
    /// SHA-256 over the entry there and all before it, in hexadecimal digits.
    pub hash: String,
}

/// Where the trail is not what was sealed.
#[derive(Object, Serialize, Debug)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct AuditBreak {
    /// The position; null of an entry that has none.
    #[oai(nullable)]
    pub position: Option<i64>,
    /// The entry; null where nobody knows which it was.
    #[oai(nullable)]
    pub audit_event_id: Option<Uuid>,
    /// `changed`: the entry or its seal was, or it is said to have been removed and is there. `missing`: the entry or its seal is.
    /// `unsealed_older`: it was added later.
    pub reason: String,
}

impl From<Verified> for VerificationBody {
    fn from(verified: Verified) -> Self {
        Self {
            ok: verified.broken.is_none(),
            checked_from: verified.from,
            checked_through: verified.through,
            removed_through: verified.removed_through,
            head: verified.head.map(Into::into),
            has_more: verified.has_more,
            broken: verified.broken.map(Into::into),
        }
    }
}

impl From<Head> for AuditHead {
    fn from(head: Head) -> Self {
        Self { position: head.position, hash: hex(&head.hash) }
    }
}

impl From<Broken> for AuditBreak {
    fn from(broken: Broken) -> Self {
        let reason = broken.reason.name().to_owned();
        Self { position: broken.position, audit_event_id: broken.entry, reason }
    }
}
