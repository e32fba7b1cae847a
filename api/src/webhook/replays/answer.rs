//! What a request for a replay is answered.

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use tenon_common::id::EventId;
use tenon_common::webhook::replay::{Group, Preview};

use super::body::ReplayBody;
use crate::http::response::{Envelope, documented, enveloped, with};
use crate::http::timestamp::Timestamp;

/// Events of one type whose deliveries stand alike.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookReplayGroup", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct GroupBody {
    /// The events' type.
    pub event: String,
    /// Where their deliveries stand: `failed`, `cancelled`, `delivered`, or `none` where there is no delivery.
    pub status: String,
    /// How many.
    pub events: i64,
}

impl From<Group> for GroupBody {
    fn from(group: Group) -> Self {
        Self { event: group.event_type, status: group.status, events: group.events }
    }
}

/// What a replay would send.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookReplayPreview", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct PreviewBody {
    /// How many events.
    pub selected: i64,
    /// Events that match and are kept no longer: they are not sent.
    pub gone: i64,
    /// By type, then by status.
    pub groups: Vec<GroupBody>,
    /// The oldest event's id; null where there is none.
    #[oai(nullable)]
    pub first: Option<String>,
    /// When the oldest event happened.
    #[oai(nullable)]
    pub first_at: Option<Timestamp>,
    /// The newest event's id; null where there is none.
    #[oai(nullable)]
    pub last: Option<String>,
    /// When the newest event happened.
    #[oai(nullable)]
    pub last_at: Option<Timestamp>,
}

impl From<Preview> for PreviewBody {
    fn from(preview: Preview) -> Self {
        let at = |event: EventId| Timestamp(event.instant());
        Self {
            selected: preview.events(),
            gone: preview.gone,
            first: preview.first.map(EventId::wire),
            first_at: preview.first.map(at),
            last: preview.last.map(EventId::wire),
            last_at: preview.last.map(at),
            groups: preview.groups.into_iter().map(GroupBody::from).collect(),
        }
    }
}

/// 202 with the replay, which goes on by itself.
pub struct Accepted(pub ReplayBody);

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let location = format!("/api/v1/webhooks/{}/replays/{}", self.0.webhook_id, self.0.id);
        let response = with(enveloped(self.0), header::LOCATION, &location);
        response.with_status(StatusCode::ACCEPTED).into_response()
    }
}

type Answered = Json<Envelope<ReplayBody>>;

impl ApiResponse for Accepted {
    fn meta() -> MetaResponses {
        let location = ("Location", "The replay's path.");
        let accepted = documented::<Answered>(202, "It was accepted, and goes on by itself.", &[location]);
        MetaResponses { responses: vec![accepted] }
    }

    fn register(registry: &mut Registry) {
        <Answered as Payload>::register(registry);
    }
}
