//! `/webhooks/{id}/preview`: what a webhook would have got of the last events.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::types::{Any, Example, MaybeUndefined};
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;
use serde_json::Value;
use tenon_common::TenantTx;
use tenon_common::event::EventType;
use tenon_common::id::WebhookId;
use tenon_common::webhook::preview::{self, PreviewDraft, Previewed};
use tenon_common::webhook::wish;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, WebhooksRead};
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::response::Shown;
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;
use crate::webhook::endpoints::PayloadForm;

/// What to try in the place of what the webhook has. What is absent is as the webhook has it.
#[derive(Object, Debug)]
#[oai(rename = "WebhookPreviewInput", rename_all = "camelCase", example)]
pub struct PreviewInput {
    /// As in the webhook.
    #[oai(validator(max_items = 100))]
    pub events: Option<Vec<String>>,
    /// As in the webhook; null tries none.
    #[oai(nullable)]
    pub filter: MaybeUndefined<String>,
    /// As in the webhook.
    pub skip_own: Option<bool>,
    /// As in the webhook.
    pub payload: Option<PayloadForm>,
}

impl Example for PreviewInput {
    fn example() -> Self {
        Self {
            events: Some(vec!["contact.*".to_owned()]),
            filter: MaybeUndefined::Value("changedFields any (\"email\")".to_owned()),
            skip_own: None,
            payload: None,
        }
    }
}

/// What is decided of an event.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename = "WebhookVerdict", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The webhook gets it.
    Matches,
    /// Its filter does not hold.
    LeftOut,
    /// It is of a change of its own, and `skipOwn` is set.
    Own,
    /// Its filter cannot be judged: the webhook gets it.
    Unjudged,
}

impl From<wish::Verdict> for Verdict {
    fn from(verdict: wish::Verdict) -> Self {
        match verdict {
            wish::Verdict::Matches => Self::Matches,
            wish::Verdict::LeftOut => Self::LeftOut,
            wish::Verdict::Own => Self::Own,
            wish::Verdict::Unjudged => Self::Unjudged,
        }
    }
}

/// What would have become of the last events.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookPreview", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct PreviewBody {
    /// How many events were judged, 100 at most.
    pub total: usize,
    /// How many the webhook gets.
    pub matches: usize,
    /// How many its filter leaves out.
    pub left_out: usize,
    /// How many are of changes of its own.
    pub own: usize,
    /// How many it gets because its filter cannot be judged.
    pub unjudged: usize,
    /// Each of them, newest first.
    pub events: Vec<PreviewedBody>,
}

/// What would have become of an event.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookPreviewedEvent", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct PreviewedBody {
    /// The event's id.
    pub id: String,
    /// The event's type.
    pub event: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// What is decided of it.
    pub verdict: Verdict,
    /// Why it cannot be judged.
    #[oai(nullable)]
    pub reason: Option<String>,
    /// The body as it would be sent, of the first five that the webhook gets.
    #[oai(nullable)]
    #[serde(serialize_with = "payload")]
    pub payload: Option<Any<Value>>,
}

fn payload<S: serde::Serializer>(payload: &Option<Any<Value>>, serializer: S) -> Result<S::Ok, S::Error> {
    payload.as_ref().map(|any| &any.0).serialize(serializer)
}

impl From<Previewed> for PreviewedBody {
    fn from(event: Previewed) -> Self {
        let reason = |field| format!("{field} is not there, or is not of the kind that it is compared with");
        Self {
            id: event.id.wire(),
            event: event.event_type,
            created_at: event.created_at.into(),
            verdict: event.verdict.into(),
            reason: event.unjudged.map(reason),
            payload: event.body.and_then(|body| serde_json::from_slice(&body).ok()).map(Any),
        }
    }
}

impl From<Vec<Previewed>> for PreviewBody {
    fn from(events: Vec<Previewed>) -> Self {
        let count = |verdict| events.iter().filter(|event| event.verdict == verdict).count();
        Self {
            total: events.len(),
            matches: count(wish::Verdict::Matches),
            left_out: count(wish::Verdict::LeftOut),
            own: count(wish::Verdict::Own),
            unjudged: count(wish::Verdict::Unjudged),
            events: events.into_iter().map(PreviewedBody::from).collect(),
        }
    }
}

/// The operation.
pub struct WebhookPreviewApi;

#[OpenApi(prefix_path = "/api/v1/webhooks", tag = "Tags::Webhooks")]
impl WebhookPreviewApi {
    /// Preview a webhook
    ///
    /// What it would have got of the last 100 events of its types, which are looked for among the last 5,000 of all: with what it has, or
    /// with what you try. Nothing is changed, and nothing is sent. Needs `webhooks:read`, and to read what the events tell of, as for
    /// creating it.
    #[oai(path = "/:id/preview", method = "post", operation_id = "preview_webhook")]
    async fn preview(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        body: Body<PreviewInput>,
    ) -> Result<Shown<PreviewBody>, ApiError> {
        let input = body.0;
        let draft = PreviewDraft {
            events: input.events,
            filter: match input.filter {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(filter) => Some(Some(filter)),
            },
            skip_own: input.skip_own,
            payload: input.payload.map(PayloadForm::name),
        };
        let look = async |tx: &mut TenantTx<'_>| {
            let tried = preview::of(tx, WebhookId(id.0), draft.clone()).await?;
            caller.allow_all(EventType::reading_all(&tried.events))?;
            preview::judge(tx, &tried, app.versions, preview::MOST).await
        };
        Ok(Shown::plain(app.db.read(&caller.actor, look).await?.into()))
    }
}
