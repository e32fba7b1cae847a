//! What is done with a webhook beside changing it: testing it, its secrets, its figures.

use std::sync::Arc;
use std::time::Duration;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use tenon_common::TenantTx;
use tenon_common::event::EventType;
use tenon_common::id::WebhookId;
use tenon_common::webhook::endpoint::{self, Changed};
use tenon_common::webhook::preview::{self, PreviewDraft};
use tenon_common::webhook::rotation::{self, Secrets};
use tenon_common::webhook::stats::{self, Stats};
use tenon_common::webhook::testing::{self, TestResult};
use tokio::time::Instant;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, WebhooksRead, WebhooksWrite};
use crate::calls::once::{Answered, Once};
use crate::http::body::Body;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::prefer::Prefer;
use crate::http::refusal::Refusal;
use crate::http::response::Shown;
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;
use crate::webhook::endpoints::{WebhookBody, warnings_of};
use crate::webhook::preview::Verdict;

/// How long a test's caller waits.
const TEST_DEADLINE: Duration = Duration::from_secs(10);
/// How often a test's result is looked for.
const TEST_POLL: Duration = Duration::from_millis(50);

/// What came of a test.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookTest", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct TestBody {
    /// Whether the receiver answered 2xx.
    pub delivered: bool,
    /// The `webhook-id` that was sent.
    pub message_id: String,
    /// `success`, `http_3xx`, `http_4xx`, `http_5xx`, `timeout`, `connect`, `dns`, `tls` or `ssrf_blocked`.
    pub outcome: String,
    /// The answer's status.
    #[oai(nullable)]
    pub status_code: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Why it failed.
    #[oai(nullable)]
    pub error: Option<String>,
    /// The first 1 KiB of the answer.
    #[oai(nullable)]
    pub response: Option<String>,
    /// The newest event of the webhook's types, where it has a filter or skips its own changes, and you may read what its events tell of.
    #[oai(nullable)]
    pub newest_event: Option<String>,
    /// What is decided of that event.
    #[oai(nullable)]
    pub newest_verdict: Option<Verdict>,
}

impl From<TestResult> for TestBody {
    fn from(result: TestResult) -> Self {
        Self {
            delivered: result.outcome == "success",
            message_id: result.message_id,
            outcome: result.outcome,
            status_code: result.status_code,
            duration_ms: result.duration_ms,
            error: result.error,
            response: result.response,
            newest_event: None,
            newest_verdict: None,
        }
    }
}

/// The secrets that sign for a webhook.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookSecrets", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct SecretsBody {
    /// Signs: `whsec_…`.
    pub secret: String,
    /// Signs beside it while a rotation overlaps; null otherwise.
    #[oai(nullable)]
    pub previous_secret: Option<String>,
    /// Until when the previous one signs.
    #[oai(nullable)]
    pub previous_secret_expires_at: Option<Timestamp>,
    /// Verifies what the webhook's Ed25519 key signs: `whpk_…`; null where it has none.
    #[oai(nullable)]
    pub public_key: Option<String>,
    /// Verifies what the Ed25519 key before it signs, as long as the previous secret does; null otherwise.
    #[oai(nullable)]
    pub previous_public_key: Option<String>,
}

impl From<Secrets> for SecretsBody {
    fn from(secrets: Secrets) -> Self {
        let (previous, at) = secrets.previous.unzip();
        Self {
            secret: secrets.current.reveal().to_string(),
            previous_secret: previous.map(|secret| secret.reveal().to_string()),
            previous_secret_expires_at: at.map(Timestamp),
            public_key: secrets.public_key,
            previous_public_key: secrets.previous_public_key,
        }
    }
}

/// How a secret is rotated.
#[derive(Object, Debug)]
#[oai(rename = "WebhookRotation", rename_all = "camelCase")]
pub struct RotationInput {
    /// How long the old secret signs beside the new one, in seconds: 0 to 604,800 (a week); 86,400 (a day) if absent.
    #[oai(validator(minimum(value = "0"), maximum(value = "604800")))]
    pub overlap_seconds: Option<i64>,
}

