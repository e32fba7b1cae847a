//! The trail as NDJSON, sent as it is read.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use tenon_common::audit::AuditEntry;
use tenon_common::audit::read::{self, AuditFilter};
use tenon_common::{Result, TenantTx};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::Identity;
use crate::shown::audit_event::AuditEventBody;

/// Entries that are read at once.
const PART: usize = 1_000;

/// NDJSON.
pub struct ExportedEvents(Response);

impl IntoResponse for ExportedEvents {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for ExportedEvents {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The entries, one a line.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/x-ndjson",
                    schema: String::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}

/// Where the next part begins.
enum Next {
    Before(Option<Uuid>),
    Nothing,
}

/// The entries, part by part: nothing is held while the client reads. The first part is read before anything is answered, so that what is
/// wrong is refused.
pub(super) async fn export(app: Arc<App>, caller: Identity, filter: AuditFilter) -> Result<ExportedEvents> {
    let first = part(&app, &caller, &filter, None).await?;
    let rest = stream::try_unfold(first.1, move |next| {
        let (app, caller, filter) = (app.clone(), caller.clone(), filter.clone());
        async move {
            match next {
                Next::Nothing => Ok(None),
                Next::Before(before) => {
                    part(&app, &caller, &filter, before).await.map(Some).map_err(io::Error::other)
                }
            }
        }
    });
    let first = stream::iter([Ok::<_, io::Error>(first.0)]);
    let body = Body::from_bytes_stream(futures::StreamExt::chain(first, rest));
    let response = Response::builder().content_type("application/x-ndjson");
    let name = "attachment; filename=\"audit-events.ndjson\"";
    Ok(ExportedEvents(response.header(header::CONTENT_DISPOSITION, name).body(body)))
}

async fn part(
    app: &App,
    caller: &Identity,
    filter: &AuditFilter,
    before: Option<Uuid>,
) -> Result<(Bytes, Next)> {
    let most = i64::try_from(PART).unwrap_or(i64::MAX);
    let read = async |tx: &mut TenantTx<'_>| read::part(tx, filter, before, most).await;
    let entries: Vec<AuditEntry> = app.db.read(&caller.actor, read).await?;
    let next = match entries.last() {
        Some(last) if entries.len() == PART => Next::Before(Some(last.id)),
        _ => Next::Nothing,
    };
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, &AuditEventBody::from(entry).seen_by(caller))
            .map_err(tenon_common::Error::internal)?;
        lines.push(b'\n');
    }
    Ok((lines.into(), next))
}
