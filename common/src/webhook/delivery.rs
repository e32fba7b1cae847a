//! Deliveries as records: one for a webhook and an event, with every attempt.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::id::{DeliveryId, EventId, TenantId, WebhookId};
use crate::job::{self, EncodedJob, Job, Queue};
use crate::page::SortKey;
use crate::version::{ApiVersion, Versions};
use crate::webhook::{order, payload, switching};

/// Sends one event to one webhook. Holds ids only: body, address and secret are read when it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliverWebhook {
    /// Whose.
    pub tenant_id: TenantId,
    /// To whom.
    pub webhook_id: WebhookId,
    /// What.
    pub event_id: EventId,
}

impl DeliverWebhook {
    /// The job, in its webhook's lane.
    ///
    /// # Errors
    /// None that can happen: ids are written as JSON.
    pub fn encoded(&self, traceparent: Option<&str>) -> Result<EncodedJob> {
        Ok(EncodedJob::new(self, Some(self.tenant_id.0), traceparent)?.apart(self.webhook_id.0))
    }
}

impl Job for DeliverWebhook {
    const KIND: &'static str = "deliver-webhook";
    const QUEUE: Queue = Queue::Webhooks;
    /// The webhook's schedule says when it is given up, and the delivery's row says so; the queue must not give up earlier.
    const MAX_ATTEMPTS: i32 = i32::MAX;
}

/// Where a delivery may stand.
pub const STATUSES: [&str; 5] = ["pending", "delivered", "failed", "cancelled", "paused"];

/// A delivery, as it is shown.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Delivery {
    /// The event's id, which is the delivery's id in paths.
    pub event_id: EventId,
    /// The delivery's own id: `X-Webhook-Delivery`.
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// `contact.created`.
    pub event_type: String,
    /// pending, delivered, failed, cancelled or paused.
    pub status: String,
    /// Attempts that have ended.
    pub attempts: i32,
    /// When the next one is due; while pending.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When the delivery was made.
    pub created_at: DateTime<Utc>,
    /// When the receiver answered 2xx.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The last answer's status.
    pub last_status_code: Option<i32>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// The body as it is stored.
    #[sqlx(default)]
    pub body: Option<String>,
    /// The version of the API in which it is sent.
    #[sqlx(default)]
    api_version: Option<ApiVersion>,
    /// In which form.
    #[sqlx(default)]
    form: Option<String>,
}

/// One attempt, as it is shown.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Attempt {
    /// Counts from 1.
    pub number: i32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i32,
    /// success, http_4xx, timeout, …
    pub outcome: String,
    /// The answer's status.
    pub status_code: Option<i32>,
    /// Why it failed.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response: Option<String>,
}

impl Delivery {
    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.event_id.0 }
    }

    /// The same with the body as the webhook gets it; without one where it cannot be made.
    #[must_use]
    pub fn as_sent(mut self, versions: &Versions) -> Self {
        let Some((version, form)) = self.api_version.zip(self.form.as_deref()) else { return self };
        let sent = self.body.take().map(|body| payload::sent(versions, version, &body.into(), form));
        self.body = sent.and_then(Result::ok).and_then(|body| String::from_utf8(body.into()).ok());
        self
    }

    /// The body as JSON.
    pub fn payload(&self) -> Option<Box<RawValue>> {
        self.body.clone().and_then(|body| RawValue::from_string(body).ok())
    }
}

macro_rules! columns {
    () => {
        "d.event_id, d.id, d.webhook_id, d.event_type, d.status, d.attempts, d.next_attempt_at, d.created_at, d.delivered_at, \
         d.last_status_code, d.last_error"
    };
}

pub(super) use columns;

/// One delivery with its body; without it, where its event is kept no longer.
pub async fn get(tx: &mut TenantTx<'_>, webhook: WebhookId, event: EventId) -> Result<Delivery> {
    let statement = concat!(
        "select ",
        columns!(),
        ", e.body, w.api_version, w.payload as form
         from tenon.deliveries d join tenon.webhooks w on w.tenant_id = d.tenant_id and w.id = d.webhook_id
         left join tenon.events e on e.tenant_id = d.tenant_id and e.id = d.event_id
         where d.tenant_id = $1 and d.webhook_id = $2 and d.event_id = $3"
    );
    let found = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(webhook)
        .bind(event)
        .fetch_optional(tx.conn())
        .await?;
    found.ok_or(Error::NotFound(EntityKind::Delivery))
}

/// The attempts of a delivery, first to last.
pub async fn attempts(tx: &mut TenantTx<'_>, webhook: WebhookId, event: EventId) -> Result<Vec<Attempt>> {
    let statement = "select number, started_at, duration_ms, outcome, status_code, error, response from tenon.delivery_attempts
                     where tenant_id = $1 and webhook_id = $2 and event_id = $3 order by number";
    Ok(sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(webhook)
        .bind(event)
        .fetch_all(tx.conn())
        .await?)
}

