//! `tenon-api admin audit`.

use serde_json::json;
use tenon_common::account::tenant;
use tenon_common::audit::{hex, verify};
use tenon_common::error::Error;
use tenon_common::id::TenantId;
use tenon_common::{Actor, Db};
use uuid::Uuid;

use crate::cli::{AuditCommand, Expected};

use super::admin::explain;
use super::say;

pub(super) async fn run(db: &Db, command: &AuditCommand) -> Result<(), String> {
    let AuditCommand::Verify { tenant: named, expect } = command;
    let tenant = tenant(db, named).await.map_err(explain)?;
    let tenant = tenant.ok_or_else(|| format!("--tenant: there is no tenant {named}"))?;
    let wrong = walk(db, tenant, *expect).await.map_err(explain)?;
    wrong.map_or(Ok(()), Err)
}

async fn tenant(db: &Db, named: &str) -> Result<Option<TenantId>, Error> {
    match named.parse::<Uuid>() {
        Ok(id) => Ok(Some(TenantId(id))),
        Err(_) => tenant::find(db, named).await,
    }
}

/// Checks all of it, part by part, and says what came out; answers what is wrong.
async fn walk(db: &Db, tenant: TenantId, expect: Option<Expected>) -> Result<Option<String>, Error> {
    let actor = Actor::system(tenant);
    let mut after = 0;
    let verified = loop {
        let part = db.read(&actor, async |tx| verify::verify(tx, after).await).await?;
        if !part.has_more {
            break part;
        }
        after = part.through;
    };
    let broken = verified.broken.map(|broken| {
        json!({"position": broken.position, "auditEventId": broken.entry, "reason": broken.reason.name()})
    });
    let head = verified.head.map(|head| json!({"position": head.position, "hash": hex(&head.hash)}));
    let kept = match expect {
        Some(expect) => {
            let found = db.read(&actor, async |tx| verify::hash_at(tx, expect.position).await).await?;
            found == Some(expect.hash)
        }
        None => true,
    };
    let answer = json!({
        "tenantId": tenant, "ok": broken.is_none() && kept, "checkedThrough": verified.through,
        "removedThrough": verified.removed_through, "head": head, "broken": broken
    });
    say(&answer.to_string());
    Ok(match (broken, expect) {
        (Some(broken), _) => Some(format!("the audit trail is broken: {broken}")),
        (None, Some(expect)) if !kept && expect.position < verified.removed_through => {
            Some(format!("the audit trail has no position {} any more: its time was over", expect.position))
        }
        (None, Some(expect)) if !kept => {
            Some(format!("the audit trail has not the expected hash at position {}", expect.position))
        }
        _ => None,
    })
}
