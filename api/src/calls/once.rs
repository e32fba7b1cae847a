//! `Idempotency-Key`: a change that is asked for twice under one key is made once, and answered twice with the same answer.
//!
//! A handler takes [`Once`] after the caller and path, and makes its change through [`Once::write`] instead of `Db::write`.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::registry::{
    MetaHeader, MetaParamIn, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use tenon_common::idempotency::{self, Answer, Keyed};
use tenon_common::version::ApiVersion;
use tenon_common::{Error, TenantTx};

use crate::app::App;
use crate::calls::caller::Identity;
use crate::http::body;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::prefer::{PREFERENCE_APPLIED, Prefer};
use crate::http::refusal::Refusal;
use crate::http::versions;

const HEADER: &str = "Idempotency-Key";
/// Characters of a key.
const MAX_KEY: usize = 255;
/// Says that an answer is one that was saved.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// What is saved of an answer's head; the rest is said anew of each request.
const SAVED: [HeaderName; 4] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION, PREFERENCE_APPLIED];

/// A request's idempotency key, if it has one, and what the key is compared by.
#[derive(Clone, Debug)]
pub struct Once(Option<Asked>);

#[derive(Clone, Debug)]
struct Asked {
    key: String,
    method: Method,
    path: String,
    query: String,
    body: Bytes,
}

impl Once {
    /// Makes a change in a transaction of the caller's tenant. Under a key the answer is saved in the same transaction, and
    /// given again for the same request. Costs nothing where there is no key.
    pub async fn write<T: IntoResponse>(
        &self,
        app: &App,
        caller: &Identity,
        prefer: Prefer,
        work: impl AsyncFnOnce(&mut TenantTx<'_>) -> tenon_common::Result<T>,
    ) -> Result<Answered<T>, ApiError> {
        let Some(asked) = &self.0 else {
            let made = app.db.write(&caller.actor, work).await?;
            return Ok(Answered::new(prefer.apply(made.into_response())));
        };
        let keyed = &asked.keyed(caller);
        let write = async |tx: &mut TenantTx<'_>| keyed_once(tx, keyed, app, prefer, work).await;
        Ok(Answered::new(app.db.write(&caller.actor, write).await?))
    }

    /// As [`Once::write`], by `Db::write_again`: `work` makes the work of each time.
    pub async fn write_again<T: IntoResponse, W>(
        &self,
        app: &App,
        caller: &Identity,
        prefer: Prefer,
        work: impl Fn() -> W,
    ) -> Result<Answered<T>, ApiError>
    where
        W: AsyncFnOnce(&mut TenantTx<'_>) -> tenon_common::Result<T>,
    {
        let Some(asked) = &self.0 else {
            let made = app.db.write_again(&caller.actor, work).await?;
            return Ok(Answered::new(prefer.apply(made.into_response())));
        };
        let keyed = &asked.keyed(caller);
        let again = || {
            let work = work();
            async move |tx: &mut TenantTx<'_>| keyed_once(tx, keyed, app, prefer, work).await
        };
        Ok(Answered::new(app.db.write_again(&caller.actor, again).await?))
    }
}

/// The change, with its answer saved; or the answer that was saved before.
async fn keyed_once<T: IntoResponse>(
    tx: &mut TenantTx<'_>,
    keyed: &Keyed,
    app: &App,
    prefer: Prefer,
    work: impl AsyncFnOnce(&mut TenantTx<'_>) -> tenon_common::Result<T>,
) -> tenon_common::Result<Response> {
    if let Some(saved) = idempotency::claim(tx, keyed, &app.master).await? {
        return Ok(replay(saved));
    }
    let made = work(tx).await?;
    let newest = app.versions.newest().date;
    let (answer, response) = saved(prefer.apply(made.into_response()), newest).await?;
    idempotency::save(tx, keyed, &app.master, &answer).await?;
    Ok(response)
}

/// The key of a request whose body is not held in memory. What the key is compared by is told once the body has been read.
#[derive(Clone, Debug)]
pub struct OnceStreamed(Option<Asked>);

impl OnceStreamed {
    /// Whether there is a key, so that what it is compared by must be told.
    pub fn has_key(&self) -> bool {
        self.0.is_some()
    }

    /// The key, with something that is the same for the same body and for no other.
    pub fn of(self, body: Bytes) -> Once {
        Once(self.0.map(|asked| Asked { body, ..asked }))
    }
}

impl Asked {
    /// The key of a request, if it has one, without the body.
    fn head(request: &Request) -> Result<Option<Self>> {
        let Some(key) = key(request.headers())? else { return Ok(None) };
        let uri = request.original_uri();
        Ok(Some(Self {
            key,
            method: request.method().clone(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            body: Bytes::new(),
        }))
    }

    fn keyed(&self, caller: &Identity) -> Keyed {
        let request = idempotency::Request {
            method: self.method.as_str(),
            path: &self.path,
            query: &self.query,
            body: &self.body,
            version: caller.chosen,
        };
        Keyed::new(&caller.actor, &self.key, &request)
    }
}

/// An answer of a version, as it is saved and as it is given. What is saved is not turned into the version that was asked for yet: that is
/// done each time that it is given.
async fn saved(response: Response, version: ApiVersion) -> tenon_common::Result<(Answer, Response)> {
    let (parts, body) = response.into_parts();
    if !parts.status.is_success() {
        return Err(Error::internal(format!("a change was made and answered with {}", parts.status)));
    }
    let body = body.into_vec().await.map_err(Error::internal)?;
    let text = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    // Of the first version nothing was saved while it was the only one, and nothing needs to be.
    let version = Some(version).filter(|version| *version != ApiVersion::FIRST);
    let version = version.map(|version| (versions::HEADER.as_str().to_owned(), version.to_string()));
    let headers = SAVED.iter().filter_map(text).chain(version).collect();
    let answer = Answer { status: parts.status.as_u16(), headers, body: body.clone() };
    Ok((answer, Response::from_parts(parts, body.into())))
}

fn replay(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let response = Response::builder().status(status).header(REPLAYED, "true");
    let response =
        answer.headers.iter().fold(response, |response, (name, value)| response.header(name, value));
    response.body(answer.body)
}

/// The key of a request: 1 to 255 printable ASCII characters, quoted (a string of RFC 9651) or not.
fn key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match values.next() {
        None => {
            parse(value).map(Some).map_err(|wrong| Refusal::new(Code::ValidationError).detail(HEADER, wrong))
        }
        Some(_) => Err(Refusal::new(Code::ValidationError).detail(HEADER, "Expected one key")),
    }
}

fn parse(value: &HeaderValue) -> Result<String, &'static str> {
    const FORM: &str = "Expected 1 to 255 printable ASCII characters, with or without quotes around them";
    let text = value.to_str().map_err(|_| FORM)?.trim();
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted).ok_or("The closing quote is missing, or is not the end")?,
        None => text.to_owned(),
    };
    let printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if printable && (1..=MAX_KEY).contains(&key.len()) { Ok(key) } else { Err(FORM) }
}

