//! A POST of NDJSON, signed as webhooks are.

use ::http::HeaderMap;
use ::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use bytes::Bytes;
use chrono::Utc;
use tenon_common::audit::sink::stream::Batch;
use tenon_common::id::AuditSinkId;
use tenon_common::receiver::signature::{Secret, sign};

use super::{DEADLINE, lines};
use crate::webhook::{Request, Sender};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("Tenon-Audit/", env!("CARGO_PKG_VERSION")));

pub(super) async fn send(
    sender: &Sender,
    sink: AuditSinkId,
    url: &str,
    secret: &Secret,
    batch: &Batch,
) -> Result<(), String> {
    let url = url.parse().map_err(|error| format!("the sink's URL cannot be read: {error}"))?;
    let body = Bytes::from(lines(batch));
    let headers = headers(sink, secret, batch, Utc::now().timestamp(), &body)?;
    let result = sender.send(Request { url: &url, headers, body, deadline: DEADLINE }).await;
    match result.is_success() {
        true => Ok(()),
        false => Err(result.error.unwrap_or_else(|| result.outcome.label().to_owned())),
    }
}

/// The id is that of these positions: a batch that has grown before it is tried again has another one.
fn headers(
    sink: AuditSinkId,
    secret: &Secret,
    batch: &Batch,
    timestamp: i64,
    body: &Bytes,
) -> Result<HeaderMap, String> {
    let id = format!("audit_{}_{}_{}", sink.0.simple(), batch.first, batch.last);
    let signatures = sign(std::slice::from_ref(secret), &id, timestamp, body);
    let value = |text: String| HeaderValue::from_str(&text).map_err(|error| error.to_string());
    let mut headers = HeaderMap::with_capacity(5);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(USER_AGENT, AGENT);
    headers.insert(HeaderName::from_static("webhook-id"), value(id)?);
    headers.insert(HeaderName::from_static("webhook-timestamp"), timestamp.into());
    headers.insert(HeaderName::from_static("webhook-signature"), value(signatures.standard)?);
    Ok(headers)
}
