//! Where an import stands, once or whenever it has changed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use tenon_common::TenantTx;
use tenon_common::import::{self, Import};
use tenon_common::role::Permission;
use tokio::sync::mpsc;

use super::ImportBody;
use crate::app::App;
use crate::calls::caller::Identity;
use crate::http::refusal::Refusal;
use crate::http::response::{Envelope, enveloped};
use crate::http::sse;

/// How often a change is looked for.
const EVERY: Duration = Duration::from_secs(1);
/// After so many looks a watcher is let go, and asks again.
const LOOKS: u32 = 5 * 60;
/// A sign of life is sent after so many looks without a change.
const SILENCE: u32 = 15;

/// An import, or what becomes of it.
pub struct Watched(Response);

impl Watched {
    /// As it stands.
    pub(super) fn once(import: Import) -> Self {
        Self(enveloped(ImportBody::from(import)))
    }

    /// As it stands, and again whenever that has changed, until it has ended, or its caller may not see it any more. No connection is
    /// held in between. Nobody may watch where as many do as there are seats.
    pub(super) fn events(app: Arc<App>, caller: Identity, import: Import) -> Result<Self, Refusal> {
        let seat = app.watchers.seat(caller.actor.tenant)?;
        let (events, sent) = mpsc::channel(1);
        tokio::spawn(async move {
            let _seat = seat;
            // A client that went away, a credential, and a database that did end it.
            let _ = follow(&app, &caller, import, &events).await;
        });
        Ok(Self(sse::stream(sent)))
    }
}

async fn follow(app: &App, caller: &Identity, import: Import, events: &mpsc::Sender<Bytes>) -> Option<()> {
    let id = import.id;
    let mut known = import;
    events.send(event(&known)).await.ok()?;
    let mut silent = 0;
    for _ in 0..LOOKS {
        if has_ended(&known) {
            break;
        }
        tokio::time::sleep(EVERY).await;
        let get = async |tx: &mut TenantTx<'_>| import::get(tx, id).await;
        let caller = caller.again(app).await.ok()?;
        caller.require(Permission::IMPORTS_READ).ok()?;
        let now = app.db.read(&caller.actor, get).await.ok()?;
        silent += 1;
        if differs(&known, &now) {
            known = now;
            silent = 0;
            events.send(event(&known)).await.ok()?;
        } else if silent % SILENCE == 0 {
            events.send(Bytes::from_static(b":\n\n")).await.ok()?;
        }
    }
    Some(())
}

fn has_ended(import: &Import) -> bool {
    !import.state().is_at_work() || (import.dry_run && import.finished_at.is_some())
}

fn differs(known: &Import, now: &Import) -> bool {
    now.version != known.version
        || now.committed_through_row != known.committed_through_row
        || now.reverted != known.reverted
}

fn event(import: &Import) -> Bytes {
    let id = format!("{}-{}", import.version, import.committed_through_row);
    let data = serde_json::to_string(&ImportBody::from(import.clone())).unwrap_or_default();
    let mut text = String::new();
    sse::write_event(&mut text, &id, "progress", &data);
    text.into()
}

type Body = Json<Envelope<ImportBody>>;

impl IntoResponse for Watched {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Watched {
    fn meta() -> MetaResponses {
        let content = vec![
            MetaMediaType { content_type: Body::CONTENT_TYPE, schema: Body::schema_ref() },
            sse::documented("Server-Sent Events `progress`, whose `data` is the import."),
        ];
        let (description, headers) = ("Where it stands.", Vec::new());
        MetaResponses {
            responses: vec![MetaResponse {
                description,
                status: Some(200),
                status_range: None,
                content,
                headers,
            }],
        }
    }

    fn register(registry: &mut Registry) {
        <Body as Payload>::register(registry);
    }
}
