//! What the worker needs to send: for many deliveries of many tenants by one definer function's call.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::actor::Actor;
use crate::db::{Db, TenantTx};
use crate::error::Result;
use crate::id::{DeliveryId, EventId, TenantId, WebhookId};
use crate::webhook::delivery::DeliverWebhook;
use crate::webhook::receiver::Receiver;

/// A delivery with everything that sending it takes.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Whose.
    pub tenant_id: TenantId,
    /// To whom.
    pub webhook_id: WebhookId,
    /// What: the `webhook-id`.
    pub event_id: EventId,
    /// `X-Webhook-Delivery`.
    pub id: DeliveryId,
    /// `contact.created`.
    pub event_type: Arc<str>,
    /// Only what is pending is sent.
    pub status: Cow<'static, str>,
    /// Attempts that have ended, over all rounds.
    pub attempts: i32,
    /// Attempts that have ended since the schedule began.
    pub schedule_attempts: i32,
    /// Whether a replay sends it.
    pub replay: bool,
    /// The job that may send it.
    pub job_id: Option<String>,
    /// Whether the webhook is enabled, and its tenant not deleted.
    pub active: bool,
    /// Whether it is deleted.
    pub deleted: bool,
    /// The event's body, as it is stored.
    pub body: Bytes,
    /// When the change was made.
    pub event_created_at: DateTime<Utc>,
    /// To whom, and how.
    pub receiver: Arc<Receiver>,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: TenantId,
    webhook_id: WebhookId,
    event_id: EventId,
    id: DeliveryId,
    event_type: String,
    status: String,
    attempts: i32,
    schedule_attempts: i32,
    replay: bool,
    job_id: Option<String>,
    active: bool,
    deleted: bool,
    body: String,
    event_created_at: DateTime<Utc>,
    #[sqlx(flatten)]
    receiver: Receiver,
}

impl From<Row> for Sending {
    fn from(row: Row) -> Self {
        Self {
            tenant_id: row.tenant_id,
            webhook_id: row.webhook_id,
            event_id: row.event_id,
            id: row.id,
            event_type: row.event_type.into(),
            status: row.status.into(),
            attempts: row.attempts,
            schedule_attempts: row.schedule_attempts,
            replay: row.replay,
            job_id: row.job_id,
            active: row.active,
            deleted: row.deleted,
            body: row.body.into(),
            event_created_at: row.event_created_at,
            receiver: Arc::new(row.receiver),
        }
    }
}

/// Reads what sending these takes, of as many tenants as there are. Deliveries that are gone (of a purged tenant) are missing.
pub async fn load(db: &Db, wanted: &[DeliverWebhook]) -> Result<Vec<Sending>> {
    let mut tenants = Vec::with_capacity(wanted.len());
    let mut webhooks = Vec::with_capacity(wanted.len());
    let mut events = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        tenants.push(wanted.tenant_id);
        webhooks.push(wanted.webhook_id);
        events.push(wanted.event_id);
    }
    let mut connection = db.lookup().await?;
    let rows: Vec<Row> = sqlx::query_as("select * from tenon.read_sendings($1, $2, $3)")
        .bind(tenants)
        .bind(webhooks)
        .bind(events)
        .fetch_all(&mut *connection)
        .await?;
    Ok(rows.into_iter().map(Sending::from).collect())
}

/// Whether the webhook's address is still the one that was read, or was at least neither changed nor enabled since.
pub async fn is_same_address(db: &Db, sending: &Sending) -> Result<bool> {
    let read = async |tx: &mut TenantTx<'_>| address_version(tx, sending.webhook_id).await;
    let version = db.read(&Actor::system(sending.tenant_id), read).await?;
    Ok(version.is_none_or(|version| version == sending.receiver.address_version))
}

/// The version of a webhook's address; none where the webhook is gone.
pub(crate) async fn address_version(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<Option<i64>> {
    let statement = "select address_version from tenon.webhooks where tenant_id = $1 and id = $2";
    let version =
        sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(webhook).fetch_optional(tx.conn()).await?;
    Ok(version)
}
