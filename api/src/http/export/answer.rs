//! The answer with an export.

use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use tenon_common::export::Format;

use crate::http::response::{documented_header, with};

/// 200 with a file that comes as it is made.
pub struct ExportAnswer {
    /// What it is written as.
    pub format: Format,
    /// The file's name.
    pub name: String,
    /// The file.
    pub body: Body,
}

impl IntoResponse for ExportAnswer {
    fn into_response(self) -> Response {
        let response = Response::builder().content_type(content_type(self.format)).body(self.body);
        with(response, header::CONTENT_DISPOSITION, &attachment(&self.name))
    }
}

/// The media type with its parameters.
pub fn content_type(format: Format) -> &'static str {
    match format {
        Format::Csv => "text/csv; charset=utf-8; header=present",
        Format::Ndjson | Format::Xlsx => format.media_type(),
    }
}

/// `Content-Disposition` of a file of this name.
pub fn attachment(name: &str) -> String {
    format!("attachment; filename=\"{name}\"")
}

impl ApiResponse for ExportAnswer {
    fn meta() -> MetaResponses {
        let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let media_type = |format: Format| MetaMediaType { content_type: format.media_type(), schema: text() };
        let content = Format::STREAMED.into_iter().map(media_type).collect();
        let name = documented_header("Content-Disposition", "`attachment` with a file name.");
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The records, as they are read.",
                status: Some(200),
                status_range: None,
                content,
                headers: vec![name],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}

/// Ends the connection in the middle of an answer. An error of the body should do that; but poem 3.1.12 polls a connection once
/// more after it failed, and hyper then writes the end of the body that the client is not to see. Unwinding ends the connection's
/// task, which poem expects of panics; this is none, so nothing is printed.
pub fn break_off() -> ! {
    std::panic::resume_unwind(Box::new("the export was aborted"))
}
