//! An entry as sinks get it: as the API shows it, with its place in the chain.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::actor::ActorReference;
use crate::audit::{self, AuditEntry};
use crate::error::{Error, Result};
use crate::id::{EventId, TenantId};
use crate::wire;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    position: i64,
    hash: &'a str,
    tenant_id: TenantId,
    id: Uuid,
    event_id: Option<String>,
    at: String,
    action: &'a str,
    category: &'a str,
    actor: ActorReference,
    resource: Option<Resource<'a>>,
    outcome: &'a str,
    changes: Option<Changes>,
    request_id: Option<&'a str>,
    ip: Option<&'a str>,
    user_agent: Option<&'a str>,
    count: i32,
    operation: Option<&'a str>,
    reason: Option<&'a str>,
    account: Option<&'a str>,
}

#[derive(Serialize)]
struct Resource<'a> {
    r#type: &'a str,
    id: Uuid,
    version: Option<i64>,
}

#[derive(Serialize)]
struct Changes {
    before: Value,
    after: Value,
}

/// JSON without line breaks.
pub(super) fn line(position: i64, hash: &str, entry: &AuditEntry) -> Result<String> {
    let kind = ActorReference::parse(&entry.actor_kind).kind;
    let resource = entry.resource_type.as_deref().zip(entry.resource_id);
    let line = Line {
        position,
        hash,
        tenant_id: TenantId(entry.tenant_id),
        id: entry.id,
        event_id: (!audit::is_direct(&entry.action)).then(|| EventId(entry.id).wire()),
        at: wire::instant(entry.at),
        action: &entry.action,
        category: &entry.category,
        actor: ActorReference { kind, id: entry.actor_id },
        resource: resource.map(|(r#type, id)| Resource { r#type, id, version: entry.resource_version }),
        outcome: &entry.outcome,
        changes: entry.changes.as_deref().and_then(changes),
        request_id: entry.request_id.as_deref(),
        ip: entry.ip.as_deref(),
        user_agent: entry.user_agent.as_deref(),
        count: entry.count,
        operation: entry.operation.as_deref(),
        reason: entry.reason.as_deref(),
        account: entry.account.as_deref(),
    };
    serde_json::to_string(&line).map_err(Error::internal)
}

fn changes(text: &str) -> Option<Changes> {
    let mut changes: Value = serde_json::from_str(text).ok()?;
    let mut take = |name| changes.get_mut(name).map(Value::take).unwrap_or_default();
    Some(Changes { before: take("before"), after: take("after") })
}
