//! Writing what a fan-out makes.

use std::collections::HashSet;

use super::Waiting;
use super::candidate::Order;
use super::matches::Match;
use crate::audit::Entries;
use crate::db::TenantTx;
use crate::error::Result;
use crate::id::{DeliveryId, EventId};
use crate::job::JobColumns;
use crate::queue::Reservation;
use crate::webhook::sending::Sending;
use crate::webhook::wish::Verdict;

/// What a fan-out is about to write.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) reservation: &'a Reservation,
    pub(super) sendings: &'a [Sending],
    pub(super) paused: &'a [&'a Match],
    pub(super) entries: &'a Entries,
    pub(super) order: &'a Order,
}

/// Writes deliveries, their jobs, those that wait for their webhook to be enabled, the trail's entries and the end of the fan-out jobs in one
/// statement; answers the ids of the jobs that are new, and of the entries.
pub(super) async fn insert(
    tx: &mut TenantTx<'_>,
    worker: &str,
    waiting: &[Waiting],
    made: Made<'_>,
    mut unjudged: Vec<DeliveryId>,
) -> Result<(HashSet<String>, HashSet<EventId>)> {
    let Made { reservation, sendings, paused, entries, order } = made;
    let jobs: JobColumns = reservation.jobs().iter().cloned().collect();
    let webhooks: Vec<_> = sendings.iter().map(|sending| sending.webhook_id).collect();
    let events: Vec<_> = sendings.iter().map(|sending| sending.event_id).collect();
    let ids: Vec<_> = sendings.iter().map(|sending| sending.id).collect();
    let types: Vec<_> = sendings.iter().map(|sending| &*sending.event_type).collect();
    let paused_ids: Vec<_> = paused.iter().map(|_| DeliveryId::new()).collect();
    let paused_unjudged =
        paused.iter().zip(&paused_ids).filter(|(paused, _)| paused.verdict == Verdict::Unjudged);
    unjudged.extend(paused_unjudged.map(|(_, id)| *id));
    let finished: Vec<_> = waiting.iter().map(|waiting| waiting.job.as_str()).collect();
    let rows: Vec<(Option<String>, Option<EventId>)> = sqlx::query_as(
        "with new as materialized (
             select n.* from unnest($3::text[], $4::text[], $5::bytea[], $6::integer[], $7::hstore[], $8::uuid[], $9::uuid[], $10::uuid[],
                                    $11::text[], $12::boolean[], $33::bytea[], $34::bytea[], $35::boolean[])
                 as n (job_id, queue, payload, max_attempts, metadata, webhook_id, event_id, id, event_type, claimed, order_key, order_at,
                       held)
         ),
         delivery as (
             insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, next_attempt_at, job_id, unjudged)
             select $1, n.webhook_id, n.event_id, n.id, n.event_type, case when n.held then null else now() end, n.job_id,
                    n.id = any ($36)
             from new n
             on conflict do nothing
             returning job_id
         ),
         job as (
             insert into apalis.jobs (id, job_type, job, max_attempts, metadata, order_key, order_at, run_at, status, lock_by, lock_at)
             select n.job_id, n.queue, n.payload, n.max_attempts, n.metadata, n.order_key, n.order_at,
                    case when n.held then 'infinity' else now() end,
                    case when n.claimed then 'Running' else 'Pending' end,
                    case when n.claimed then $13 end, case when n.claimed then now() end
             from new n join delivery using (job_id)
         ),
         paused as (
             insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status, unjudged)
             select $1, p.webhook_id, p.event_id, p.id, p.event_type, 'paused', p.id = any ($36)
             from unnest($15::uuid[], $16::uuid[], $17::uuid[], $18::text[]) as p (webhook_id, event_id, id, event_type)
             on conflict do nothing
         ),
         finished as (
             delete from apalis.jobs j where j.id = any ($14) and j.lock_by = $2
         ),
         entry as (
             insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, actor_id, resource_type, resource_id,
                                             resource_version, outcome, changes, request_id, ip, user_agent)
             select $1, a.* from unnest($19::uuid[], $20::timestamptz[], $21::text[], $22::text[], $23::text[], $24::uuid[], $25::text[],
                                        $26::uuid[], $27::bigint[], $28::text[], $29::text[], $30::text[], $31::text[], $32::text[]) as a
             on conflict do nothing
             returning id
         )
         select job_id, null::uuid from delivery union all select null, id from entry",
    )
    .bind(tx.actor().tenant)
    .bind(worker)
    .bind(jobs.ids)
    .bind(jobs.queues)
    .bind(jobs.payloads)
    .bind(jobs.max_attempts)
    .bind(jobs.metadata)
    .bind(webhooks)
    .bind(events)
    .bind(ids)
    .bind(types)
    .bind(reservation.claimed())
    .bind(reservation.worker())
    .bind(finished)
    .bind(paused.iter().map(|paused| paused.webhook_id).collect::<Vec<_>>())
    .bind(paused.iter().map(|paused| paused.event_id).collect::<Vec<_>>())
    .bind(paused_ids)
    .bind(paused.iter().map(|paused| &*paused.event_type).collect::<Vec<_>>())
    .bind(&entries.ids)
    .bind(&entries.at)
    .bind(&entries.actions)
    .bind(&entries.categories)
    .bind(&entries.actor_kinds)
    .bind(&entries.actor_ids)
    .bind(&entries.resource_types)
    .bind(&entries.resource_ids)
    .bind(&entries.resource_versions)
    .bind(&entries.outcomes)
    .bind(&entries.changes)
    .bind(&entries.request_ids)
    .bind(&entries.ips)
    .bind(&entries.user_agents)
    .bind(&order.keys)
    .bind(&order.at)
    .bind(&order.held)
    .bind(unjudged)
    .fetch_all(tx.conn())
    .await?;
    let (jobs, entries): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    Ok((jobs.into_iter().flatten().collect(), entries.into_iter().flatten().collect()))
}
