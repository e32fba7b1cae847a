//! Writing entries.

use super::AuditOutcome;
use crate::db::TenantTx;
use crate::error::Result;
use crate::id::EventId;

/// So many new entries of a kind, to be counted once they are committed.
#[derive(sqlx::FromRow)]
pub(crate) struct Written {
    category: String,
    outcome: String,
    entries: i64,
}

impl Written {
    /// After the commit.
    pub(crate) fn count(self) {
        count(self.category, self.outcome, u64::try_from(self.entries).unwrap_or_default());
    }
}

/// Entries were written.
pub(super) fn count(
    category: impl Into<metrics::SharedString>,
    outcome: impl Into<metrics::SharedString>,
    entries: u64,
) {
    metrics::counter!("tenon_audit_events_total", "category" => category.into(), "outcome" => outcome.into())
        .increment(entries);
}

/// Writes the entries of events whose fan-out jobs `worker` holds: the job at a place is that of the event at the same place. An
/// entry that is there already is left as it is.
pub(crate) async fn from_events(
    tx: &mut TenantTx<'_>,
    worker: &str,
    jobs: &[String],
    events: &[EventId],
) -> Result<Vec<Written>> {
    let written = sqlx::query_as(
        "with event as materialized (
             select e.id, e.created_at, e.type, e.object_type, e.object_id, e.object_version, e.body::jsonb as body,
                    e.context::jsonb as context
             from unnest($2::text[], $3::uuid[]) as w (job, event_id)
             join apalis.jobs j on j.id = w.job and j.lock_by = $4
             join tenon.events e on e.tenant_id = $1 and e.id = w.event_id
         ),
         written as (insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, actor_id, resource_type, resource_id,
                                         resource_version, outcome, changes, request_id, ip, user_agent)
         select $1, e.id, e.created_at, e.type,
                case when e.object_type in ('api_key', 'user') then 'security'
                     when e.object_type in ('tenant', 'webhook', 'import_template', 'audit_sink') then 'settings' else 'records' end,
                e.body -> 'actor' ->> 'type', (e.body -> 'actor' ->> 'id')::uuid, e.object_type, e.object_id, e.object_version,
                case e.type when 'import.failed' then $5 else $6 end,
                tenon.masked(tenon.audited_changes(e.type, e.body))::text,
                e.context ->> 'requestId', e.context ->> 'ip', e.context ->> 'userAgent'
         from event e
         on conflict do nothing
         returning category, outcome)
         select category, outcome, count(*) as entries from written group by category, outcome",
    )
    .bind(tx.actor().tenant)
    .bind(jobs)
    .bind(events)
    .bind(worker)
    .bind(AuditOutcome::Failed.name())
    .bind(AuditOutcome::Succeeded.name())
    .fetch_all(tx.conn())
    .await?;
    Ok(written)
}
