//! What successes look like: the envelope and its headers.

mod documented;
mod list;

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde::Serialize;

use crate::http::code::Code;
use crate::http::prefer::{Prefer, Returns};
use crate::http::refusal::Refusal;
use crate::http::request;
use crate::http::timestamp::Timestamp;

pub(crate) use documented::{ETAG, documented, documented_header, silent};
pub(crate) use list::linked;
pub use list::{List, Listed, Pagination, Paging};

/// What an answer can show. The document is made of its [`ToJSON`] side; answers are written by serde, straight into bytes,
/// without the tree of values in between. Both say the same: builds with debug assertions compare every answer.
pub trait Shape: ParseFromJSON + ToJSON + Serialize + Send + Sync {}

impl<T: ParseFromJSON + ToJSON + Serialize + Send + Sync> Shape for T {}

/// When and for which request an answer was made.
#[derive(Object, Serialize, Debug)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// When the answer was made.
    pub timestamp: Timestamp,
    /// The request's id, as in `X-Request-Id`.
    pub request_id: String,
}

impl Metadata {
    pub(crate) fn now() -> Self {
        Self { timestamp: chrono::Utc::now().into(), request_id: request::id() }
    }
}

/// A record, or whatever was asked for.
#[derive(Object, Serialize, Debug)]
pub struct Envelope<T: Shape> {
    /// Always true.
    pub success: bool,
    /// What was asked for.
    pub data: T,
    /// See there.
    pub metadata: Metadata,
}

impl<T: Shape> Envelope<T> {
    fn of(data: T) -> Self {
        Self { success: true, data, metadata: Metadata::now() }
    }
}

/// 200 with a record; its version as the `ETag`, where it has one.
pub struct Shown<T: Shape> {
    data: T,
    version: Option<i64>,
}

impl<T: Shape> Shown<T> {
    /// A record with a version.
    pub fn versioned(data: T, version: i64) -> Self {
        Self { data, version: Some(version) }
    }

    /// Something without a version.
    pub fn plain(data: T) -> Self {
        Self { data, version: None }
    }
}

/// 200 with a record, or 304 for the version that the client has.
pub enum Fetched<T: Shape> {
    /// The record.
    Changed(Shown<T>),
    /// `If-None-Match` names this version.
    NotModified(i64),
}

impl<T: Shape> Fetched<T> {
    /// The record, unless the client has this version of it.
    pub fn unless(if_none_match: Option<&str>, data: T, version: i64) -> Self {
        match has(if_none_match, version) {
            true => Self::NotModified(version),
            false => Self::Changed(Shown::versioned(data, version)),
        }
    }
}

/// Whether `If-None-Match` names the version.
pub(crate) fn has(if_none_match: Option<&str>, version: i64) -> bool {
    let etag = etag(version);
    let names = |tag: &str| tag.trim() == "*" || tag.trim().trim_start_matches("W/") == etag;
    if_none_match.is_some_and(|list| list.split(',').any(names))
}

/// 201 with a record and its address.
pub struct Created<T: Shape> {
    /// The record.
    pub data: T,
    /// Its address.
    pub location: String,
    /// Its version.
    pub version: Option<i64>,
}

/// 201 with a record that was not there, or 200 with the one that was.
pub enum Upserted<T: Shape> {
    /// There was none.
    Created(Created<T>),
    /// There was one.
    Replaced(Shown<T>),
}

/// 204, or 200 with the last state for `Prefer: return=representation`.
pub enum Deleted<T: Shape> {
    /// 204.
    Silent,
    /// 200.
    Shown(T),
}

impl<T: Shape> Deleted<T> {
    /// What the client prefers (RFC 7240).
    pub fn preferring(prefer: Prefer, data: impl FnOnce() -> T) -> Self {
        match prefer.returns {
            Some(Returns::Representation) => Self::Shown(data()),
            _ => Self::Silent,
        }
    }
}

/// `"v7"`: strong, from the version.
pub fn etag(version: i64) -> String {
    format!("\"v{version}\"")
}

pub(crate) fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

pub(crate) fn written<T: Shape>(payload: &T) -> Response {
    debug_assert_eq!(
        serde_json::to_value(payload).ok(),
        payload.to_json(),
        "what is sent is what is documented"
    );
    match serde_json::to_vec(payload) {
        Ok(body) => Response::builder().content_type(<Json<T> as Payload>::CONTENT_TYPE).body(body),
        Err(error) => {
            tracing::error!(%error, request_id = request::id(), "an answer cannot be written");
            Refusal::new(Code::Internal).into_response()
        }
    }
}

/// 200 with something in the envelope.
pub(crate) fn enveloped<T: Shape>(data: T) -> Response {
    json(data, None)
}

fn json<T: Shape>(data: T, version: Option<i64>) -> Response {
    let response = written(&Envelope::of(data));
    match version {
        Some(version) => with(response, header::ETAG, &etag(version)),
        None => response,
    }
}

impl<T: Shape> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        json(self.data, self.version)
    }
}

impl<T: Shape> IntoResponse for Fetched<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Changed(shown) => shown.into_response(),
            Self::NotModified(version) => not_modified(version),
        }
    }
}

/// 304.
pub(crate) fn not_modified(version: i64) -> Response {
    with(StatusCode::NOT_MODIFIED.into_response(), header::ETAG, &etag(version))
}

impl<T: Shape> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let response = with(json(self.data, self.version), header::LOCATION, &self.location);
        response.with_status(StatusCode::CREATED).into_response()
    }
}

impl<T: Shape> IntoResponse for Upserted<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Created(created) => created.into_response(),
            Self::Replaced(shown) => shown.into_response(),
        }
    }
}

impl<T: Shape> IntoResponse for Deleted<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Silent => StatusCode::NO_CONTENT.into_response(),
            Self::Shown(data) => {
                with(json(data, None), HeaderName::from_static("preference-applied"), "return=representation")
            }
        }
    }
}
