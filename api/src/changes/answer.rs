//! Pages of the feed on the wire, and how the document describes pages and streams.

use std::collections::HashMap;

use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, Object};
use serde_json::Value;
use tenon_common::feed::Page;
use tenon_common::id::TenantId;
use tenon_common::version::ApiVersion;
use uuid::Uuid;

use crate::app::App;
use crate::http::actor::ActorBody;
use crate::http::response::Metadata;
use crate::http::sse;
use crate::http::timestamp::Timestamp;

/// A page of the feed.
#[derive(Object, Debug)]
#[oai(rename = "ChangePage", rename_all = "camelCase")]
struct PageBody {
    /// Always true.
    success: bool,
    /// The events, in the feed's order.
    data: Vec<EventBody>,
    /// Send it as `after` to get what follows. Always there, also on an empty page.
    next_cursor: String,
    /// Whether more is there already: ask again at once.
    has_more: bool,
    /// See there.
    metadata: Metadata,
}

/// What every event says. In the document of 3.1 the description of webhooks takes its place.
#[derive(Object, Debug)]
#[oai(rename = "WebhookEvent", rename_all = "camelCase")]
struct EventBody {
    /// The event's id, as in `webhook-id`.
    id: String,
    /// What has happened.
    #[oai(rename = "type")]
    kind: String,
    /// The same as `type`.
    event: String,
    /// When it happened.
    timestamp: Timestamp,
    /// Whose it is.
    tenant_id: Uuid,
    /// The version of this body's form.
    api_version: String,
    /// Sorts events by time, as text.
    sequence: String,
    /// What it happened to. Later versions of one object have higher numbers.
    object: ObjectBody,
    /// Who did it.
    actor: ActorBody,
    /// The fields that an update changed.
    #[oai(nullable)]
    changed_fields: Option<Vec<String>>,
    /// The changed fields as they were, null where there was no update.
    #[oai(nullable)]
    previous: Option<HashMap<String, Any<Value>>>,
    /// The import or batch that this belongs to, null where there is none.
    #[oai(nullable)]
    bulk: Option<HashMap<String, Any<Value>>>,
    /// The object after the change; for a deletion, as it last was.
    data: HashMap<String, Any<Value>>,
}

/// What an event happened to.
#[derive(Object, Debug)]
#[oai(rename = "EventObject")]
struct ObjectBody {
    /// What it is: `contact`.
    #[oai(rename = "type")]
    kind: String,
    /// Which one.
    id: Uuid,
    /// Its version after the change.
    version: i64,
}

/// A page or a stream.
pub struct Followed(pub(super) Response);

impl IntoResponse for Followed {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Followed {
    fn meta() -> MetaResponses {
        let page = MetaMediaType {
            content_type: "application/json",
            schema: <Json<PageBody> as Payload>::schema_ref(),
        };
        let stream = sse::documented(
            "Server-Sent Events: `id` is the cursor behind the event, `event` its type, `data` its body, which is a `WebhookEvent`.",
        );
        let response = MetaResponse {
            description: "A page of the feed; or the stream, with `Accept: text/event-stream`.",
            status: Some(200),
            status_range: None,
            content: vec![page, stream],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        <Json<PageBody> as Payload>::register(registry);
    }
}

/// 200 with a page, for a reader of a version. Bodies are JSON already, and are written as they stand where they are of that version.
pub(super) fn page(page: &Page, app: &App, tenant: TenantId, version: ApiVersion) -> Response {
    let length = page.events.iter().map(|event| event.body.len() + 1).sum::<usize>();
    let mut text = String::with_capacity(length + 300);
    text += "{\"success\":true,\"data\":[";
    for (index, event) in page.events.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text += app.versions.event(version, event.body.as_bytes()).as_deref().unwrap_or(&event.body);
    }
    let next = page.next.cursor(&app.cursors, tenant);
    text += &format!("],\"nextCursor\":\"{next}\",\"hasMore\":{}", page.has_more);
    let metadata = serde_json::to_string(&Metadata::now()).unwrap_or_default();
    text += &format!(",\"metadata\":{metadata}}}");
    Response::builder().content_type(<Json<PageBody> as Payload>::CONTENT_TYPE).body(text)
}
