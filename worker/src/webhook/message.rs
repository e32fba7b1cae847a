//! The headers of an attempt.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, InvalidHeaderValue, USER_AGENT};
use tenon_common::receiver::signature::{Secret, SigningKey, sign};
use tenon_common::webhook::endpoint::{OwnHeaders, reserved};
use uuid::Uuid;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const X_WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("x-webhook-signature");
const X_WEBHOOK_ATTEMPT: HeaderName = HeaderName::from_static("x-webhook-attempt");
const X_WEBHOOK_ENDPOINT: HeaderName = HeaderName::from_static("x-webhook-endpoint");
const X_WEBHOOK_DELIVERY: HeaderName = HeaderName::from_static("x-webhook-delivery");
const X_WEBHOOK_EVENT: HeaderName = HeaderName::from_static("x-webhook-event");
const X_WEBHOOK_REPLAY: HeaderName = HeaderName::from_static("x-webhook-replay");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const AGENT: HeaderValue = HeaderValue::from_static(concat!("Tenon-Webhooks/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// What is the same for every attempt to one webhook: made once, used by many.
#[derive(Debug)]
pub struct Endpoint {
    /// The webhook's own headers, and ours that never change.
    fixed: HeaderMap,
    /// The current secret first; during a rotation the old one follows.
    secrets: Vec<Secret>,
    /// Ed25519 keys, in the same order; none of most.
    keys: Vec<SigningKey>,
}

/// What differs from attempt to attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The event's id: the same for every webhook, retry, resend and replay.
    pub event_id: &'a str,
    /// The event's type, such as `contact.created`.
    pub event_type: &'a str,
    /// The delivery.
    pub delivery: Uuid,
    /// Counts from 1.
    pub attempt: u32,
    /// The attempt's time in seconds since 1970.
    pub timestamp: i64,
    /// The W3C trace context that the change came with.
    pub traceparent: Option<&'a str>,
    /// Whether a replay caused it.
    pub replay: bool,
    /// The body as it will be sent.
    pub body: &'a Bytes,
}

impl Endpoint {
    /// `own` are the headers that the webhook's owner wants to be sent; none of them replaces one of ours, or of the connection's.
    pub fn new(webhook: Uuid, secrets: Vec<Secret>, own: HeaderMap) -> Self {
        let mut fixed = own;
        let is_reserved = |name: &&HeaderName| reserved(name.as_str()).is_some();
        let refused: Vec<HeaderName> = fixed.keys().filter(is_reserved).cloned().collect();
        for name in refused {
            fixed.remove(name);
        }
        // They may be credentials: `Debug` shows none of them.
        fixed.values_mut().for_each(|value| value.set_sensitive(true));
        fixed.insert(CONTENT_TYPE, JSON);
        fixed.insert(USER_AGENT, AGENT);
        fixed.insert(X_WEBHOOK_ENDPOINT, value_of(webhook));
        Self { fixed, secrets, keys: Vec::new() }
    }

    /// With Ed25519 keys that sign too.
    pub fn with_keys(self, keys: Vec<SigningKey>) -> Self {
        Self { keys, ..self }
    }

    /// All headers of one attempt, signed. Fails only for an id or a type that no header can carry.
    pub fn headers(&self, attempt: &Attempt<'_>) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut signatures = sign(&self.secrets, attempt.event_id, attempt.timestamp, attempt.body);
        signatures.add(&self.keys, attempt.event_id, attempt.timestamp, attempt.body);
        let mut headers = self.fixed.clone();
        headers.reserve(9);
        headers.insert(WEBHOOK_ID, attempt.event_id.try_into()?);
        headers.insert(WEBHOOK_TIMESTAMP, attempt.timestamp.into());
        headers.insert(WEBHOOK_SIGNATURE, signatures.standard.try_into()?);
        headers.insert(X_WEBHOOK_SIGNATURE, signatures.plain.try_into()?);
        headers.insert(X_WEBHOOK_ATTEMPT, attempt.attempt.into());
        headers.insert(X_WEBHOOK_DELIVERY, value_of(attempt.delivery));
        headers.insert(X_WEBHOOK_EVENT, attempt.event_type.try_into()?);
        // A trace context that is no header value is lost rather than the delivery.
        if let Some(traceparent) = attempt.traceparent.and_then(|text| text.try_into().ok()) {
            headers.insert(TRACEPARENT, traceparent);
        }
        if attempt.replay {
            headers.insert(X_WEBHOOK_REPLAY, TRUE);
        }
        Ok(headers)
    }
}

/// A webhook's own headers, as they are sent.
pub fn headers_of(own: &OwnHeaders) -> Result<HeaderMap, http::Error> {
    own.iter().map(|(name, value)| Ok((HeaderName::try_from(name)?, HeaderValue::try_from(value)?))).collect()
}

fn value_of(id: Uuid) -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).expect("hex digits and hyphens")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const BODY: &[u8] = br#"{"id":"evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV","type":"contact.created","event":"contact.created","timestamp":"2025-11-02T10:00:00.000Z","data":{"id":"0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f","name":"John Doe"}}"#;

    fn attempt(body: &Bytes) -> Attempt<'_> {
        Attempt {
            event_id: "evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV",
            event_type: "contact.created",
            delivery: Uuid::from_u128(2),
            attempt: 3,
            timestamp: 1_762_077_600,
            traceparent: None,
            replay: false,
            body,
        }
    }

    fn endpoint(own: &[(&'static str, &'static str)]) -> Endpoint {
        let own =
            own.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Endpoint::new(Uuid::from_u128(1), vec![SECRET.parse().expect("a secret")], own.collect())
    }

    fn written(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn every_header_of_an_attempt() {
        let body = Bytes::from_static(BODY);
        let headers = endpoint(&[]).headers(&attempt(&body)).expect("valid");
        let agent = concat!("user-agent: Tenon-Webhooks/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            written(&headers),
            [
                "content-type: application/json",
                agent,
                "webhook-id: evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV",
                "webhook-signature: v1,w0WWx2qFMMCNJd08lhJLOqF6z2pqANLBA1NhwTd9RAw=",
                "webhook-timestamp: 1762077600",
                "x-webhook-attempt: 3",
                "x-webhook-delivery: 00000000-0000-0000-0000-000000000002",
                "x-webhook-endpoint: 00000000-0000-0000-0000-000000000001",
                "x-webhook-event: contact.created",
                "x-webhook-signature: sha256=f98aee4f54a0f53d399bf1406f6906d09749cc39ab646779ad5f10aa74a192d9",
            ]
        );
    }

    #[test]
    fn a_key_signs_beside_the_secret() {
        let body = Bytes::from_static(BODY);
        let endpoint = endpoint(&[]).with_keys(vec![SigningKey::generate()]);
        let headers = endpoint.headers(&attempt(&body)).expect("valid");
        let signatures = headers["webhook-signature"].to_str().expect("text");
        let beside = "v1,w0WWx2qFMMCNJd08lhJLOqF6z2pqANLBA1NhwTd9RAw= v1a,";
        let signature = signatures.strip_prefix(beside).expect("both, in this order");
        assert_eq!(signature.len(), 88, "64 bytes in base64");
        assert!(!headers["x-webhook-signature"].to_str().expect("text").contains(','));
    }

    #[test]
    fn trace_context_and_replay_where_given() {
        let body = Bytes::from_static(BODY);
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let replay = Attempt { traceparent: Some(traceparent), replay: true, ..attempt(&body) };
        let headers = endpoint(&[]).headers(&replay).expect("valid");
        assert_eq!(headers["traceparent"], traceparent);
        assert_eq!(headers["x-webhook-replay"], "true");
        let damaged = Attempt { traceparent: Some("a\r\nb"), ..attempt(&body) };
        assert!(!endpoint(&[]).headers(&damaged).expect("valid").contains_key("traceparent"));
    }

    #[test]
    fn own_headers_are_sent_but_replace_none_of_ours() {
        let own = [
            ("authorization", "Bearer abc"),
            ("webhook-id", "forged"),
            ("x-webhook-replay", "true"),
            ("host", "elsewhere"),
            ("transfer-encoding", "chunked"),
            ("content-type", "text/plain"),
        ];
        let body = Bytes::from_static(BODY);
        let headers = endpoint(&own).headers(&attempt(&body)).expect("valid");
        assert_eq!(headers["authorization"], "Bearer abc");
        assert!(!format!("{headers:?}").contains("abc"));
        assert_eq!(headers["webhook-id"], "evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV");
        assert_eq!(headers["content-type"], "application/json");
        for absent in ["x-webhook-replay", "host", "transfer-encoding"] {
            assert!(!headers.contains_key(absent), "{absent}");
        }
    }
}
