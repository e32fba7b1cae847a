//! Which webhooks get which of the events, and what it takes to send them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::Waiting;
use super::wanted::Wishes;
use crate::audit::{Entries, Recorded};
use crate::db::TenantTx;
use crate::error::Result;
use crate::event;
use crate::id::{DeliveryId, EventId, TenantId, WebhookId};
use crate::job::EncodedJob;
use crate::webhook::receiver::{Receiver, receiver_columns};
use crate::webhook::sending::Sending;
use crate::webhook::wish::Verdict;

/// An event and a webhook that it is for.
pub(super) struct Match {
    pub(super) event_id: EventId,
    pub(super) event_type: Arc<str>,
    pub(super) webhook_id: WebhookId,
    /// Whether it is sent; it waits for its webhook to be enabled otherwise.
    pub(super) is_sent: bool,
    /// What the webhook's wishes say of it.
    pub(super) verdict: Verdict,
}

/// What matches, and what it takes to send it and to keep it in the trail: each event and each webhook once, however many there are of
/// the other.
#[derive(Default)]
pub(super) struct Matches {
    pub(super) pairs: Vec<Match>,
    pub(super) events: HashMap<EventId, Event>,
    pub(super) receivers: HashMap<WebhookId, Arc<Receiver>>,
    pub(super) entries: Entries,
    pub(super) wishes: Wishes,
}

pub(super) struct Event {
    pub(super) created_at: DateTime<Utc>,
    pub(super) body: Bytes,
}

impl Matches {
    /// The events that are sent to webhooks which get them in order.
    pub(super) fn ordered(&self) -> Vec<(WebhookId, EventId)> {
        let is_ordered = |found: &&Match| {
            self.receivers.get(&found.webhook_id).is_some_and(|receiver| receiver.is_ordered())
        };
        let sent = self.pairs.iter().filter(|found| found.is_sent);
        sent.filter(is_ordered).map(|found| (found.webhook_id, found.event_id)).collect()
    }

    /// The delivery of a match, with everything that sending it takes.
    pub(super) fn sending(&self, tenant: TenantId, found: &Match, job: &EncodedJob) -> Option<Sending> {
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
pub(super) async fn matches(tx: &mut TenantTx<'_>, worker: &str, waiting: &[Waiting]) -> Result<Matches> {
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
