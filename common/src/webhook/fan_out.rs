//! From an event to its deliveries and its entry in the audit trail: in one tenant transaction, for as many events of the tenant as wait together.

mod candidate;
mod wanted;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use crate::audit::{Entries, Recorded, Written};
use crate::db::TenantTx;
use crate::error::Result;
use crate::event;
use crate::id::{DeliveryId, EventId, TenantId, WebhookId};
use crate::job::{EncodedJob, JobColumns};
use crate::queue::{Injector, Reservation};
use crate::webhook::delivery::DeliverWebhook;
use crate::webhook::order::{Places, Told};
use crate::webhook::receiver::{Receiver, receiver_columns};
use crate::webhook::sending::Sending;
use crate::webhook::wish::Verdict;

use wanted::{Verdicts, Wishes};

use candidate::{Candidate, Order};

/// An event that waits, with the job that says so.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The fan-out job's id.
    pub job: String,
    /// The event's.
    pub event: EventId,
    /// The trace that the change belongs to.
    pub traceparent: Option<String>,
}

/// What a fan-out made, to be told to the worker once it is committed.
pub struct FannedOut {
    /// The deliveries' jobs, of which the worker claims as many as it has room for.
    reservation: Reservation,
    /// The ids of the jobs that are new.
    inserted: HashSet<String>,
    /// The deliveries, with everything that sending them takes.
    sendings: Vec<Sending>,
    /// The entries of the audit trail that are new.
    entries: Vec<Written>,
    /// The fan-out jobs that have to wait for another one's events.
    put_off: HashSet<String>,
    /// What the webhooks' wishes have said.
    verdicts: Verdicts,
}

impl FannedOut {
    /// The fan-out jobs of which nothing was made: another one has earlier events of the same objects, for a webhook that gets them in
    /// order. They are to be run again in a moment.
    pub fn put_off(&self) -> &HashSet<String> {
        &self.put_off
    }

    /// What was claimed, to be sent without reading it again.
    pub fn claimed(&self) -> impl Iterator<Item = &Sending> {
        let jobs = self.reservation.jobs().iter().zip(self.reservation.claimed());
        jobs.zip(&self.sendings)
            .filter(|((job, claimed), _)| *claimed && self.inserted.contains(&job.id))
            .map(|(_, sending)| sending)
    }

    /// After the commit: the claimed jobs run here, without a second hop through the database.
    pub fn inject(self) {
        self.entries.into_iter().for_each(Written::count);
        self.verdicts.count();
        self.reservation.inject(&self.inserted);
    }
}

/// An event and a webhook that it is for.
struct Match {
    event_id: EventId,
    event_type: Arc<str>,
    webhook_id: WebhookId,
    /// Whether it is sent; it waits for its webhook to be enabled otherwise.
    is_sent: bool,
    /// What the webhook's wishes say of it.
    verdict: Verdict,
}

/// What matches, and what it takes to send it and to keep it in the trail: each event and each webhook once, however many there are of
/// the other.
#[derive(Default)]
struct Matches {
    pairs: Vec<Match>,
    events: HashMap<EventId, Event>,
    receivers: HashMap<WebhookId, Arc<Receiver>>,
    entries: Entries,
    wishes: Wishes,
}

struct Event {
    created_at: DateTime<Utc>,
    body: Bytes,
}

/// Makes the deliveries of the events and their jobs, writes the entries of the audit trail, and deletes the fan-out jobs that `worker`
/// still holds. Done twice it makes nothing twice. In a transaction of [`switching::write_beside_none`](crate::webhook::switching).
pub async fn fan_out(
    tx: &mut TenantTx<'_>,
    worker: &str,
    injector: &Injector,
    waiting: &[Waiting],
) -> Result<FannedOut> {
    let found = find(tx, worker, waiting).await?;
    let ordered = found.matches.ordered();
    if ordered.is_empty() {
        return make(tx, worker, injector, waiting, found, &Places::default()).await;
    }
    let told: Vec<Told<'_>> = waiting.iter().map(|w| Told { job: &w.job, event: w.event }).collect();
    let (places, put_off) = Places::read(tx, &ordered, &told).await?;
    if put_off.is_empty() {
        return make(tx, worker, injector, waiting, found, &places).await;
    }
    let now: Vec<Waiting> = waiting.iter().filter(|w| !put_off.contains(&w.job)).cloned().collect();
    let found = find(tx, worker, &now).await?;
    let made = make(tx, worker, injector, &now, found, &places).await?;
    Ok(FannedOut { put_off, ..made })
}

/// What matches, and what the webhooks' wishes have left of it.
struct Found {
    matches: Matches,
    verdicts: Verdicts,
}

