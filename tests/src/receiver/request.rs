//! A request that the receiver got.

use poem::Request;
use poem::http::HeaderMap;
use serde_json::Value;
use std::fmt;
use std::time::Instant;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes, over which a signature is made.
    pub body: Vec<u8>,
    /// When its headers were there.
    pub arrived_at: Instant,
}

impl Received {
    pub(super) fn new(request: &Request, body: Vec<u8>, arrived_at: Instant) -> Self {
        Self {
            method: request.method().to_string(),
            path: request.uri().path_and_query().map_or_else(String::new, ToString::to_string),
            headers: request.headers().clone(),
            body,
            arrived_at,
        }
    }

    /// A header that should be there.
    ///
    /// # Panics
    /// Where it is not.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no header {name}: {self}"));
        value.to_str().unwrap_or_else(|_| panic!("the header {name} is no text: {self}"))
    }

    /// The body.
    ///
    /// # Panics
    /// Where it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }

    /// An event of this type on the object with this id.
    ///
    /// # Panics
    /// Where it is another.
    #[track_caller]
    pub fn assert_event(&self, kind: &str, object: &str) -> &Self {
        let body = self.json();
        assert!(body["type"] == kind, "expected the type {kind}: {self}");
        assert!(body["data"]["id"] == object, "expected the object {object}: {self}");
        self
    }
}

/// As on the wire, for failed assertions.
impl fmt::Display for Received {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} {}", self.method, self.path)?;
        for (name, value) in &self.headers {
            writeln!(formatter, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(formatter, "\n{}", String::from_utf8_lossy(&self.body))
    }
}