/// What a webhook's deliveries came to.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookStats", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct StatsBody {
    /// Of events not older than this.
    pub since: Timestamp,
    /// Deliveries that wait or are under way.
    pub pending: i64,
    /// Delivered.
    pub delivered: i64,
    /// Given up.
    pub failed: i64,
    /// Cancelled.
    pub cancelled: i64,
    /// Paused.
    pub paused: i64,
    /// Deliveries of events that the webhook's filter could not judge, and that are sent therefore.
    pub unjudged: i64,
    /// Attempts that have ended.
    pub attempts: i64,
    /// The share of the attempts that succeeded, 0 to 1; null without attempts.
    #[oai(nullable)]
    pub success_ratio: Option<f64>,
    /// The median of the attempts' durations, in milliseconds.
    #[oai(nullable)]
    pub duration_p50_ms: Option<f64>,
    /// The 95th percentile of the attempts' durations, in milliseconds.
    #[oai(nullable)]
    pub duration_p95_ms: Option<f64>,
    /// The last success.
    #[oai(nullable)]
    pub last_success_at: Option<Timestamp>,
    /// Since when every attempt has failed; null after a success.
    #[oai(nullable)]
    pub failing_since: Option<Timestamp>,
    /// Failures since then.
    pub failures: i32,
}

impl StatsBody {
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts far below 2^52")]
    fn of(stats: Stats, since: Timestamp) -> Self {
        Self {
            since,
            pending: stats.pending,
            delivered: stats.delivered,
            failed: stats.failed,
            cancelled: stats.cancelled,
            paused: stats.paused,
            unjudged: stats.unjudged,
            attempts: stats.attempts,
            success_ratio: (stats.attempts > 0).then(|| stats.succeeded as f64 / stats.attempts as f64),
            duration_p50_ms: stats.duration_p50_ms,
            duration_p95_ms: stats.duration_p95_ms,
            last_success_at: stats.last_success_at.map(Timestamp),
            failing_since: stats.failing_since.map(Timestamp),
            failures: stats.failures,
        }
    }
}

/// The operations.
pub struct WebhookOperationsApi;

#[OpenApi(prefix_path = "/api/v1/webhooks", tag = "Tags::Webhooks")]
impl WebhookOperationsApi {
    /// Test a webhook
    ///
    /// A worker sends a signed `webhook.test` now, past everything that waits, and the answer says what happened; within 10
    /// seconds. It makes no event and no delivery, and is not tried again; the webhook's filter is not asked. What that says of the newest
    /// event of its types the answer has beside. 503 where no worker answers in time; 429 where four tests
    /// of the organization are under way. Needs `webhooks:write`.
    #[oai(path = "/:id/test", method = "post", operation_id = "test_webhook")]
    async fn test(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
    ) -> Result<Shown<TestBody>, ApiError> {
        let _seat = app.tests.seat(caller.actor.tenant)?;
        let begin = async |tx: &mut TenantTx<'_>| testing::begin(tx, WebhookId(id.0)).await;
        let test = app.db.write(&caller.actor, begin).await?;
        let result = wait(&app, &caller, test).await;
        app.db.write(&caller.actor, async |tx| testing::end(tx, test).await).await?;
        match result? {
            Some(result) => {
                let newest = newest(&app, &caller, WebhookId(id.0)).await?;
                let (newest_event, newest_verdict) = newest.unzip();
                Ok(Shown::plain(TestBody { newest_event, newest_verdict, ..result.into() }))
            }
            None => {
                Err(Refusal::because(Code::DependencyUnavailable, "No worker answered within 10 seconds")
                    .retry_after(10)
                    .into())
            }
        }
    }

    /// Get a webhook's figures
    ///
    /// Of the events of the last hours: deliveries by status, attempts, how many succeeded and how long they took. Needs
    /// `webhooks:read`.
    #[oai(path = "/:id/stats", method = "get", operation_id = "get_webhook_stats")]
    async fn stats(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// How many hours back, 1 to 720; 24 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "720")))]
        hours: Query<Option<i64>>,
    ) -> Result<Shown<StatsBody>, ApiError> {
        let since = chrono::Utc::now() - chrono::Duration::hours(hours.0.unwrap_or(24));
        let read = async |tx: &mut TenantTx<'_>| stats::stats(tx, WebhookId(id.0), since).await;
        let stats = app.db.read(&caller.actor, read).await?;
        Ok(Shown::plain(StatsBody::of(stats, since.into())))
    }

