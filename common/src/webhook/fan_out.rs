//! From an event to its deliveries and its entry in the audit trail: in one tenant transaction, for as many events of the tenant as wait together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use crate::audit;
use crate::db::TenantTx;
use crate::error::Result;
use crate::event;
use crate::id::{DeliveryId, EventId, TenantId, WebhookId};
use crate::job::{EncodedJob, JobColumns};
use crate::queue::{Injector, Reservation};
use crate::webhook::delivery::DeliverWebhook;
use crate::webhook::receiver::{Receiver, receiver_columns};
use crate::webhook::sending::Sending;

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
    entries: Vec<audit::Written>,
}

impl FannedOut {
    /// What was claimed, to be sent without reading it again.
    pub fn claimed(&self) -> impl Iterator<Item = &Sending> {
        let jobs = self.reservation.jobs().iter().take(self.reservation.claimed());
        jobs.zip(&self.sendings)
            .filter(|(job, _)| self.inserted.contains(&job.id))
            .map(|(_, sending)| sending)
    }

    /// After the commit: the claimed jobs run here, without a second hop through the database.
    pub fn inject(self) {
        self.entries.into_iter().for_each(audit::Written::count);
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
}

/// What matches, and what it takes to send it: each event and each webhook once, however many there are of the other.
#[derive(Default)]
struct Matches {
    pairs: Vec<Match>,
    events: HashMap<EventId, Event>,
    receivers: HashMap<WebhookId, Arc<Receiver>>,
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
    let matches = matches(tx, worker, waiting).await?;
    let (sent, paused): (Vec<_>, Vec<_>) = matches.pairs.iter().partition(|found| found.is_sent);
    let (held, events): (Vec<_>, Vec<_>) = waiting.iter().map(|w| (w.job.clone(), w.event)).unzip();
    let entries = audit::from_events(tx, worker, &held, &events).await?;
    let tenant = tx.actor().tenant;
    let mut jobs = Vec::with_capacity(sent.len());
    let mut sendings = Vec::with_capacity(sent.len());
    for found in sent {
        let traceparent =
            waiting.iter().find(|w| w.event == found.event_id).and_then(|w| w.traceparent.as_deref());
        let args =
            DeliverWebhook { tenant_id: tenant, webhook_id: found.webhook_id, event_id: found.event_id };
        let job = EncodedJob::new(&args, Some(tenant.0), traceparent)?;
        if let Some(sending) = matches.sending(tenant, found, &job) {
            sendings.push(sending);
            jobs.push(job);
        }
    }
    let reservation = injector.reserve(jobs);
    let inserted = insert(tx, worker, waiting, &reservation, &sendings, &paused).await?;
    Ok(FannedOut { reservation, inserted, sendings, entries })
}

impl Matches {
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

