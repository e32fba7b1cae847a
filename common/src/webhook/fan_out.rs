//! From an event to its deliveries and its entry in the audit trail: in one tenant transaction, for as many events of the tenant as wait together.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::audit;
use crate::db::TenantTx;
use crate::error::Result;
use crate::event;
use crate::id::{DeliveryId, EventId, TenantId, WebhookId};
use crate::job::{EncodedJob, JobColumns};
use crate::queue::{Injector, Reservation};
use crate::webhook::delivery::DeliverWebhook;
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

#[derive(sqlx::FromRow)]
struct Match {
    event_id: EventId,
    event_type: String,
    created_at: DateTime<Utc>,
    body: String,
    webhook_id: WebhookId,
    url: String,
    address_version: i64,
    is_sent: bool,
    failing: bool,
    secret: Vec<u8>,
    previous_secret: Option<Vec<u8>>,
    previous_secret_expires_at: Option<DateTime<Utc>>,
}

/// Makes the deliveries of the events and their jobs, writes the entries of the audit trail, and deletes the fan-out jobs that `worker`
/// still holds. Done twice it makes nothing twice. In a transaction of [`switching::write_beside_none`](crate::webhook::switching).
pub async fn fan_out(
    tx: &mut TenantTx<'_>,
    worker: &str,
    injector: &Injector,
    waiting: &[Waiting],
) -> Result<FannedOut> {
    let (matches, paused): (Vec<_>, Vec<_>) =
        matches(tx, worker, waiting).await?.into_iter().partition(|found| found.is_sent);
    let (held, events): (Vec<_>, Vec<_>) = waiting.iter().map(|w| (w.job.clone(), w.event)).unzip();
    let entries = audit::from_events(tx, worker, &held, &events).await?;
    let tenant = tx.actor().tenant;
    let mut jobs = Vec::with_capacity(matches.len());
    let mut sendings = Vec::with_capacity(matches.len());
    for found in matches {
        let traceparent =
            waiting.iter().find(|w| w.event == found.event_id).and_then(|w| w.traceparent.as_deref());
        let args =
            DeliverWebhook { tenant_id: tenant, webhook_id: found.webhook_id, event_id: found.event_id };
        let job = EncodedJob::new(&args, Some(tenant.0), traceparent)?;
        sendings.push(found.sending(tenant, &job));
        jobs.push(job);
    }
    let reservation = injector.reserve(jobs);
    let inserted = insert(tx, worker, waiting, &reservation, &sendings, &paused).await?;
    Ok(FannedOut { reservation, inserted, sendings, entries })
}

impl Match {
    fn sending(self, tenant: TenantId, job: &EncodedJob) -> Sending {
        Sending {
            tenant_id: tenant,
            webhook_id: self.webhook_id,
            event_id: self.event_id,
            id: DeliveryId::new(),
            event_type: self.event_type,
            status: "pending".to_owned(),
            attempts: 0,
            schedule_attempts: 0,
            job_id: Some(job.id.clone()),
            url: self.url,
            address_version: self.address_version,
            active: true,
            deleted: false,
            failing: self.failing,
            secret: self.secret,
            previous_secret: self.previous_secret,
            previous_secret_expires_at: self.previous_secret_expires_at,
            body: self.body,
            event_created_at: self.created_at,
        }
    }
}

/// The webhooks that were active and subscribed to each event when it was committed. Only of jobs that `worker` holds. Nearly all events
/// are of the webhook's present state; only for others are its earlier ones looked at.
async fn matches(tx: &mut TenantTx<'_>, worker: &str, waiting: &[Waiting]) -> Result<Vec<Match>> {
    let (jobs, events): (Vec<_>, Vec<_>) = waiting.iter().map(|w| (w.job.clone(), w.event)).unzip();
    let found = sqlx::query_as(
        "with held as materialized (
             select j.id from apalis.jobs j where j.id = any ($2) and j.lock_by = $4 for update
         )
         select e.id as event_id, e.type as event_type, e.created_at, e.body, h.id as webhook_id, h.url, h.address_version,
                h.active and t.deleted_at is null as is_sent, h.failing_since is not null as failing, h.secret,
                h.previous_secret, h.previous_secret_expires_at
         from unnest($2::text[], $3::uuid[]) as w (job, event_id)
         join held on held.id = w.job
         join tenon.events e on e.tenant_id = $1 and e.id = w.event_id
         join tenon.tenants t on t.id = $1
         join tenon.webhooks h on h.tenant_id = $1 and h.deleted_at is null and e.type = any ($5)
              and case when not tenon.is_before(e.xid, h.state_since, h.state_by) then h.active and h.events && array['*', e.type]
                       else exists (select from tenon.webhook_states s
                                    where s.tenant_id = $1 and s.webhook_id = h.id and s.active and s.events && array['*', e.type]
                                      and not tenon.is_before(e.xid, s.begun, s.begun_by) and tenon.is_before(e.xid, s.ended, s.ended_by))
                  end",
    )
    .bind(tx.actor().tenant)
    .bind(jobs)
    .bind(events)
    .bind(worker)
    .bind(event::subscribable())
    .fetch_all(tx.conn())
    .await?;
    Ok(found)
}

/// Writes deliveries, their jobs, those that wait for their webhook to be enabled, and the end of the fan-out jobs in one statement; answers
/// the ids of the jobs that are new.
async fn insert(
    tx: &mut TenantTx<'_>,
    worker: &str,
    waiting: &[Waiting],
    reservation: &Reservation,
    sendings: &[Sending],
    paused: &[Match],
) -> Result<HashSet<String>> {
    let jobs: JobColumns = reservation.jobs().iter().cloned().collect();
    let webhooks: Vec<_> = sendings.iter().map(|sending| sending.webhook_id).collect();
    let events: Vec<_> = sendings.iter().map(|sending| sending.event_id).collect();
    let ids: Vec<_> = sendings.iter().map(|sending| sending.id).collect();
    let types: Vec<_> = sendings.iter().map(|sending| sending.event_type.as_str()).collect();
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
    .bind(paused.iter().map(|paused| paused.event_type.as_str()).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    Ok(inserted.into_iter().collect())
}