/// A delivery that is to have a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    /// Its event.
    pub(super) event: EventId,
    /// When it is sent; none is now.
    pub(super) at: Option<DateTime<Utc>>,
}

impl Due {
    /// Now.
    pub(super) fn now(event: EventId) -> Self {
        Self { event, at: None }
    }
}

/// Enqueues these deliveries, which are pending, and makes each know its job and when it is due. Whoever brings deliveries brings them here.
pub(super) async fn enqueue(tx: &mut TenantTx<'_>, webhook: WebhookId, due: &[Due]) -> Result<()> {
    let tenant = tx.actor().tenant;
    let traceparent = tx.actor().origin.traceparent.clone();
    let job = |due: &Due| {
        let job = DeliverWebhook { tenant_id: tenant, webhook_id: webhook, event_id: due.event };
        Ok(EncodedJob { run_at: due.at, ..job.encoded(traceparent.as_deref())? })
    };
    let jobs = due.iter().map(job).collect::<Result<Vec<_>>>()?;
    let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
    let (events, at): (Vec<_>, Vec<_>) = due.iter().map(|due| (due.event, due.at)).unzip();
    let is_ordered: bool = sqlx::query_scalar(
        "with known as (
             update tenon.deliveries d set job_id = j.id, next_attempt_at = coalesce(j.at, now())
             from unnest($3::uuid[], $4::text[], $5::timestamptz[]) as j (event_id, id, at)
             where d.tenant_id = $1 and d.webhook_id = $2 and d.event_id = j.event_id
         )
         select w.ordering = $6 from tenon.webhooks w where w.tenant_id = $1 and w.id = $2",
    )
    .bind(tenant)
    .bind(webhook)
    .bind(&events)
    .bind(ids)
    .bind(at)
    .bind(order::OBJECT)
    .fetch_one(tx.conn())
    .await?;
    job::insert(tx.conn(), jobs).await?;
    if is_ordered {
        order::arrange(tx, webhook, &events).await?;
    }
    tx.enqueued(DeliverWebhook::QUEUE);
    Ok(())
}

/// What is pending waits until the webhook is enabled; jobs that run meanwhile find it paused and end. As `cancel` and `resume`, in a
/// transaction that switches: [`switching::alone`].
pub(crate) async fn pause(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<()> {
    set_pending(tx, webhook, "paused").await
}

/// What is pending is not sent any more.
pub(crate) async fn cancel(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<()> {
    set_pending(tx, webhook, "cancelled").await
}

async fn set_pending(tx: &mut TenantTx<'_>, webhook: WebhookId, status: &str) -> Result<()> {
    let statement = "with set as (
                         update tenon.deliveries set status = $3, next_attempt_at = null
                         where tenant_id = $1 and webhook_id = $2 and status in ('pending', 'paused') and status <> $3
                     )
                     select w.ordering = $4 from tenon.webhooks w where w.tenant_id = $1 and w.id = $2";
    let is_ordered: bool = sqlx::query_scalar(statement)
        .bind(tx.actor().tenant)
        .bind(webhook)
        .bind(status)
        .bind(order::OBJECT)
        .fetch_one(tx.conn())
        .await?;
    if is_ordered { order::forget(tx, webhook).await } else { Ok(()) }
}

/// All that waits for its turn is sent now: it waits because of an address that is not the webhook's any more, or is to be tried afresh.
pub(crate) async fn hasten(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<()> {
    let statement = "select tenon.hasten_deliveries($1, $2)";
    let hastened: i64 =
        sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(webhook).fetch_one(tx.conn()).await?;
    if hastened > 0 {
        tx.enqueued(DeliverWebhook::QUEUE);
    }
    Ok(())
}

/// What was paused is sent.
pub(crate) async fn resume(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<()> {
    let statement = "update tenon.deliveries set status = 'pending', next_attempt_at = now()
                     where tenant_id = $1 and webhook_id = $2 and status = 'paused' returning event_id";
    let events: Vec<EventId> =
        sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(webhook).fetch_all(tx.conn()).await?;
    let due: Vec<Due> = events.into_iter().map(Due::now).collect();
    enqueue(tx, webhook, &due).await
}

/// What was paused while the tenant was deleted is sent, to the webhooks that are enabled. Nobody could answer for what has failed
/// meanwhile: the time in which a failing webhook is disabled begins anew.
pub async fn resume_all(tx: &mut TenantTx<'_>) -> Result<()> {
    switching::alone(tx).await?;
    let statement =
        "update tenon.webhooks set failing_since = case when failing_since is null then null else now() end
                     where tenant_id = $1 and active and deleted_at is null returning id";
    let webhooks: Vec<WebhookId> =
        sqlx::query_scalar(statement).bind(tx.actor().tenant).fetch_all(tx.conn()).await?;
    for webhook in webhooks {
        resume(tx, webhook).await?;
    }
    Ok(())
}