async fn find(tx: &mut TenantTx<'_>, worker: &str, waiting: &[Waiting]) -> Result<Found> {
    let mut matches = matches(tx, worker, waiting).await?;
    let verdicts = wanted::keep_wanted(tx, &mut matches).await?;
    Ok(Found { matches, verdicts })
}

async fn make(
    tx: &mut TenantTx<'_>,
    worker: &str,
    injector: &Injector,
    waiting: &[Waiting],
    found: Found,
    places: &Places,
) -> Result<FannedOut> {
    let Found { matches, verdicts } = found;
    let (sent, paused): (Vec<_>, Vec<_>) = matches.pairs.iter().partition(|found| found.is_sent);
    let tenant = tx.actor().tenant;
    let traces: HashMap<_, _> = waiting.iter().map(|w| (w.event, w.traceparent.as_deref())).collect();
    let mut candidates = Vec::with_capacity(sent.len());
    let mut unjudged = Vec::new();
    for found in sent {
        let args =
            DeliverWebhook { tenant_id: tenant, webhook_id: found.webhook_id, event_id: found.event_id };
        let job = args.encoded(traces.get(&found.event_id).copied().flatten())?;
        if let Some(sending) = matches.sending(tenant, found, &job) {
            unjudged.extend(Some(sending.id).filter(|_| found.verdict == Verdict::Unjudged));
            let job = EncodedJob { paced: is_paced(&sending), ..job };
            let place = sending.receiver.is_ordered().then(|| places.of(found.event_id)).flatten();
            candidates.push(Candidate { job, sending, place });
        }
    }
    let order = Order::of(&mut candidates);
    let (jobs, sendings): (Vec<_>, Vec<_>) =
        candidates.into_iter().map(|candidate| (candidate.job, candidate.sending)).unzip();
    let reservation = injector.reserve(jobs);
    let made = Made {
        reservation: &reservation,
        sendings: &sendings,
        paused: &paused,
        entries: &matches.entries,
        order: &order,
    };
    let (mut inserted, entries) = insert(tx, worker, waiting, made, unjudged).await?;
    for held in order.settle(tx, reservation.jobs()).await? {
        inserted.remove(&held);
    }
    let entries = matches.entries.written(&entries);
    Ok(FannedOut { reservation, inserted, sendings, entries, verdicts, put_off: HashSet::new() })
}

fn is_paced(sending: &Sending) -> bool {
    sending.receiver.max_per_second.is_some() || sending.receiver.max_concurrency.is_some()
}

impl Matches {
    /// The events that are sent to webhooks which get them in order.
    fn ordered(&self) -> Vec<(WebhookId, EventId)> {
        let is_ordered = |found: &&Match| {
            self.receivers.get(&found.webhook_id).is_some_and(|receiver| receiver.is_ordered())
        };
        let sent = self.pairs.iter().filter(|found| found.is_sent);
        sent.filter(is_ordered).map(|found| (found.webhook_id, found.event_id)).collect()
    }

    fn sending(&self, tenant: TenantId, found: &Match, job: &EncodedJob) -> Option<Sending> {
        let event = self.events.get(&found.event_id)?;
        Some(Sending {
            tenant_id: tenant,
            webhook_id: found.webhook_id,
            event_id: found.event_id,
            id: DeliveryId::new(),
            event_type: Arc::clone(&found.event_type),
            status: "pending".into(),
            attempts: 0,
            schedule_attempts: 0,
            replay: false,
            job_id: Some(job.id.clone()),
            active: true,
            deleted: false,
            body: event.body.clone(),
            event_created_at: event.created_at,
            receiver: Arc::clone(self.receivers.get(&found.webhook_id)?),
        })
    }

    /// Takes a row in: what is of its event, and of its webhook, is in the first row of each alone. An event that is for nobody has one row.
    fn take(&mut self, row: &PgRow) -> Result<()> {
        let event_id = row.try_get("event_id")?;
        let event_type: &str = row.try_get("event_type")?;
        if let Some(body) = row.try_get::<Option<String>, _>("body")? {
            let created_at = row.try_get("created_at")?;
            self.entries.push(Recorded {
                id: event_id,
                at: created_at,
                event_type,
                object_type: row.try_get("object_type")?,
                object_id: row.try_get("object_id")?,
                object_version: row.try_get("object_version")?,
                body: &body,
                context: row.try_get("context")?,
            })?;
            self.events.insert(event_id, Event { created_at, body: body.into() });
        }
        let Some(webhook_id) = row.try_get("webhook_id")? else { return Ok(()) };
        if row.try_get::<Option<&str>, _>("url")?.is_some() {
            self.receivers.insert(webhook_id, Arc::new(Receiver::from_row(row)?));
            self.wishes.take(row, webhook_id)?;
        }
        self.wishes.take_earlier(row, event_id, webhook_id)?;
        let (event_type, is_sent, verdict) = (event_type.into(), row.try_get("is_sent")?, Verdict::Matches);
        self.pairs.push(Match { event_id, event_type, webhook_id, is_sent, verdict });
        Ok(())
    }
}

