//! What successes look like: the envelope, its headers, and how each is documented.

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ParseFromJSON, ToJSON, Type};
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use tenon_common::page::{Cursors, PageQuery, SortKey, Window};

use crate::code::Code;
use crate::prefer::{Prefer, Returns};
use crate::refusal::Refusal;
use crate::request;
use crate::timestamp::Timestamp;

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

/// One page of a list.
#[derive(Object, Serialize, Debug)]
pub struct List<T: Shape> {
    /// Always true.
    pub success: bool,
    /// The records.
    pub data: Vec<T>,
    /// Where this page stands, and how to get the next one.
    pub pagination: Pagination,
    /// See there.
    pub metadata: Metadata,
}

/// Where a page stands in its list.
#[derive(Object, Serialize, Debug)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// How many records there are in all; null when paging by cursor, unless `count` asks for it.
    #[oai(nullable)]
    pub total: Option<i64>,
    /// The page's number, from 1; null when paging by cursor.
    #[oai(nullable)]
    pub page: Option<u32>,
    /// Records on a page at most.
    pub page_size: u32,
    /// How many pages there are; null when paging by cursor.
    #[oai(nullable)]
    pub pages: Option<i64>,
    /// Send it as `cursor` to get what follows; null on the last page.
    #[oai(nullable)]
    pub next_cursor: Option<String>,
    /// Whether more follows.
    pub has_more: bool,
}

/// 200 with a page.
pub struct Listed<T: Shape> {
    list: List<T>,
    /// Parameters that the link to the next page keeps, each with an `&` after it.
    kept: String,
}

impl<T: Shape> Listed<T> {
    /// A page.
    pub fn of(data: Vec<T>, pagination: Pagination) -> Self {
        let list = List { success: true, data, pagination, metadata: Metadata::now() };
        Self { list, kept: String::new() }
    }

    /// The same, whose link to the next page keeps these parameters, each with an `&` after it.
    pub fn linked(self, kept: String) -> Self {
        Self { kept, ..self }
    }

    /// The page, and what the link keeps.
    pub(crate) fn into_parts(self) -> (List<T>, String) {
        (self.list, self.kept)
    }
}

/// What it takes to say where a page stands.
pub struct Paging<'a> {
    /// Makes the next cursor.
    pub cursors: &'a Cursors,
    /// What the cursor belongs to.
    pub query: &'a str,
    /// What was asked for.
    pub window: &'a Window,
}

impl<'a> Paging<'a> {
    /// Checks the paging parameters of a request.
    pub fn window(cursors: &Cursors, query: &str, asked: &PageQuery) -> tenon_common::Result<Window> {
        asked.window(cursors, query)
    }

    /// The answer for a page of the domain.
    pub fn list<D, T: Shape>(
        &self,
        page: tenon_common::page::Page<D>,
        key: impl Fn(&D) -> SortKey,
        show: impl Fn(D) -> T,
    ) -> Listed<T> {
        let listed: Result<_, std::convert::Infallible> =
            self.try_list(page, key, |item| Ok::<_, std::convert::Infallible>(show(item)));
        match listed {
            Ok(listed) => listed,
        }
    }

    /// The same, where a record may turn out to be broken.
    pub fn try_list<D, T: Shape, E, F>(
        &self,
        page: tenon_common::page::Page<D>,
        key: impl Fn(&D) -> SortKey,
        show: impl Fn(D) -> Result<T, E>,
    ) -> Result<Listed<T>, F>
    where
        F: From<E>,
    {
        let last = page.items.last().map(key);
        let next_cursor = last.filter(|_| page.has_more).map(|last| self.cursors.make(self.query, last));
        let (number, size) = match *self.window {
            Window::Page { page, size } => (Some(page), size),
            Window::After { limit, .. } => (None, limit),
        };
        let pagination = Pagination::of(page.total, number, size, next_cursor, page.has_more);
        let data = page.items.into_iter().map(show).collect::<Result<_, E>>()?;
        Ok(Listed::of(data, pagination))
    }
}

impl Pagination {
    /// Of the page with this number, or of what follows a cursor.
    pub fn of(
        total: Option<i64>,
        page: Option<u32>,
        size: u32,
        next_cursor: Option<String>,
        has_more: bool,
    ) -> Self {
        let pages = total.filter(|_| page.is_some()).map(|total| pages(total, size));
        Self { total, page, page_size: size, pages, next_cursor, has_more }
    }
}

fn pages(total: i64, size: u32) -> i64 {
    (total + i64::from(size) - 1) / i64::from(size)
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

impl<T: Shape> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        linked(written(&self.list), &self.list.pagination, &self.kept)
    }
}

/// A page with the link to what follows it.
pub(crate) fn linked(response: Response, pagination: &Pagination, kept: &str) -> Response {
    let limit = pagination.page_size;
    match &pagination.next_cursor {
        // A relative reference (RFC 8288) with the same path.
        Some(cursor) => {
            with(response, header::LINK, &format!("<?{kept}limit={limit}&cursor={cursor}>; rel=\"next\""))
        }
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

/// An answer with a body, in the document.
pub(crate) fn documented<P: Payload>(
    status: u16,
    description: &'static str,
    headers: &[(&str, &str)],
) -> MetaResponse {
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType { content_type: P::CONTENT_TYPE, schema: P::schema_ref() }],
        headers: headers.iter().map(|(name, says)| documented_header(name, says)).collect(),
    }
}

/// An answer without one.
pub(crate) fn silent(status: u16, description: &'static str, headers: &[(&str, &str)]) -> MetaResponse {
    let headers = headers.iter().map(|(name, says)| documented_header(name, says)).collect();
    MetaResponse { description, status: Some(status), status_range: None, content: vec![], headers }
}

fn documented_header(name: &str, says: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(says.to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

pub(crate) const ETAG: (&str, &str) = ("ETag", "The record's version, for `If-Match` and `If-None-Match`.");
const LOCATION: (&str, &str) = ("Location", "The new record's path.");

macro_rules! documented {
    ($answer:ident, $payload:ident, [$($response:expr),+]) => {
        impl<T: Shape> ApiResponse for $answer<T> {
            fn meta() -> MetaResponses {
                type Body<T> = Json<$payload<T>>;
                MetaResponses { responses: vec![$($response(documented::<Body<T>>)),+] }
            }

            fn register(registry: &mut Registry) {
                <Json<$payload<T>> as Payload>::register(registry);
            }
        }
    };
}

type Document = fn(u16, &'static str, &[(&str, &str)]) -> MetaResponse;

documented!(Listed, List, [|with: Document| with(200, "A page of the list.", &[])]);
documented!(Shown, Envelope, [|with: Document| with(200, "What was asked for.", &[])]);
documented!(
    Fetched,
    Envelope,
    [
        |with: Document| with(200, "The record.", &[ETAG]),
        |_: Document| silent(304, "The record still has the version of `If-None-Match`.", &[ETAG])
    ]
);
documented!(Created, Envelope, [|with: Document| with(201, "It was created.", &[LOCATION])]);
documented!(
    Upserted,
    Envelope,
    [
        |with: Document| with(200, "There was one, and it was replaced.", &[ETAG]),
        |with: Document| with(201, "There was none, and it was created.", &[LOCATION, ETAG])
    ]
);
documented!(
    Deleted,
    Envelope,
    [
        |with: Document| with(
            200,
            "It was deleted; its last state, for `Prefer: return=representation`.",
            &[]
        ),
        |_: Document| silent(204, "It was deleted.", &[])
    ]
);
