//! What handlers answer instead of a success. One type documents every status, so every operation lists all of them.

use std::collections::HashMap;

use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};

use crate::http::limits;
use crate::http::refusal::Refusal;
use crate::http::response::Metadata;

/// A refusal or a failure, as handlers answer it.
#[derive(Debug)]
pub struct ApiError(pub Refusal);

impl<E: Into<Refusal>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<ApiError> for poem::Error {
    fn from(error: ApiError) -> Self {
        error.0.into()
    }
}

/// Why a request was not done. `code` is the contract, `error` is for people.
#[derive(Object, Debug)]
#[oai(rename = "ApiError")]
pub struct ErrorBody {
    /// Always false.
    pub success: bool,
    /// In words.
    pub error: String,
    /// One of `GET /api/v1/errors`.
    pub code: String,
    /// One message for each field or fact.
    pub details: HashMap<String, String>,
    /// Every broken rule.
    pub errors: Vec<ErrorField>,
    /// Where the code is explained.
    pub docs: String,
    /// See there.
    pub metadata: Metadata,
}

/// One broken rule.
#[derive(Object, Debug)]
#[oai(rename = "ErrorField")]
pub struct ErrorField {
    /// Where, as a JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// Which rule.
    pub code: String,
    /// In words.
    pub message: String,
}

const STATUSES: &[(u16, &str)] = &[
    (
        400,
        "The request breaks a rule: `VALIDATION_ERROR`, `MALFORMED_JSON`, `UNKNOWN_FIELD`, `INVALID_ID`, `INVALID_FILTER`, `INVALID_SORT`, `INVALID_CURSOR`, `CURSOR_MISMATCH`.",
    ),
    (
        401,
        "No credential, or none that is good: `UNAUTHENTICATED`, `TOKEN_EXPIRED`, `TOKEN_REVOKED`, `API_KEY_EXPIRED`, `INVALID_CREDENTIALS`.",
    ),
    (
        403,
        "The caller may not do this: `FORBIDDEN`, `INSUFFICIENT_SCOPE`, `ROLE_TOO_LOW`, `ACCOUNT_SUSPENDED`, `IP_NOT_ALLOWED`.",
    ),
    (404, "There is no such record: `NOT_FOUND`."),
    (
        409,
        "What is there is in the way: `DUPLICATE`, `RESTORE_CONFLICT`, `STATE_CONFLICT`, `STAGE_IN_USE`, `SLUG_TAKEN`, `IDEMPOTENCY_IN_PROGRESS`, `TENANT_REQUIRED`.",
    ),
    (410, "What was asked for is over: `CURSOR_EXPIRED`, `EXPIRED`."),
    (412, "The record has changed: `VERSION_CONFLICT`."),
    (413, "The body is longer than allowed: `PAYLOAD_TOO_LARGE`."),
    (414, "The path and query are longer than allowed: `URI_TOO_LONG`."),
    (415, "The body is not JSON: `UNSUPPORTED_MEDIA_TYPE`."),
    (
        422,
        "The request cannot be done as it stands: `IDEMPOTENCY_KEY_REUSED`, `IMPORT_MAPPING_INVALID`, `WEBHOOK_URL_REJECTED`.",
    ),
    (428, "The organization asks for `If-Match`: `PRECONDITION_REQUIRED`."),
    (429, "Too many requests, or too many of something: `RATE_LIMITED`, `QUOTA_EXCEEDED`."),
    (500, "A fault of the server: `INTERNAL`."),
    (
        503,
        "Something that this needs is away, or it took too long: `DEPENDENCY_UNAVAILABLE`, `QUERY_TIMEOUT`.",
    ),
];

impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        let response = |(status, description): &(u16, &'static str)| MetaResponse {
            description,
            status: Some(*status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: ErrorBody::schema_ref(),
            }],
            headers: headers(*status),
        };
        MetaResponses { responses: STATUSES.iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        <Json<ErrorBody> as Payload>::register(registry);
    }
}

/// Every counted answer has the headers of rate limits; they are described where they matter.
fn headers(status: u16) -> Vec<MetaHeader> {
    let of_limits = limits::headers::DOCUMENTED.iter().filter(|_| status == 429);
    let header = |(name, says): &(&str, &str)| MetaHeader {
        name: (*name).to_owned(),
        description: Some((*says).to_owned()),
        required: false,
        deprecated: false,
        schema: if name.starts_with("X-") { u64::schema_ref() } else { String::schema_ref() },
    };
    matches!(status, 409 | 429 | 503).then(retry_after).into_iter().chain(of_limits.map(header)).collect()
}

fn retry_after() -> MetaHeader {
    MetaHeader {
        name: "Retry-After".to_owned(),
        description: Some("Seconds to wait before trying again.".to_owned()),
        required: false,
        deprecated: false,
        schema: u32::schema_ref(),
    }
}