    /// Reveal a webhook's secrets
    ///
    /// The one that signs, and the one before it while a rotation overlaps. Needs `webhooks:write`.
    #[oai(path = "/:id/secret", method = "get", operation_id = "get_webhook_secret")]
    async fn reveal(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
    ) -> Result<Shown<SecretsBody>, ApiError> {
        let reveal = async |tx: &mut TenantTx<'_>| rotation::reveal(tx, WebhookId(id.0), &app.master).await;
        Ok(Shown::plain(app.db.read(&caller.actor, reveal).await?.into()))
    }

    /// Rotate a webhook's secret
    ///
    /// Answers a new secret. The old one signs beside it for the overlap: every delivery carries both signatures, so that a
    /// receiver verifies with either. Of a webhook that has an Ed25519 key the same goes for that. Needs `webhooks:write`.
    #[oai(path = "/:id/rotate-secret", method = "post", operation_id = "rotate_webhook_secret")]
    async fn rotate(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<RotationInput>,
    ) -> Result<Answered<Shown<SecretsBody>>, ApiError> {
        let overlap = chrono::Duration::seconds(body.0.overlap_seconds.unwrap_or(86_400));
        let rotate = async |tx: &mut TenantTx<'_>| {
            let secrets = rotation::rotate(tx, WebhookId(id.0), overlap, &app.master).await?;
            Ok(Shown::plain(SecretsBody::from(secrets)))
        };
        once.write(&app, &caller, prefer.in_full(), rotate).await
    }

    /// Retire a webhook's previous secret
    ///
    /// Ends the overlap of a rotation at once. Needs `webhooks:write`.
    #[oai(path = "/:id/retire-secret", method = "post", operation_id = "retire_webhook_secret")]
    async fn retire(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<WebhookBody>>, ApiError> {
        let retire = async |tx: &mut TenantTx<'_>| {
            let webhook = rotation::retire(tx, WebhookId(id.0)).await?;
            let version = webhook.version;
            Ok(Shown::versioned(WebhookBody::from(webhook), version))
        };
        once.write(&app, &caller, prefer, retire).await
    }

    /// Enable a webhook
    ///
    /// What is paused is sent, and events are gathered from now on: whether a webhook gets an event is decided by whether it was
    /// active when the event was committed. `warnings` tells how many of the events that it was subscribed to were committed
    /// while it was disabled, are still kept, and were not gathered. What was learned of the address is forgotten, a pause after
    /// failures or for `Retry-After`, and what waits is sent now: of a webhook that is active already, too, which is not changed
    /// otherwise. Needs `webhooks:write`, and to read what its events tell of, as for creating it.
    #[oai(path = "/:id/enable", method = "post", operation_id = "enable_webhook")]
    async fn enable(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<WebhookBody>>, ApiError> {
        let id = WebhookId(id.0);
        let enable = || {
            async |tx: &mut TenantTx<'_>| {
                let Changed { webhook, not_gathered } =
                    endpoint::enable(tx, id, &app.addresses, &app.master).await?;
                caller.allow_all(EventType::reading_all(&webhook.events))?;
                let version = webhook.version;
                let warnings = warnings_of(not_gathered);
                Ok(Shown::versioned(WebhookBody { warnings, ..webhook.into() }, version))
            }
        };
        once.write_again(&app, &caller, prefer, enable).await
    }
}

/// The newest event of the webhook's types, and what its wishes say of it; nothing where it has none, or the caller may not know.
async fn newest(
    app: &App,
    caller: &Caller<WebhooksWrite>,
    id: WebhookId,
) -> tenon_common::Result<Option<(String, Verdict)>> {
    let look = async |tx: &mut TenantTx<'_>| {
        let tried = preview::of(tx, id, PreviewDraft::default()).await?;
        if tried.is_for_all() || caller.allow_all(EventType::reading_all(&tried.events)).is_err() {
            return Ok(None);
        }
        Ok(preview::judge(tx, &tried, app.versions, 1).await?.pop())
    };
    let newest = app.db.read(&caller.actor, look).await?;
    Ok(newest.map(|event| (event.id.wire(), event.verdict.into())))
}

async fn wait(
    app: &App,
    caller: &Caller<WebhooksWrite>,
    test: Uuid,
) -> tenon_common::Result<Option<TestResult>> {
    let deadline = Instant::now() + TEST_DEADLINE;
    while Instant::now() < deadline {
        tokio::time::sleep(TEST_POLL).await;
        let result = app.db.read(&caller.actor, async |tx| testing::result(tx, test).await).await?;
        if result.is_some() {
            return Ok(result);
        }
    }
    Ok(None)
}
