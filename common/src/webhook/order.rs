//! Deliveries in the order of their object's changes, for webhooks whose `ordering` is `object`.
//!
//! A later event of an object waits for the end of the earlier one's delivery: its job is held, which is a row whose `run_at` is infinite.
//! `migrations/0180_expand_delivery_order.sql` has what releases it. Here is the fan-out's part: what comes first is made first, and what
//! is not first is held. Fan-outs without such a webhook ask nothing of this.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::change::FanOutEvent;
use crate::db::{Db, TenantTx};
use crate::error::Result;
use crate::id::{EventId, WebhookId};
use crate::job::Job;
use crate::webhook::delivery::DeliverWebhook;

/// As the column of webhooks has it.
pub const OBJECT: &str = "object";
/// No order.
pub const NONE: &str = "none";

/// A fan-out that has failed so often keeps those of later events waiting no longer.
const FAILED_OFTEN: i32 = 5;

/// Where an event stands among those of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) object: Uuid,
    pub(crate) version: i64,
    pub(crate) event: EventId,
}

impl Place {
    /// The column `order_key`.
    pub(crate) fn key(self, webhook: WebhookId) -> Vec<u8> {
        [&webhook.0.as_bytes()[..], self.object.as_bytes()].concat()
    }

    /// The column `order_at`.
    pub(crate) fn at(self) -> Vec<u8> {
        [&self.version.to_be_bytes()[..], self.event.0.as_bytes()].concat()
    }
}

/// The places of a fan-out's events that go to webhooks with an order.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<EventId, Place>);

/// An event of the fan-out, and the job that told of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) job: &'a str,
    pub(crate) event: EventId,
}

#[derive(sqlx::FromRow)]
struct Row {
    event_id: EventId,
    object_id: Uuid,
    object_version: i64,
    /// Of the last events of the object that were made before, those without a delivery: they may not have been fanned out.
    before: Vec<EventId>,
}

impl Places {
    /// The place of an event; none where no webhook asked for it.
    pub(crate) fn of(&self, event: EventId) -> Option<Place> {
        self.0.get(&event).copied()
    }

