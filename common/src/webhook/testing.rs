//! Testing a webhook: a worker sends one message now, past everything that waits, and the API hands on what happened. It is sent
//! from where deliveries are sent from, or it would prove nothing; it makes no event, no delivery, and is not tried again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::event::{API_VERSION, Body, EventType, ObjectReference};
use crate::id::{DeliveryId, EventId, TenantId, WebhookId};
use crate::job::{self, EncodedJob, Job, Queue};
use crate::kept::Kept;
use crate::webhook::endpoint;
use crate::webhook::receiver::{Receiver, receiver_columns};
use crate::webhook::sending::Sending;
use crate::wire;

/// Sends a test. A kind of its own, so that it has room however many deliveries wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestWebhook {
    /// Whose.
    pub tenant_id: TenantId,
    /// The test.
    pub test_id: Uuid,
    /// To whom.
    pub webhook_id: WebhookId,
}

impl Job for TestWebhook {
    const KIND: &'static str = "test-webhook";
    const QUEUE: Queue = Queue::Webhooks;
    const MAX_ATTEMPTS: i32 = 1;
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// The `webhook-id` that was sent.
    pub message_id: String,
    /// `success`, `http_5xx`, …
    pub outcome: String,
    /// The answer's status.
    pub status_code: Option<u16>,
    /// How long it took.
    pub duration_ms: i64,
    /// Why it failed.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response: Option<String>,
}

/// Asks for a test; answers its id.
pub async fn begin(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<Uuid> {
    endpoint::get(tx, webhook).await?;
    let (tenant, id) = (tx.actor().tenant, Uuid::now_v7());
    // What an API that died left behind goes with the next test.
    sqlx::query(
        "delete from tenon.webhook_tests where tenant_id = $1 and created_at < now() - interval '1 minute'",
    )
    .bind(tenant)
    .execute(tx.conn())
    .await?;
    sqlx::query("insert into tenon.webhook_tests (tenant_id, id, webhook_id) values ($1, $2, $3)")
        .bind(tenant)
        .bind(id)
        .bind(webhook)
        .execute(tx.conn())
        .await?;
    let job = TestWebhook { tenant_id: tenant, test_id: id, webhook_id: webhook };
    job::insert(tx.conn(), [EncodedJob::new(&job, Some(tenant.0), None)?]).await?;
    tx.enqueued(TestWebhook::QUEUE);
    Ok(id)
}

/// What happened, once a worker has said it.
pub async fn result(tx: &mut TenantTx<'_>, id: Uuid) -> Result<Option<TestResult>> {
    let statement = "select result from tenon.webhook_tests where tenant_id = $1 and id = $2";
    let result: Option<Option<Value>> =
        sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    result.flatten().map(serde_json::from_value).transpose().map_err(Error::internal)
}

/// The end of a test: nobody waits for its result any more, and a worker that comes late sends nothing.
pub async fn end(tx: &mut TenantTx<'_>, id: Uuid) -> Result<()> {
    let statement = "delete from tenon.webhook_tests where tenant_id = $1 and id = $2";
    sqlx::query(statement).bind(tx.actor().tenant).bind(id).execute(tx.conn()).await?;
    Ok(())
}

/// What a worker is to send; none where nobody waits any more.
pub async fn load(tx: &mut TenantTx<'_>, test: &TestWebhook) -> Result<Option<Sending>> {
    let receiver: Option<Receiver> = sqlx::query_as(concat!(
        "select ",
        receiver_columns!("w"),
        " from tenon.webhook_tests t join tenon.webhooks w on w.tenant_id = t.tenant_id and w.id = t.webhook_id
         where t.tenant_id = $1 and t.id = $2 and t.result is null and w.deleted_at is null"
    ))
    .bind(test.tenant_id)
    .bind(test.test_id)
    .fetch_optional(tx.conn())
    .await?;
    let Some(receiver) = receiver else { return Ok(None) };
    let webhook = endpoint::get(tx, test.webhook_id).await?;
    let event_id = EventId::new();
    let body = Body {
        id: event_id.wire(),
        r#type: EventType::WEBHOOK_TEST.name,
        event: EventType::WEBHOOK_TEST.name,
        timestamp: wire::instant(wire::now()),
        tenant_id: test.tenant_id,
        api_version: API_VERSION,
        sequence: event_id.sequence(),
        object: ObjectReference { r#type: "webhook", id: webhook.id.0, version: webhook.version },
        actor: tx.actor().principal.reference(),
        changed_fields: &[],
        previous: &Value::Null,
        bulk: None,
        data: &webhook.shown()?,
    };
    Ok(Some(Sending {
        tenant_id: test.tenant_id,
        webhook_id: test.webhook_id,
        event_id,
        id: DeliveryId(test.test_id),
        event_type: EventType::WEBHOOK_TEST.name.into(),
        status: "pending".into(),
        attempts: 0,
        schedule_attempts: 0,
        replay: false,
        job_id: None,
        active: true,
        deleted: false,
        body: serde_json::to_vec(&body).map_err(Error::internal)?.into(),
        event_created_at: wire::now(),
        receiver: Arc::new(receiver),
    }))
}

/// Says what happened to whoever waits.
pub async fn finish(tx: &mut TenantTx<'_>, test: &TestWebhook, result: &TestResult) -> Result<()> {
    let result = serde_json::to_value(result).map_err(Error::internal)?;
    sqlx::query("update tenon.webhook_tests set result = $3 where tenant_id = $1 and id = $2")
        .bind(test.tenant_id)
        .bind(test.test_id)
        .bind(result)
        .execute(tx.conn())
        .await?;
    Ok(())
}