/// What stands before the closing quote, which is the end; a backslash takes the meaning of a quote or a backslash.
fn unquote(quoted: &str) -> Option<String> {
    let mut characters = quoted.chars();
    let mut key = String::new();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            character => key.push(character),
        }
    }
}

impl<'a> ApiExtractor<'a> for Once {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        // With both quotes.
        let schema =
            MetaSchema { min_length: Some(1), max_length: Some(MAX_KEY + 2), ..MetaSchema::new("string") };
        Some(MetaSchemaRef::Inline(Box::new(schema)))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let Some(asked) = Asked::head(request)? else { return Ok(Self(None)) };
        Ok(Self(Some(Asked { body: body::buffered(request, body).await?, ..asked })))
    }
}

impl<'a> ApiExtractor<'a> for OnceStreamed {
    const TYPES: &'static [ApiExtractorType] = Once::TYPES;

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Once::param_in()
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Once::param_schema_ref()
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self(Asked::head(request)?))
    }
}

/// The answer to a change: `T`, shortened where the client prefers that, or the one that was saved under the request's key.
pub struct Answered<T>(Response, PhantomData<fn() -> T>);

impl<T> Answered<T> {
    fn new(response: Response) -> Self {
        Self(response, PhantomData)
    }

    /// Whether nothing was done, because the same had been asked for before.
    pub fn is_replayed(&self) -> bool {
        self.0.headers().contains_key(REPLAYED)
    }
}

impl<T> IntoResponse for Answered<T> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<T: ApiResponse> ApiResponse for Answered<T> {
    fn meta() -> MetaResponses {
        let mut responses = T::meta().responses;
        if !responses.iter().any(|response| response.status == Some(204))
            && responses.iter().any(|response| response.status == Some(200))
        {
            responses.push(MetaResponse {
                description: "It was done, for `Prefer: return=minimal`.",
                status: Some(204),
                status_range: None,
                content: vec![],
                headers: vec![],
            });
        }
        for response in &mut responses {
            response
                .headers
                .push(documented(REPLAYED.as_str(), "`true` where the answer is one that was saved."));
            response.headers.push(documented(PREFERENCE_APPLIED.as_str(), "What of `Prefer` was done."));
        }
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

fn documented(name: &str, says: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(says.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Option<String> {
        parse(&HeaderValue::from_bytes(text.as_bytes()).ok()?).ok()
    }

    #[test]
    fn quotes_are_optional() {
        for written in ["a-b 1", "\"a-b 1\"", "  \"a-b 1\" "] {
            assert_eq!(of(written).as_deref(), Some("a-b 1"), "{written}");
        }
        assert_eq!(of("\"a\\\"\\\\b\"").as_deref(), Some("a\"\\b"));
        for wrong in ["", " ", "\"\"", "\"a", "\"a\"b", "\"a\\b\"", "\"a\\\"", "a\tb", "käy"] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
        assert!(of(&"x".repeat(255)).is_some() && of(&format!("\"{}\"", "x".repeat(255))).is_some());
        assert!(of(&"x".repeat(256)).is_none() && of(&format!("\"{}\"", "x".repeat(256))).is_none());
    }

    #[test]
    fn two_keys_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(key(&headers).expect("absent"), None);
        headers.append(HEADER, HeaderValue::from_static("a"));
        assert_eq!(key(&headers).expect("one").as_deref(), Some("a"));
        headers.append(HEADER, HeaderValue::from_static("b"));
        assert!(key(&headers).is_err());
    }

    proptest! {
        #[test]
        fn a_quoted_key_is_read_as_it_was_meant(meant in "[ -~]{1,255}") {
            let written = format!("\"{}\"", meant.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(of(&written), Some(meant));
        }

        #[test]
        fn what_is_read_is_a_key(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) && let Ok(key) = parse(&value) {
                prop_assert!((1..=MAX_KEY).contains(&key.len()));
                prop_assert!(key.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
        }
    }
}