    /// Reads the places of these events, each with a webhook that wants them in order; and which of the fan-out's jobs have to wait for
    /// another one's, which has an earlier event of the same object. Those are put off. The first of all changes has nothing to wait for.
    ///
    /// From here on this is the only fan-out of the tenant with such a webhook: what another one had begun is done. Its statements go by
    /// indexes, for the table of jobs may have grown since anybody looked how large it is.
    pub(crate) async fn read(
        tx: &mut TenantTx<'_>,
        ordered: &[(WebhookId, EventId)],
        told: &[Told<'_>],
    ) -> Result<(Self, HashSet<String>)> {
        let lock = "select set_config('enable_seqscan', 'off', true), pg_advisory_xact_lock(164, hashtext($1::text))";
        sqlx::query(lock).bind(tx.actor().tenant).execute(tx.conn()).await?;
        let rows = rows(tx, ordered).await?;
        let place =
            |row: &Row| Place { object: row.object_id, version: row.object_version, event: row.event_id };
        let places = Self(rows.iter().map(|row| (row.event_id, place(row))).collect());
        // What is in this fan-out too is made by it, or put off with what comes after it.
        let here: HashSet<EventId> = told.iter().map(|told| told.event).collect();
        let may_wait = |row: &&Row| row.before.iter().any(|event| !here.contains(event));
        let uncertain: Vec<Place> = rows.iter().filter(may_wait).map(place).collect();
        let waiting = match uncertain.is_empty() {
            true => HashSet::new(),
            false => waiting(tx, &uncertain, told).await?,
        };
        let put_off = places.put_off(told, &waiting);
        Ok((places, put_off))
    }

    /// The jobs of the events that wait, and those of what comes after these: a job is put off with all of its events.
    fn put_off(&self, told: &[Told<'_>], waiting: &HashSet<EventId>) -> HashSet<String> {
        let mut put_off = HashSet::new();
        // The earliest event of each object that is put off.
        let mut first: HashMap<Uuid, Place> = HashMap::new();
        loop {
            let comes_after = |event: EventId| {
                let place = self.0.get(&event)?;
                first.get(&place.object).map(|first| place > first)
            };
            let waits = |told: &&Told<'_>| {
                waiting.contains(&told.event) || comes_after(told.event).unwrap_or_default()
            };
            let jobs: HashSet<&str> = told.iter().filter(waits).map(|told| told.job).collect();
            let new: HashSet<&str> = jobs.into_iter().filter(|job| !put_off.contains(*job)).collect();
            if new.is_empty() {
                return put_off;
            }
            for told in told.iter().filter(|told| new.contains(told.job)) {
                if let Some(place) = self.of(told.event) {
                    let first = first.entry(place.object).or_insert(place);
                    *first = place.min(*first);
                }
            }
            put_off.extend(new.into_iter().map(str::to_owned));
        }
    }
}

/// The places, and which of the few events before each have no delivery. Where the last one has one, so has what came before it: it was made in
/// order. What is not subscribed to has none, and is found to be done by [`waiting`].
async fn rows(tx: &mut TenantTx<'_>, ordered: &[(WebhookId, EventId)]) -> Result<Vec<Row>> {
    let (webhooks, events): (Vec<_>, Vec<_>) = ordered.iter().copied().unzip();
    let rows = sqlx::query_as(
        "with mine as materialized (
             select p.webhook_id, e.id, e.object_id, e.object_version
             from unnest($2::uuid[], $3::uuid[]) as p (webhook_id, event_id)
             join tenon.events e on e.tenant_id = $1 and e.id = p.event_id
         )
         select m.id as event_id, m.object_id, m.object_version,
                array(
                    select before.id from (
                        select e.id from tenon.events e
                        where e.tenant_id = $1 and e.object_id = m.object_id and e.id >= w.state_from
                          and (e.object_version, e.id) < (m.object_version, m.id)
                        order by e.id desc limit 3
                    ) before
                    where not exists (select from tenon.deliveries d
                                      where d.tenant_id = $1 and d.webhook_id = m.webhook_id and d.event_id = before.id)
                ) as before
         from mine m
         join tenon.webhooks w on w.tenant_id = $1 and w.id = m.webhook_id",
    )
    .bind(tx.actor().tenant)
    .bind(webhooks)
    .bind(events)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Those of the events before which another job has yet to fan out one of the same object.
async fn waiting(tx: &mut TenantTx<'_>, events: &[Place], told: &[Told<'_>]) -> Result<HashSet<EventId>> {
    let found: Vec<EventId> = sqlx::query_scalar(
        "with others as materialized (
             select j.job from apalis.jobs j
             where j.kind = $5 and j.lane = $1::text and j.status = 'Pending' and j.id <> all ($6) and j.attempts < $7
             union all
             select j.job from apalis.jobs j
             where j.lock_by is not null and j.orphaned >= 0 and j.kind = $5 and j.lane = $1::text and j.id <> all ($6) and j.attempts < $7
         ), theirs as materialized (
             select t.event_id::uuid as event_id
             from others o cross join lateral jsonb_array_elements_text(convert_from(o.job, 'UTF8')::jsonb -> 'eventIds') as t (event_id)
         )
         select distinct m.event_id
         from unnest($2::uuid[], $3::bigint[], $4::uuid[]) as m (object_id, version, event_id)
         join tenon.events e on e.tenant_id = $1 and e.object_id = m.object_id and (e.object_version, e.id) < (m.version, m.event_id)
         join theirs t on t.event_id = e.id",
    )
    .bind(tx.actor().tenant)
    .bind(events.iter().map(|place| place.object).collect::<Vec<_>>())
    .bind(events.iter().map(|place| place.version).collect::<Vec<_>>())
    .bind(events.iter().map(|place| place.event).collect::<Vec<_>>())
    .bind(FanOutEvent::KIND)
    .bind(told.iter().map(|told| told.job).collect::<Vec<_>>())
    .bind(FAILED_OFTEN)
    .fetch_all(tx.conn())
    .await?;
    Ok(found.into_iter().collect())
}

