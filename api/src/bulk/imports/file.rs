//! The file of errors, sent as it is read.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use tenon_common::import::{Import, errors};
use tenon_common::{Actor, Result, TenantTx};

use crate::app::App;

/// CSV.
pub struct ErrorsFile(Response);

impl IntoResponse for ErrorsFile {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for ErrorsFile {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The rows that were refused, as CSV.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: "text/csv", schema: String::schema_ref() }],
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}

/// The file, page by page: nothing is held while the client reads.
pub(super) fn errors(app: Arc<App>, actor: Actor, import: &Import) -> Result<ErrorsFile> {
    let header = errors::header(&actor, import)?;
    let import = import.id;
    let first = stream::iter([Ok::<_, io::Error>(Bytes::from(header))]);
    let rest = stream::try_unfold(Some(0), move |after| {
        let (app, actor) = (app.clone(), actor.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let part = async |tx: &mut TenantTx<'_>| errors::part(tx, import, after).await;
            let part = app.db.read(&actor, part).await.map_err(io::Error::other)?;
            Ok(Some((Bytes::from(part.text), part.next)))
        }
    });
    let body = Body::from_bytes_stream(futures::StreamExt::chain(first, rest));
    let name = format!("attachment; filename=\"import-{import}-errors.csv\"");
    let response = Response::builder().content_type("text/csv; charset=utf-8");
    Ok(ErrorsFile(response.header(header::CONTENT_DISPOSITION, name).body(body)))
}
