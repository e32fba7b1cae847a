//! A file that is sent, in the two forms that a request can have, and the answer to it.

use std::collections::HashMap;

use poem::http::{StatusCode, header};
use poem::web::Multipart;
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{Any, Example, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, Object};
use serde_json::Value;
use uuid::Uuid;

use super::ImportBody;
use super::options::{ImportObject, OptionsInput};
use crate::http::body;
use crate::http::code::Code;
use crate::http::refusal::Refusal;
use crate::http::response::{Envelope, documented, enveloped, with};

/// Bytes of a JSON body with rows at most.
const MAX_JSON: usize = 16 << 20;

/// A row: its cells, by their columns.
pub(super) type Row = HashMap<String, Any<Value>>;

/// Rows to import, in the request itself; or a file that was uploaded before.
#[derive(Object, Debug)]
#[oai(rename = "ImportRows", rename_all = "camelCase", example)]
pub struct RowsInput {
    /// How.
    pub options: Option<OptionsInput>,
    /// Objects, whose members are the columns; at most 10,000.
    #[oai(validator(min_items = 1, max_items = 10_000))]
    pub rows: Option<Vec<Row>>,
    /// A complete upload, in place of rows. It is used once.
    pub upload_id: Option<Uuid>,
    /// An import whose file is imported again, in place of rows, as after a dry run that read it otherwise than it was meant. Possible
    /// while its file is kept. Needs what importing that file needed.
    pub import_id: Option<Uuid>,
}

impl Example for RowsInput {
    fn example() -> Self {
        let text = |text: &str| Any(Value::String(text.to_owned()));
        let row = [("name", text("John Doe"))];
        let options = OptionsInput { object: Some(ImportObject::Contacts), ..OptionsInput::default() };
        Self {
            options: Some(options),
            rows: Some(vec![row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()]),
            upload_id: None,
            import_id: None,
        }
    }
}

/// A file to import: not read yet.
pub enum ImportRequest {
    /// Parts `options` and `file`.
    Parts(Box<Multipart>),
    /// Options with rows or an upload.
    Json(bytes::Bytes),
}

const MULTIPART: &str = "multipart/form-data";

impl<'a> ApiExtractor<'a> for ImportRequest {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        OptionsInput::register(registry);
        RowsInput::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let file = MetaSchema {
            description: Some("CSV, NDJSON, an array of JSON objects, or XLSX."),
            ..MetaSchema::new_with_format("string", "binary")
        };
        let parts = MetaSchema {
            required: vec!["file"],
            properties: vec![
                ("options", OptionsInput::schema_ref()),
                ("file", MetaSchemaRef::Inline(Box::new(file))),
            ],
            ..MetaSchema::new("object")
        };
        let content = vec![
            MetaMediaType { content_type: MULTIPART, schema: MetaSchemaRef::Inline(Box::new(parts)) },
            MetaMediaType { content_type: "application/json", schema: RowsInput::schema_ref() },
        ];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let is_multipart = request.content_type().is_some_and(|kind| kind.starts_with(MULTIPART));
        if is_multipart {
            let parts = <Multipart as FromRequest>::from_request(request, body)
                .await
                .map_err(|error| Refusal::new(Code::ValidationError).detail("body", error.to_string()))?;
            return Ok(Self::Parts(Box::new(parts)));
        }
        Ok(Self::Json(body::json_up_to(request, body, MAX_JSON).await?))
    }
}

/// 202 with the import, which goes on by itself.
pub struct Accepted(pub ImportBody);

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let location = format!("/api/v1/imports/{}", self.0.id);
        let response = with(enveloped(self.0), header::LOCATION, &location);
        response.with_status(StatusCode::ACCEPTED).into_response()
    }
}

type Body = Json<Envelope<ImportBody>>;

impl ApiResponse for Accepted {
    fn meta() -> MetaResponses {
        let location = ("Location", "The import's path.");
        MetaResponses {
            responses: vec![documented::<Body>(202, "It was accepted, and goes on by itself.", &[location])],
        }
    }

    fn register(registry: &mut Registry) {
        <Body as Payload>::register(registry);
    }
}
