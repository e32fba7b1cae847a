//! Where an import stands, once or whenever it has changed.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use poem::web::sse::{Event, SSE};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use tenon_common::id::ImportId;
use tenon_common::import::{self, Import};
use tenon_common::{Actor, TenantTx};

use super::ImportBody;
use crate::app::App;
use crate::response::{Envelope, enveloped};

/// How often a change is looked for.
const EVERY: Duration = Duration::from_secs(1);
/// A watcher is let go after so long, and asks again.
const LONGEST: u32 = 30 * 60;

/// An import, or what becomes of it.
pub struct Watched(Response);

impl Watched {
    /// As it stands.
    pub(super) fn once(import: Import) -> Self {
        Self(enveloped(ImportBody::from(import)))
    }

    /// As it stands, and again whenever that has changed, until it has ended. No connection is held in between.
    pub(super) fn events(app: Arc<App>, actor: Actor, import: Import) -> Self {
        let id = import.id;
        let events = stream::unfold(Some((import, 0)), move |watched| {
            let (app, actor) = (app.clone(), actor.clone());
            async move {
                let (import, seconds) = watched?;
                let ended = !import.state().is_at_work() || import.finished_at.is_some() && import.dry_run;
                let next = match ended || seconds > LONGEST {
                    true => None,
                    false => changed(&app, &actor, id, &import, seconds).await,
                };
                Some((event(import), next))
            }
        });
        Self(SSE::new(events).keep_alive(Duration::from_secs(15)).into_response())
    }
}

fn event(import: Import) -> Event {
    let id = format!("{}-{}", import.version, import.committed_through_row);
    let data = serde_json::to_string(&ImportBody::from(import)).unwrap_or_default();
    Event::message(data).event_type("progress").id(id)
}

/// The import once it has changed; none where it cannot be read any more.
async fn changed(
    app: &App,
    actor: &Actor,
    id: ImportId,
    known: &Import,
    seconds: u32,
) -> Option<(Import, u32)> {
    for waited in seconds.. {
        tokio::time::sleep(EVERY).await;
        let get = async |tx: &mut TenantTx<'_>| import::get(tx, id).await;
        let now = app.db.read(actor, get).await.ok()?;
        let differs = now.version != known.version
            || now.committed_through_row != known.committed_through_row
            || now.reverted != known.reverted;
        if differs || waited > LONGEST {
            return Some((now, waited + 1));
        }
    }
    None
}

type Body = Json<Envelope<ImportBody>>;

impl IntoResponse for Watched {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Watched {
    fn meta() -> MetaResponses {
        let events = MetaSchema {
            description: Some("Events `progress`, whose `data` is the import."),
            ..MetaSchema::new("string")
        };
        let content = vec![
            MetaMediaType { content_type: Body::CONTENT_TYPE, schema: Body::schema_ref() },
            MetaMediaType {
                content_type: "text/event-stream",
                schema: MetaSchemaRef::Inline(Box::new(events)),
            },
        ];
        let response = MetaResponse {
            description: "Where it stands.",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        <Body as Payload>::register(registry);
    }
}
