//! What the receiver answers: well, badly, slowly, without end.

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use poem::http::StatusCode;
use poem::{Body, Response};
use std::io;
use std::time::Duration;

/// An answer to one request.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    content: Content,
    delay: Duration,
}

#[derive(Debug, Clone)]
enum Content {
    Whole(Vec<u8>),
    /// A byte, a pause, a byte …
    Trickling {
        bytes: usize,
        pause: Duration,
    },
    /// Zeros, made while they are sent.
    Large {
        bytes: usize,
    },
    /// The connection is cut after the first bytes.
    Cut,
    /// No answer at all.
    None,
}

const CHUNK: usize = 64 * 1024;

impl Reply {
    /// This status and an empty body, at once.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), content: Content::Whole(Vec::new()), delay: Duration::ZERO }
    }

    /// 302 to another place.
    pub fn redirect(to: &str) -> Self {
        Self::status(302).header("location", to)
    }

    /// 503 that asks to wait.
    pub fn retry_after(seconds: u64) -> Self {
        Self::status(503).header("retry-after", &seconds.to_string())
    }

    /// No answer; the connection stays open until the caller or the receiver ends it.
    pub fn hang() -> Self {
        Self { content: Content::None, ..Self::status(200) }
    }

    /// 200 at once, and a body of which a byte comes after each pause.
    pub fn trickle(bytes: usize, pause: Duration) -> Self {
        Self { content: Content::Trickling { bytes, pause }, ..Self::status(200) }
    }

    /// 200 and this many bytes, 200 MiB say; the receiver does not hold them.
    pub fn large(bytes: usize) -> Self {
        Self { content: Content::Large { bytes }, ..Self::status(200) }
    }

    /// 200, and a connection that breaks within the body.
    pub fn cut() -> Self {
        Self { content: Content::Cut, ..Self::status(200) }.header("content-length", "100")
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.content = Content::Whole(body.into());
        self
    }

    /// After this time.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(super) async fn send(self) -> Response {
        tokio::time::sleep(self.delay).await;
        let body = match self.content {
            Content::Whole(bytes) => Body::from_vec(bytes),
            Content::Trickling { bytes, pause } => trickling(bytes, pause),
            Content::Large { bytes } => large(bytes),
            Content::Cut => cut(),
            Content::None => std::future::pending().await,
        };
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder().status(status);
        for (name, value) in &self.headers {
            response = response.header(name.as_str(), value.as_str());
        }
        response.body(body)
    }
}

fn trickling(bytes: usize, pause: Duration) -> Body {
    Body::from_bytes_stream(stream::iter(0..bytes).then(move |_| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, io::Error>(Bytes::from_static(b"."))
    }))
}

fn large(bytes: usize) -> Body {
    let zeros = Bytes::from(vec![0; CHUNK]);
    let chunks = (0..bytes.div_ceil(CHUNK)).map(move |chunk| {
        let length = CHUNK.min(bytes - chunk * CHUNK);
        Ok::<_, io::Error>(zeros.slice(..length))
    });
    Body::from_bytes_stream(stream::iter(chunks))
}

/// Fewer bytes than the header promises. (A body that fails is no break: with chunks the server ends it as if whole.) The
/// pause lets what is before it go out; a client may silently repeat a request to which nothing came back.
fn cut() -> Body {
    let end = stream::once(tokio::time::sleep(Duration::from_millis(50))).filter_map(|()| async { None });
    Body::from_bytes_stream(stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"cut"))]).chain(end))
}