/// The earlier state of a webhook that an event belongs to, where the webhook had subscribed to it.
macro_rules! earlier {
    () => {
        "tenon.webhook_states s
         where s.tenant_id = $1 and s.webhook_id = h.id and s.active and s.events && e.subscriptions
           and not tenon.is_before(e.xid, s.begun, s.begun_by) and tenon.is_before(e.xid, s.ended, s.ended_by)"
    };
}

/// The events, and the webhooks that were active and subscribed to each when it was committed, with what they wanted of it then. Only of
/// jobs that `worker` holds. Nearly all events are of the webhook's present state; only for others are its earlier ones looked at. What
/// subscribes to an event is made once, behind `offset 0`, and not for each webhook.
async fn matches(tx: &mut TenantTx<'_>, worker: &str, waiting: &[Waiting]) -> Result<Matches> {
    let (jobs, events): (Vec<_>, Vec<_>) = waiting.iter().map(|w| (w.job.clone(), w.event)).unzip();
    let rows = sqlx::query(concat!(
        "with held as materialized (
             select j.id from apalis.jobs j where j.id = any ($2) and j.lock_by = $4 for update
         )
         select m.event_id, m.event_type, m.webhook_id, m.is_sent, m.earlier, m.object_type, m.object_id, m.object_version,
                case when m.first_of_webhook then m.filter end as filter, case when m.first_of_webhook then m.skip_own end as skip_own,
                case when m.first_of_webhook then m.created_by end as created_by, case when m.first_of_webhook then m.own_key end as own_key,
                case when m.first_of_event then m.created_at end as created_at, case when m.first_of_event then m.body end as body,
                case when m.first_of_event then m.context end as context, ",
        receiver_columns!("m" when "m.first_of_webhook"),
        " from (
             select e.id as event_id, e.type as event_type, e.created_at, e.body, e.object_type, e.object_id, e.object_version, e.context,
                    h.id as webhook_id, h.active and t.deleted_at is null as is_sent, h.filter, h.skip_own, h.created_by, h.own_key,
                    case when tenon.is_before(e.xid, h.state_since, h.state_by)
                         then (select array[s.filter, s.skip_own::text] from ",
        earlier!(),
        " limit 1) end as earlier,
                    row_number() over (partition by e.id) = 1 as first_of_event,
                    row_number() over (partition by h.id) = 1 as first_of_webhook,
                    h.url, h.address_version, h.failing_since, h.secret, h.previous_secret, h.previous_secret_expires_at, h.signing_key,
                    h.previous_signing_key, h.headers, h.payload, h.api_version, h.max_per_second, h.max_concurrency, h.retry_schedule,
                    h.ordering
             from (select o.*, tenon.subscriptions_to(o.type) as subscriptions
                   from unnest($2::text[], $3::uuid[]) as w (job, event_id)
                   join held on held.id = w.job
                   join tenon.events o on o.tenant_id = $1 and o.id = w.event_id
                   offset 0) e
             join tenon.tenants t on t.id = $1
             left join tenon.webhooks h on h.tenant_id = $1 and h.deleted_at is null and e.type = any ($5)
                  and case when not tenon.is_before(e.xid, h.state_since, h.state_by) then h.active and h.events && e.subscriptions
                           else exists (select from ",
        earlier!(),
        ") end
         ) m",
    ))
    .bind(tx.actor().tenant)
    .bind(jobs)
    .bind(events)
    .bind(worker)
    .bind(event::subscribable())
    .fetch_all(tx.conn())
    .await?;
    let mut matches = Matches::default();
    rows.iter().try_for_each(|row| matches.take(row))?;
    matches.pairs.sort_by_key(|pair| pair.event_id.0);
    Ok(matches)
}

/// What a fan-out is about to write.
#[derive(Clone, Copy)]
struct Made<'a> {
    reservation: &'a Reservation,
    sendings: &'a [Sending],
    paused: &'a [&'a Match],
    entries: &'a Entries,
    order: &'a Order,
}

/// Writes deliveries, their jobs, those that wait for their webhook to be enabled, the trail's entries and the end of the fan-out jobs in one
/// statement; answers the ids of the jobs that are new, and of the entries.
async fn insert(
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