    /// Takes a row in: what is of its event, and of its webhook, is in the first row of each alone.
    fn take(&mut self, row: &PgRow) -> sqlx::Result<()> {
        let pair = Match {
            event_id: row.try_get("event_id")?,
            event_type: row.try_get::<&str, _>("event_type")?.into(),
            webhook_id: row.try_get("webhook_id")?,
            is_sent: row.try_get("is_sent")?,
        };
        if let Some(body) = row.try_get::<Option<String>, _>("body")? {
            let event = Event { created_at: row.try_get("created_at")?, body: body.into() };
            self.events.insert(pair.event_id, event);
        }
        if row.try_get::<Option<&str>, _>("url")?.is_some() {
            self.receivers.insert(pair.webhook_id, Arc::new(Receiver::from_row(row)?));
        }
        self.pairs.push(pair);
        Ok(())
    }
}

/// The webhooks that were active and subscribed to each event when it was committed. Only of jobs that `worker` holds. Nearly all events
/// are of the webhook's present state; only for others are its earlier ones looked at.
async fn matches(tx: &mut TenantTx<'_>, worker: &str, waiting: &[Waiting]) -> Result<Matches> {
    let (jobs, events): (Vec<_>, Vec<_>) = waiting.iter().map(|w| (w.job.clone(), w.event)).unzip();
    let rows = sqlx::query(concat!(
        "with held as materialized (
             select j.id from apalis.jobs j where j.id = any ($2) and j.lock_by = $4 for update
         )
         select m.event_id, m.webhook_id, m.event_type, m.is_sent,
                case when m.first_of_event then m.created_at end as created_at, case when m.first_of_event then m.body end as body, ",
        receiver_columns!("m" when "m.first_of_webhook"),
        " from (
             select e.id as event_id, e.type as event_type, e.created_at, e.body, h.id as webhook_id,
                    h.active and t.deleted_at is null as is_sent,
                    row_number() over (partition by e.id) = 1 as first_of_event,
                    row_number() over (partition by h.id) = 1 as first_of_webhook, h.url, h.address_version, h.failing_since, h.secret, h.previous_secret, h.previous_secret_expires_at, h.signing_key,
                    h.previous_signing_key, h.headers, h.payload, h.api_version, h.max_per_second, h.max_concurrency, h.retry_schedule, h.ordering
             from unnest($2::text[], $3::uuid[]) as w (job, event_id)
             join held on held.id = w.job
             join tenon.events e on e.tenant_id = $1 and e.id = w.event_id
             join tenon.tenants t on t.id = $1
             join tenon.webhooks h on h.tenant_id = $1 and h.deleted_at is null and e.type = any ($5)
                  and case when not tenon.is_before(e.xid, h.state_since, h.state_by) then h.active and h.events && array['*', e.type]
                           else exists (select from tenon.webhook_states s
                                        where s.tenant_id = $1 and s.webhook_id = h.id and s.active and s.events && array['*', e.type]
                                          and not tenon.is_before(e.xid, s.begun, s.begun_by) and tenon.is_before(e.xid, s.ended, s.ended_by))
                      end
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
    Ok(matches)
}

/// Writes deliveries, their jobs, those that wait for their webhook to be enabled, and the end of the fan-out jobs in one statement; answers
/// the ids of the jobs that are new.
async fn insert(
    tx: &mut TenantTx<'_>,
    worker: &str,
    waiting: &[Waiting],
    reservation: &Reservation,
    sendings: &[Sending],
    paused: &[&Match],
) -> Result<HashSet<String>> {
    let jobs: JobColumns = reservation.jobs().iter().cloned().collect();
    let webhooks: Vec<_> = sendings.iter().map(|sending| sending.webhook_id).collect();
    let events: Vec<_> = sendings.iter().map(|sending| sending.event_id).collect();
    let ids: Vec<_> = sendings.iter().map(|sending| sending.id).collect();
    let types: Vec<_> = sendings.iter().map(|sending| &*sending.event_type).collect();
    let finished: Vec<_> = waiting.iter().map(|waiting| waiting.job.as_str()).collect();
    let inserted: Vec<String> = sqlx::query_scalar(
        "with new as materialized (
             select n.* from unnest($3::text[], $4::text[], $5::bytea[], $6::integer[], $7::hstore[], $8::uuid[], $9::uuid[], $10::uuid[],
                                    $11::text[])
                 with ordinality as n (job_id, queue, payload, max_attempts, metadata, webhook_id, event_id, id, event_type, number)
         ),
         delivery as (
             insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, next_attempt_at, job_id)
             select $1, n.webhook_id, n.event_id, n.id, n.event_type, now(), n.job_id from new n
             on conflict do nothing
             returning job_id
         ),
         job as (
             insert into apalis.jobs (id, job_type, job, max_attempts, metadata, status, lock_by, lock_at)
             select n.job_id, n.queue, n.payload, n.max_attempts, n.metadata,
                    case when n.number <= $12 then 'Running' else 'Pending' end,
                    case when n.number <= $12 then $13 end, case when n.number <= $12 then now() end
             from new n join delivery using (job_id)
         ),
         paused as (
             insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status)
             select $1, p.*, 'paused' from unnest($15::uuid[], $16::uuid[], $17::uuid[], $18::text[]) as p
             on conflict do nothing
         ),
         finished as (
             delete from apalis.jobs j where j.id = any ($14) and j.lock_by = $2
         )
         select job_id from delivery",
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
    .bind(i64::try_from(reservation.claimed()).unwrap_or_default())
    .bind(reservation.worker())
    .bind(finished)
    .bind(paused.iter().map(|paused| paused.webhook_id).collect::<Vec<_>>())
    .bind(paused.iter().map(|paused| paused.event_id).collect::<Vec<_>>())
    .bind(paused.iter().map(|_| DeliveryId::new()).collect::<Vec<_>>())
    .bind(paused.iter().map(|paused| &*paused.event_type).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    Ok(inserted.into_iter().collect())
}
