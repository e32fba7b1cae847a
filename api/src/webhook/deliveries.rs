//! `/webhooks/{id}/events`: what was delivered to a webhook, every attempt, and sending it again.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;
use tenon_common::TenantTx;
use tenon_common::event::EventType;
use tenon_common::id::{EventId, WebhookId};
use tenon_common::role::Permission;
use tenon_common::webhook::delivery::{self, Attempt, Delivery};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, WebhooksRead, WebhooksWrite};
use crate::calls::once::{Answered, Once};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::refusal::Refusal;
use crate::http::response::{Listed, Paging, Shown};
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;

/// The delivery of one event to one webhook.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookDelivery", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct DeliveryBody {
    /// The event's id: the `webhook-id` of every attempt.
    pub id: String,
    /// The delivery's own id: `X-Webhook-Delivery`.
    pub delivery_id: Uuid,
    /// The webhook's id.
    pub webhook_id: Uuid,
    /// The event's type.
    pub event: String,
    /// The body as it is sent; in the answer for one delivery, null in lists and once the event is kept no longer.
    #[oai(nullable)]
    #[serde(serialize_with = "payload")]
    pub payload: Option<Any<serde_json::Value>>,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts that have ended, interrupted ones too.
    pub attempts: i32,
    /// When the next attempt is due; null unless pending, and while it waits for an earlier event of its object (`ordering`).
    #[oai(nullable)]
    pub next_retry: Option<Timestamp>,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// When the receiver answered 2xx.
    #[oai(nullable)]
    pub delivered_at: Option<Timestamp>,
    /// The status of the last answer.
    #[oai(nullable)]
    pub last_status_code: Option<i32>,
    /// Why the last attempt failed.
    #[oai(nullable)]
    pub last_error: Option<String>,
}

fn payload<S: serde::Serializer>(
    payload: &Option<Any<serde_json::Value>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    payload.as_ref().map(|any| &any.0).serialize(serializer)
}

/// Where a delivery stands.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// An attempt is due or running, or it waits for an earlier event of its object (`ordering`).
    Pending,
    /// The receiver answered 2xx.
    Delivered,
    /// Every attempt of the schedule failed.
    Failed,
    /// The webhook was deleted.
    Cancelled,
    /// The webhook is disabled; enabling it sends it.
    Paused,
}

/// One attempt to deliver.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookAttempt", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct AttemptBody {
    /// Counts from 1, over all resends.
    pub number: i32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds; 0 where that is not known.
    pub duration_ms: i32,
    /// `success`, `http_3xx`, `http_4xx`, `http_5xx`, `timeout`, `connect`, `dns`, `tls`, `ssrf_blocked`, or
    /// `interrupted` where the worker died or stopped in the middle: whether the receiver got it is not known then.
    pub outcome: String,
    /// The answer's status.
    #[oai(nullable)]
    pub status_code: Option<i32>,
    /// Why it failed.
    #[oai(nullable)]
    pub error: Option<String>,
    /// The first 1 KiB of the answer.
    #[oai(nullable)]
    pub response: Option<String>,
}

impl DeliveryStatus {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Pending, "pending"),
        (Self::Delivered, "delivered"),
        (Self::Failed, "failed"),
        (Self::Cancelled, "cancelled"),
        (Self::Paused, "paused"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map_or(Self::Pending, |(status, _)| status)
    }
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        let payload = delivery.body.as_deref().and_then(|body| serde_json::from_str(body).ok());
        Self {
            id: delivery.event_id.wire(),
            delivery_id: delivery.id.0,
            webhook_id: delivery.webhook_id.0,
            event: delivery.event_type,
            payload: payload.map(Any),
            status: DeliveryStatus::of(&delivery.status),
            attempts: delivery.attempts,
            next_retry: delivery.next_attempt_at.map(Timestamp),
            created_at: delivery.created_at.into(),
            delivered_at: delivery.delivered_at.map(Timestamp),
            last_status_code: delivery.last_status_code,
            last_error: delivery.last_error,
        }
    }
}

impl From<Attempt> for AttemptBody {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            started_at: attempt.started_at.into(),
            duration_ms: attempt.duration_ms,
            outcome: attempt.outcome,
            status_code: attempt.status_code,
            error: attempt.error,
            response: attempt.response,
        }
    }
}

