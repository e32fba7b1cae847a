//! From a request to the bytes of its JSON body.

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use poem::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use poem::{Request, RequestBody};

use super::BodyError;

/// How long a JSON body may be where nothing else is said: 1 MiB.
pub const DEFAULT_LIMIT: usize = 1024 * 1024;

/// Another limit, in bytes, for the requests that carry it as data (`endpoint.data(BodyLimit(…))`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimit(pub usize);

/// The bytes of a JSON body, at most as many as the request's limit.
pub(super) async fn json_bytes(request: &Request, body: &mut RequestBody) -> Result<Bytes, BodyError> {
    check_media_type(request)?;
    bytes(request, body).await
}

/// The bytes of a JSON body with a limit of its own.
pub async fn json_up_to(request: &Request, body: &mut RequestBody, limit: usize) -> Result<Bytes, BodyError> {
    check_media_type(request)?;
    bytes_up_to(request, body, limit).await
}

/// The bytes of a body of any kind, which can be read again by whoever comes next.
pub async fn buffered(request: &Request, body: &mut RequestBody) -> Result<Bytes, BodyError> {
    let read = bytes(request, body).await?;
    *body = RequestBody::new(read.clone().into());
    Ok(read)
}

async fn bytes(request: &Request, body: &mut RequestBody) -> Result<Bytes, BodyError> {
    let limit = request.data::<BodyLimit>().map_or(DEFAULT_LIMIT, |limit| limit.0);
    bytes_up_to(request, body, limit).await
}

async fn bytes_up_to(request: &Request, body: &mut RequestBody, limit: usize) -> Result<Bytes, BodyError> {
    if declared_length(request).is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge { limit });
    }
    let body = body.take().map_err(|error| BodyError::Malformed { message: error.to_string() })?;
    collect(body.into_bytes_stream(), limit).await
}

async fn collect(
    stream: impl futures::Stream<Item = std::io::Result<Bytes>>,
    limit: usize,
) -> Result<Bytes, BodyError> {
    let mut stream = std::pin::pin!(stream);
    let mut read = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| BodyError::Malformed {
            message: "the body ended before it was complete".to_owned(),
        })?;
        if read.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.freeze())
}

fn declared_length(request: &Request) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_media_type(request: &Request) -> Result<(), BodyError> {
    match request.content_type() {
        Some(content_type) if is_json(content_type) => {}
        found => return Err(BodyError::UnsupportedMediaType { found: found.map(str::to_owned) }),
    }
    match request.header(CONTENT_ENCODING) {
        None => Ok(()),
        Some(encoding) if encoding.eq_ignore_ascii_case("identity") => Ok(()),
        Some(encoding) => {
            Err(BodyError::UnsupportedMediaType { found: Some(format!("Content-Encoding: {encoding}")) })
        }
    }
}

/// `application/json`, or the merge patch of RFC 7396, in UTF-8.
pub(super) fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let known = ["application/json", "application/merge-patch+json"];
    known.iter().any(|known| essence.eq_ignore_ascii_case(known))
        && parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
            !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}