/// The last look at what a fan-out has made: of its jobs those are held before which another one of the key has not ended, whoever made that
/// one, and one that is held is released where there is none. Answers which are held now, and were not. Before the commit, after all else.
pub(crate) async fn settle(tx: &mut TenantTx<'_>, jobs: Vec<&str>) -> Result<HashSet<String>> {
    let lock = "select pg_advisory_xact_lock(165, tenon.switch_lock($1))";
    sqlx::query(lock).bind(tx.actor().tenant).execute(tx.conn()).await?;
    let held: Vec<String> = sqlx::query_scalar(
        "with ours as materialized (
             select j.id, j.run_at = 'infinity' as is_held,
                    j.id = (select b.id from apalis.jobs b
                            where b.order_key = j.order_key and b.status <> 'Killed'
                            order by b.order_at, b.id limit 1) as is_head
             from apalis.jobs j where j.id = any ($2)
         ), moved as (
             update apalis.jobs j
             set status = 'Pending', lock_by = null, lock_at = null, run_at = case when o.is_head then now() else 'infinity' end
             from ours o where j.id = o.id and o.is_head = o.is_held
             returning j.id, j.order_key, j.order_at, o.is_head
         ), deliveries as (
             update tenon.deliveries d set next_attempt_at = case when m.is_head then now() end
             from moved m
             where d.tenant_id = $1 and d.webhook_id = tenon.order_webhook(m.order_key) and d.event_id = tenon.order_event(m.order_at)
         )
         select m.id from moved m where not m.is_head",
    )
    .bind(tx.actor().tenant)
    .bind(jobs)
    .fetch_all(tx.conn())
    .await?;
    Ok(held.into_iter().collect())
}

/// Puts jobs that were made for these events into their webhook's order.
pub(crate) async fn arrange(tx: &mut TenantTx<'_>, webhook: WebhookId, events: &[EventId]) -> Result<()> {
    let statement = "select tenon.order_deliveries($1, $2, $3)";
    sqlx::query(statement).bind(tx.actor().tenant).bind(webhook).bind(events).execute(tx.conn()).await?;
    Ok(())
}

/// The webhook's order begins: what is pending waits as it would have from the beginning; what is under way is under way. As [`end`], in a
/// transaction that switches.
pub(crate) async fn begin(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<()> {
    let pending = "select event_id from tenon.deliveries where tenant_id = $1 and webhook_id = $2 and status = 'pending'";
    let events: Vec<EventId> =
        sqlx::query_scalar(pending).bind(tx.actor().tenant).bind(webhook).fetch_all(tx.conn()).await?;
    arrange(tx, webhook, &events).await
}

/// The webhook's order ends: nothing waits any more.
pub(crate) async fn end(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<()> {
    let statement = "select tenon.unorder_deliveries($1, $2)";
    sqlx::query(statement).bind(tx.actor().tenant).bind(webhook).execute(tx.conn()).await?;
    tx.enqueued(DeliverWebhook::QUEUE);
    Ok(())
}

/// What is paused or cancelled waits in no order: resuming makes new jobs.
pub(crate) async fn forget(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<()> {
    let statement = "select tenon.drop_ordered_deliveries($1, $2)";
    sqlx::query(statement).bind(tx.actor().tenant).bind(webhook).execute(tx.conn()).await?;
    Ok(())
}

/// Releases what is held although nothing is before it, of all tenants, at most so much; how much that was. There should be none. As the
/// worker.
pub async fn release_stalled(db: &Db, most: i32) -> Result<i64> {
    let mut connection = db.lookup().await?;
    let released = sqlx::query_scalar("select tenon.release_stalled_deliveries($1)");
    let released: i64 = released.bind(most).fetch_one(&mut *connection).await?;
    if released > 0 {
        tracing::warn!(released, "deliveries waited for earlier ones that had ended; they are sent now");
    }
    Ok(released)
}

#[cfg(test)]
mod tests;
