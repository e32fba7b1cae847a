//! What is shown of deliveries, and said of those that are meant.

use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::webhook::delivery::{Attempt, Delivery};
use tenon_common::webhook::matching::Meant;
use uuid::Uuid;

use crate::http::timestamp::Timestamp;

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
    /// The webhook was deleted, or a replay that brought it was cancelled.
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

    /// The name in the table.
    pub(super) fn name(self) -> &'static str {
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

/// Which deliveries are to be sent again; all that have failed where nothing is said.
#[derive(Object, Debug)]
#[oai(rename = "WebhookResend", rename_all = "camelCase")]
pub struct ResendInput {
    /// Those that stand so; `failed` if absent.
    pub status: Option<DeliveryStatus>,
    /// Names of `GET /api/v1/event-types`, `contact.*` for all of an object; all if absent.
    #[oai(validator(min_items = 1, max_items = 100))]
    pub events: Option<Vec<String>>,
    /// Of things of this type, such as `contact`.
    pub object_type: Option<String>,
    /// Of this thing.
    pub object_id: Option<Uuid>,
    /// Of events not older than this.
    pub since: Option<Timestamp>,
    /// Of events older than this.
    pub until: Option<Timestamp>,
}

impl ResendInput {
    pub(super) fn meant(self) -> Meant {
        Meant {
            events: self.events,
            object_type: self.object_type,
            object_id: self.object_id,
            since: self.since.map(|since| since.0),
            until: self.until.map(|until| until.0),
        }
    }
}

/// What is sent again.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookResent", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ResentBody {
    /// How many deliveries.
    pub resent: i64,
}