/// What it takes to have the body of a delivery.
fn reading(delivery: &Delivery) -> Vec<Permission> {
    EventType::reading_all(std::slice::from_ref(&delivery.event_type)).collect()
}

fn event_id(text: &str) -> Result<EventId, Refusal> {
    EventId::parse(text)
        .ok_or_else(|| Refusal::new(Code::InvalidId).detail("eventId", "Expected evt_ and 26 characters"))
}

/// The operations.
pub struct DeliveriesApi;

#[OpenApi(prefix_path = "/api/v1/webhooks", tag = "Tags::Webhooks")]
impl DeliveriesApi {
    /// List deliveries
    ///
    /// The events that were or will be delivered to the webhook, newest first. Needs `webhooks:read`.
    #[oai(path = "/:id/events", method = "get", operation_id = "list_deliveries")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn list(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// Only those that stand so.
        status: Query<Option<DeliveryStatus>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Deliveries on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Deliveries at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<DeliveryBody>, ApiError> {
        let status = status.0.map(DeliveryStatus::name);
        let query = format!("deliveries webhook={} status={}", id.0, status.unwrap_or("any"));
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let list = async |tx: &mut TenantTx<'_>| delivery::list(tx, WebhookId(id.0), status, &window).await;
        let page = app.db.read(&caller.actor, list).await?;
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        Ok(paging.list(page, Delivery::sort_key, DeliveryBody::from))
    }

    /// Get a delivery
    ///
    /// With the body as it is sent. Needs `webhooks:read`, and to read what the event tells of, such as `contacts:read`.
    #[oai(path = "/:id/events/:eventId", method = "get", operation_id = "get_delivery")]
    async fn get(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The event's id, `evt_…`.
        #[oai(name = "eventId")]
        event: Path<String>,
    ) -> Result<Shown<DeliveryBody>, ApiError> {
        let event = event_id(&event)?;
        let get = async |tx: &mut TenantTx<'_>| delivery::get(tx, WebhookId(id.0), event).await;
        let delivery = app.db.read(&caller.actor, get).await?;
        caller.allow_all(reading(&delivery))?;
        Ok(Shown::plain(delivery.as_sent(app.versions).into()))
    }

    /// List the attempts of a delivery
    ///
    /// First to last. Needs `webhooks:read`.
    #[oai(path = "/:id/events/:eventId/attempts", method = "get", operation_id = "list_attempts")]
    async fn attempts(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The event's id, `evt_…`.
        #[oai(name = "eventId")]
        event: Path<String>,
    ) -> Result<Shown<Vec<AttemptBody>>, ApiError> {
        let event = event_id(&event)?;
        let read = async |tx: &mut TenantTx<'_>| {
            delivery::get(tx, WebhookId(id.0), event).await?;
            delivery::attempts(tx, WebhookId(id.0), event).await
        };
        let attempts = app.db.read(&caller.actor, read).await?;
        Ok(Shown::plain(attempts.into_iter().map(AttemptBody::from).collect()))
    }

    /// Send a delivery again
    ///
    /// Now, with the schedule from its beginning, and under the same `webhook-id`: a receiver that has already handled it and
    /// skips repeats skips this one too. Of a webhook whose `ordering` is `object` it waits for earlier events of its object, and later
    /// ones that have not begun wait for it. Refused while it is pending. Needs `webhooks:write`, and to read what the event tells of,
    /// such as `contacts:read`.
    #[oai(path = "/:id/events/:eventId/resend", method = "post", operation_id = "resend_delivery")]
    async fn resend(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The event's id, `evt_…`.
        #[oai(name = "eventId")]
        event: Path<String>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<DeliveryBody>>, ApiError> {
        let event = event_id(&event)?;
        let resend = async |tx: &mut TenantTx<'_>| {
            let delivery = delivery::resend(tx, WebhookId(id.0), event).await?;
            caller.allow_all(reading(&delivery))?;
            Ok(Shown::plain(DeliveryBody::from(delivery.as_sent(app.versions))))
        };
        once.write(&app, &caller, prefer, resend).await
    }
}
