//! The file of an export, sent as it is read.

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use tenon_common::Error;
use tenon_common::export::Format;
use tenon_common::export::job::{ExportJob, State};

use crate::app::App;
use crate::http::code::Code;
use crate::http::export::{attachment, break_off, content_type};
use crate::http::refusal::Refusal;
use crate::http::response::documented_header;

/// 200 with a file of the storage.
pub struct ExportFile(Response);

impl ExportFile {
    /// The file of an export, if it is there.
    pub(super) async fn of(app: &App, export: &ExportJob) -> Result<Self, Refusal> {
        match export.state() {
            State::Succeeded => {}
            State::Expired => return Err(Refusal::new(Code::Expired)),
            state => {
                let message = format!("There is no file of an export that is {}", state.name());
                return Err(Refusal::because(Code::StateConflict, message).detail("state", state.name()));
            }
        }
        let pieces = app.storage.stream(&export.file_key()).await.map_err(|error| match error {
            // It was removed in this moment.
            Error::FileMissing => Refusal::new(Code::Expired),
            error => error.into(),
        })?;
        let response = Response::builder()
            .content_type(content_type(export.format()))
            .header(header::CONTENT_LENGTH, export.bytes)
            .header(header::CONTENT_DISPOSITION, attachment(&export.file_name()));
        Ok(Self(response.body(Body::from_bytes_stream(whole(pieces)))))
    }
}

/// Pieces of a file; where one cannot be read the answer breaks off, so that nobody takes a part for the whole.
fn whole(
    pieces: impl Stream<Item = tenon_common::Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    pieces.map(|piece| {
        piece.or_else(|error| {
            tracing::error!(%error, "the file of an export cannot be read");
            break_off()
        })
    })
}

impl IntoResponse for ExportFile {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for ExportFile {
    fn meta() -> MetaResponses {
        let file = |format: Format| {
            let schema = match format {
                Format::Csv | Format::Ndjson => MetaSchema::new("string"),
                Format::Xlsx => MetaSchema::new_with_format("string", "binary"),
            };
            MetaMediaType {
                content_type: format.media_type(),
                schema: MetaSchemaRef::Inline(Box::new(schema)),
            }
        };
        let name = documented_header("Content-Disposition", "`attachment` with a file name.");
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The file.",
                status: Some(200),
                status_range: None,
                content: Format::ALL.into_iter().map(file).collect(),
                headers: vec![name],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
