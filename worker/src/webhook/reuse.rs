//! Telling whether a request opened a connection or used one that was kept.
//!
//! A receiver may close a kept connection at the moment a request is written to it. That is no fault of
//! the receiver's and must not cost an attempt, so the request is sent once more; but only then, because a
//! receiver that closes a new connection without an answer has seen the request.

use std::cell::Cell;
use std::task::{Context, Poll};

use tower::{Layer, Service};

tokio::task_local! {
    static CONNECTED: Cell<bool>;
}

/// Runs a request; true if it began to open a connection.
///
/// The client asks its pool first and starts connecting inside the request's own future, so a request that
/// was given a kept connection at once never does. One that started and then took a connection that
/// another request gave back counts as having opened one: the careful answer.
pub(super) async fn watch<F: Future>(request: F) -> (F::Output, bool) {
    let watched = async {
        let output = request.await;
        (output, CONNECTED.with(Cell::get))
    };
    CONNECTED.scope(Cell::new(false), watched).await
}

/// Wraps the client's connector.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoteConnecting;

#[derive(Debug, Clone)]
pub(super) struct Noting<S>(S);

impl<S> Layer<S> for NoteConnecting {
    type Service = Noting<S>;

    fn layer(&self, connector: S) -> Noting<S> {
        Noting(connector)
    }
}

impl<S: Service<R>, R> Service<R> for Noting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, destination: R) -> S::Future {
        // Outside a watched request nobody asks.
        let _ = CONNECTED.try_with(|connected| connected.set(true));
        self.0.call(destination)
    }
}
