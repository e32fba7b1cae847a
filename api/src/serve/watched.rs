//! Connections whose clients have to take what they asked for. Without a bound, one that reads no further would keep its answer, and
//! what makes it, for as long as it likes.

use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The pause after a connection that could not be accepted.
const AFTER_A_FAILURE: Duration = Duration::from_millis(50);

/// Accepts connections that end where a client takes nothing for this long.
pub struct Watched<A> {
    inner: A,
    deadline: Duration,
}

impl<A> Watched<A> {
    /// Watches what `inner` accepts.
    pub fn new(inner: A, deadline: Duration) -> Self {
        Self { inner, deadline }
    }
}

impl<A: Acceptor> Acceptor for Watched<A> {
    type Io = Connection<A::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let accepted = self.inner.accept().await;
        if accepted.is_err() {
            // Out of file descriptors, as a rule: others need time to give some back, and poem asks again at once.
            tokio::time::sleep(AFTER_A_FAILURE).await;
        }
        let (io, local, remote, scheme) = accepted?;
        Ok((Connection { io, deadline: self.deadline, waiting: None }, local, remote, scheme))
    }
}

/// A connection that fails where it cannot be written to for too long.
pub struct Connection<I> {
    io: I,
    deadline: Duration,
    /// Since a write had to wait.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<I: AsyncWrite + Unpin> Connection<I> {
    fn watched<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut I>, &mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        if let Poll::Ready(written) = write(Pin::new(&mut self.io), context) {
            self.waiting = None;
            return Poll::Ready(written);
        }
        let deadline = self.deadline;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(deadline)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Connection<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Connection<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.watched(context, |io, context| io.poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.watched(context, |io, context| io.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.watched(context, |io, context| io.poll_shutdown(context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.watched(context, |io, context| io.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn connection(deadline: Duration) -> (Connection<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (io, other) = tokio::io::duplex(4);
        (Connection { io, deadline, waiting: None }, other)
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (mut watched, _client) = connection(Duration::from_millis(1));
        let error = watched.write_all(b"more than fits").await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_reads_gets_everything() {
        let (mut watched, mut client) = connection(Duration::from_secs(60));
        let reads = tokio::spawn(async move {
            let mut text = String::new();
            client.read_to_string(&mut text).await.map(|_| text)
        });
        watched.write_all(b"more than fits").await.expect("somebody reads");
        drop(watched);
        assert_eq!(reads.await.expect("it ends").expect("a text"), "more than fits");
    }
}
