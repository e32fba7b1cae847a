//! Bodies of requests. What is sent is taken, also where the request has been refused before it was read: most clients look for an
//! answer only when they have sent everything, and one whose connection is closed meanwhile gets to no answer; nor does curl over HTTP/2
//! where its stream is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;

use super::pulse::{Discarding, Receiving};

/// What is thrown away of a body that nobody wants: so many bytes,
const DISCARDED_BYTES: usize = 64 * 1024 * 1024;
/// in this time,
const DISCARDED_WITHIN: Duration = Duration::from_secs(30);
/// with no longer silence than this: a client that has heard its answer sends nothing more.
const DISCARDED_SILENCE: Duration = Duration::from_secs(5);

/// A body on its way.
pub(super) struct Received {
    /// Until it is handed over to be thrown away.
    body: Option<Incoming>,
    /// Until it has come in full.
    receiving: Option<Receiving>,
}

impl Received {
    pub(super) fn new(body: Incoming, receiving: Option<Receiving>) -> Self {
        Self { body: Some(body), receiving }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *body).poll_frame(context).map_err(io::Error::other);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) || body.is_end_stream() {
            self.receiving = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let (Some(receiving), Some(body)) = (self.receiving.take(), self.body.take()) else { return };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(discard(body, receiving.pulse().discard()));
        }
    }
}

async fn discard(mut body: Incoming, _discarding: Discarding) {
    let all = async {
        let mut left = DISCARDED_BYTES;
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(DISCARDED_SILENCE, body.frame()).await {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
            left = rest;
        }
    };
    // What is left then is not read: the connection ends.
    let _ = tokio::time::timeout(DISCARDED_WITHIN, all).await;
}
