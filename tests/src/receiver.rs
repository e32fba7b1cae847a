//! A real HTTP receiver of webhooks on this machine: it remembers what came and answers as it is told.

mod reply;
mod request;

pub use reply::Reply;
pub use request::Received;

use futures::future::BoxFuture;
use poem::listener::TcpAcceptor;
use poem::{Endpoint, Request, Response, Server};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long [`Receiver::next`] waits.
const PATIENCE: Duration = Duration::from_secs(20);

type Decide = Box<dyn FnMut(&Received) -> Reply + Send>;

/// A receiver on a port of 127.0.0.1. It answers 200 to everything until told otherwise, and stops with this value.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<Running>,
    /// How many requests [`Receiver::next`] has given.
    seen: usize,
}

struct Running {
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    requests: Vec<Received>,
    queue: VecDeque<Reply>,
    decide: Option<Decide>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receiver {
    /// Starts a receiver on a free port.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn start() -> Self {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let address = listener.local_addr().unwrap_or_else(|error| panic!("the receiver's address: {error}"));
        let mut receiver = Self { address, shared: Arc::default(), running: None, seen: 0 };
        receiver.serve(listener);
        receiver
    }

    /// A URL on it, by address.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers the next requests with these, in turn; after them as before.
    pub fn then(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.state().queue.extend(replies);
    }

    /// Answers the next requests with these statuses, in turn; after them as before.
    pub fn then_statuses(&self, statuses: impl IntoIterator<Item = u16>) {
        self.then(statuses.into_iter().map(Reply::status));
    }

    /// Answers every request, from now on, with what the closure says.
    pub fn always(&self, decide: impl FnMut(&Received) -> Reply + Send + 'static) {
        let mut state = self.shared.state();
        state.queue.clear();
        state.decide = Some(Box::new(decide));
    }

    /// The next request that was not given yet, in the order of arrival.
    ///
    /// # Panics
    /// Where none comes within 20 s, at the caller's line.
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "a receiver waits, which no iterator does")]
    pub fn next(&mut self) -> BoxFuture<'_, Received> {
        let caller = Location::caller();
        Box::pin(async move {
            let next = self.next_within(PATIENCE).await;
            next.unwrap_or_else(|| panic!("no request after {} came in {PATIENCE:?}, at {caller}", self.seen))
        })
    }

    /// The next request that was not given yet; `None` where none comes in that time.
    pub async fn next_within(&mut self, patience: Duration) -> Option<Received> {
        let shared = self.shared.clone();
        let position = self.seen;
        let found = tokio::time::timeout(patience, async {
            loop {
                // Before the look, so that a request that comes after it wakes us.
                let arrived = shared.arrived.notified();
                if let Some(request) = shared.state().requests.get(position).cloned() {
                    return request;
                }
                arrived.await;
            }
        })
        .await
        .ok()?;
        self.seen += 1;
        Some(found)
    }

    /// All requests so far, given or not.
    pub fn all(&self) -> Vec<Received> {
        self.shared.state().requests.clone()
    }

    /// How many requests have come so far.
    pub fn count(&self) -> usize {
        self.shared.state().requests.len()
    }

    /// Stops: open connections are cut, new ones are refused.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.cancel();
            // The server's own result does not matter any more.
            running.server.await.ok();
        }
    }

    /// Starts again on the same port.
    ///
    /// # Panics
    /// Where somebody else has taken the port.
    pub async fn start_again(&mut self) {
        self.stop().await;
        let listener = listen(self.address).await;
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let stop = CancellationToken::new();
        let acceptor =
            TcpAcceptor::from_tokio(listener).unwrap_or_else(|error| panic!("the receiver: {error}"));
        let server = Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(
            Answering { shared: self.shared.clone() },
            stop.clone().cancelled_owned(),
            Some(Duration::ZERO),
        );
        self.running = Some(Running { stop, server: tokio::spawn(server) });
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.cancel();
        }
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).await.unwrap_or_else(|error| panic!("listening on {address}: {error}"))
}

struct Answering {
    shared: Arc<Shared>,
}

impl Endpoint for Answering {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let arrived_at = Instant::now();
        let body = request.take_body().into_bytes().await?;
        let received = Received::new(&request, body.to_vec(), arrived_at);
        let reply = {
            let mut state = self.shared.state();
            state.requests.push(received.clone());
            match (state.queue.pop_front(), state.decide.as_mut()) {
                (Some(reply), _) => reply,
                (None, Some(decide)) => decide(&received),
                (None, None) => Reply::status(200),
            }
        };
        self.shared.arrived.notify_waiters();
        Ok(reply.send().await)
    }
}
