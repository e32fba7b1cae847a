//! Accepts connections and serves them, each within its bounds.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use poem::http::uri::Scheme;
use poem::http::{self, Version};
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::Answer;
use super::bounds::Bounds;
use super::connections::{Connections, Full, Place};
use super::pulse::{Due, Pulse};
use super::received::Received;
use super::watched::Connection;

/// The head of a request over HTTP/1.1, and what is read ahead.
const HEAD: usize = 64 * 1024;
/// The headers of a request over HTTP/2.
const HTTP2_HEADERS: u32 = 16 * 1024;
/// What one stream of HTTP/2 keeps to send.
const HTTP2_SEND: usize = 64 * 1024;
/// Requests that were taken back before they were looked at, and streams that were ended for the client's errors: more of them, and the
/// connection ends ("rapid reset", CVE-2023-44487, and its kin).
const HTTP2_RESETS: usize = 20;
const HTTP2_ERRORS: usize = 256;
/// Clients of HTTP/2 that are gone without a word are noticed by pings.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WITHIN: Duration = Duration::from_secs(20);
/// After `accept` has failed the next one waits, longer with each failure.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The server of the API.
pub struct Server<A> {
    acceptor: A,
    bounds: Arc<Bounds>,
    connections: Arc<Connections>,
    /// No request is taken any more.
    stop: CancellationToken,
    /// Nothing is answered any more.
    end: CancellationToken,
    tasks: TaskTracker,
}

impl<A: Acceptor + 'static> Server<A> {
    /// Serves what the acceptor accepts.
    pub fn new(acceptor: A, bounds: Bounds) -> Self {
        let bounds = Arc::new(bounds);
        let connections = Connections::new(bounds.clone());
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        begin_counters();
        Self { acceptor, bounds, connections, stop, end, tasks: TaskTracker::new() }
    }

    /// Serves an endpoint until `stop` has ended; then what has begun, until `drain_deadline` is over.
    pub async fn run(
        mut self,
        endpoint: impl Endpoint<Output = Response> + 'static,
        stop: impl Future<Output = ()>,
        drain_deadline: Duration,
    ) {
        let endpoint = Arc::new(endpoint);
        let mut failures = Failures::default();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.acceptor.accept() => accepted,
            };
            match accepted {
                Ok((io, local, remote, scheme)) => {
                    failures.end();
                    self.take(io, (local, remote, scheme), &endpoint).await;
                }
                Err(error) => {
                    let pause = failures.count(&error);
                    tokio::select! {
                        () = &mut stop => break,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
        let Self { acceptor, stop, end, tasks, .. } = self;
        drop(acceptor);
        stop.cancel();
        tasks.close();
        if tokio::time::timeout(drain_deadline, tasks.wait()).await.is_err() {
            end.cancel();
            tasks.wait().await;
        }
    }

    async fn take<E>(&self, io: A::Io, from: Origin, endpoint: &Arc<E>)
    where
        E: Endpoint<Output = Response> + 'static,
    {
        let peer = from.1.as_socket_addr().map_or(IpAddr::from(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let place = match self.connections.admit(peer).await {
            Ok(place) => place,
            Err(full) => {
                metrics::counter!("tenon_http_connections_refused_total", "reason" => full.name())
                    .increment(1);
                return;
            }
        };
        let (bounds, stop, end) = (self.bounds.clone(), self.stop.clone(), self.end.clone());
        let endpoint = endpoint.clone();
        self.tasks.spawn(async move {
            let ended = serve(io, from, endpoint, &place, &bounds, (&stop, &end)).await;
            if let Some(reason) = ended {
                metrics::counter!("tenon_http_connections_ended_total", "reason" => reason).increment(1);
            }
        });
    }
}

type Origin = (LocalAddr, RemoteAddr, Scheme);

/// Serves a connection to its end; answers why it was ended, where the client has not.
async fn serve<I, E>(
    io: I,
    from: Origin,
    endpoint: Arc<E>,
    place: &Place,
    bounds: &Bounds,
    (stop, end): (&CancellationToken, &CancellationToken),
) -> Option<&'static str>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    E: Endpoint<Output = Response> + 'static,
{
    let pulse = place.pulse.clone();
    let io = TokioIo::new(Connection::new(io, bounds.stall_deadline, pulse.clone()));
    let service = service_fn(move |request: http::Request<Incoming>| {
        answer(request, from.clone(), endpoint.clone(), pulse.clone())
    });
    let builder = builder(bounds);
    let mut connection = pin!(builder.serve_connection(io, service));
    let (mut leaves, mut why_told) = (None::<Instant>, None);
    loop {
        let now = Instant::now();
        let due = match (place.pulse.due(bounds), leaves) {
            // It has been told to go, and has its time for that.
            (Some((at, Due::Idle)), Some(by)) => Some((at.max(by), Due::Idle)),
            (due, _) => due,
        };
        let look = due.map_or(now + bounds.look_every(), |(at, _)| at.min(now + bounds.look_every()));
        tokio::select! {
            biased;
            _ = &mut connection => return why_told,
            () = end.cancelled() => return None,
            () = place.leave.cancelled() => return Some("room"),
            () = stop.cancelled(), if leaves.is_none() => {
                leaves = Some(Instant::now());
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep_until(look) => match due {
                Some((at, why)) if at <= look => {
                    // A client of HTTP/2 is told which of its requests are not answered any more.
                    if why == Due::Idle && leaves.is_none() {
                        leaves = Some(Instant::now() + bounds.header_deadline);
                        why_told = Some(why.name());
                        connection.as_mut().graceful_shutdown();
                    } else if place.pulse.due(bounds).is_some_and(|(at, _)| at <= Instant::now()) {
                        return Some(why.name());
                    }
                }
                _ => {}
            },
        }
    }
}

fn builder(bounds: &Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Deadlines are the pulse's: hyper's begin only when the version is known, and are one for idle connections and slow headers.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None::<Duration>).max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds.http2_streams)
        .max_pending_accept_reset_streams(HTTP2_RESETS)
        .max_local_error_reset_streams(HTTP2_ERRORS)
        .max_header_list_size(HTTP2_HEADERS)
        .max_send_buf_size(HTTP2_SEND)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WITHIN);
    builder
}

async fn answer<E: Endpoint<Output = Response>>(
    request: http::Request<Incoming>,
    (local, remote, scheme): Origin,
    endpoint: Arc<E>,
    pulse: Arc<Pulse>,
) -> Result<http::Response<Answer>, Infallible> {
    let (parts, body) = request.into_parts();
    let (under_way, receiving) = pulse.begin(parts.version == Version::HTTP_2, !body.is_end_stream());
    let body = BoxBody::new(Received::new(body, receiving));
    let request = Request::from_parts((parts, local, remote, scheme).into(), body.into());
    let response: http::Response<BoxBody<Bytes, io::Error>> = endpoint.get_response(request).await.into();
    Ok(response.map(|body| Answer::new(body, under_way)))
}

/// Failures of `accept` in a row.
#[derive(Debug, Default)]
struct Failures(u32);

impl Failures {
    /// How long to wait before the next try.
    fn count(&mut self, error: &io::Error) -> Duration {
        metrics::counter!("tenon_http_accept_errors_total").increment(1);
        if self.0 == 0 {
            tracing::error!(%error, "connections are not accepted");
        }
        let pause = PAUSE * 2u32.saturating_pow(self.0.min(16));
        self.0 = self.0.saturating_add(1);
        pause.min(LONGEST_PAUSE)
    }

    fn end(&mut self) {
        if self.0 > 0 {
            tracing::info!(failures = self.0, "connections are accepted again");
            self.0 = 0;
        }
    }
}

/// Counters begin at 0.
fn begin_counters() {
    metrics::counter!("tenon_http_accept_errors_total").increment(0);
    metrics::gauge!("tenon_http_connections").increment(0.0);
    for full in Full::ALL {
        metrics::counter!("tenon_http_connections_refused_total", "reason" => full.name()).increment(0);
    }
    for reason in Due::ALL.map(Due::name).into_iter().chain(["room"]) {
        metrics::counter!("tenon_http_connections_ended_total", "reason" => reason).increment(0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use poem::endpoint::make_sync;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    /// Fails so often, then has one client.
    struct Failing(u32, Option<DuplexStream>);

    impl Acceptor for Failing {
        type Io = DuplexStream;

        fn local_addr(&self) -> Vec<LocalAddr> {
            Vec::new()
        }

        async fn accept(&mut self) -> io::Result<(DuplexStream, LocalAddr, RemoteAddr, Scheme)> {
            if self.0 > 0 {
                self.0 -= 1;
                return Err(Error::other("too many open files"));
            }
            match self.1.take() {
                Some(io) => Ok((io, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP)),
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn after_failures_to_accept_the_server_goes_on() {
        let (io, mut client) = tokio::io::duplex(1024);
        let server = Server::new(Failing(2, Some(io)), Bounds::default());
        let stop = CancellationToken::new();
        let until = stop.clone();
        let running = tokio::spawn(async move {
            let endpoint = poem::EndpointExt::boxed(make_sync(|_| Response::from("here")));
            server.run(endpoint, async move { until.cancelled().await }, Duration::from_secs(1)).await;
        });
        client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.expect("it is read");
        let mut text = [0; 15];
        client.read_exact(&mut text).await.expect("an answer");
        assert_eq!(&text, b"HTTP/1.1 200 OK");
        stop.cancel();
        running.await.expect("it ends");
    }

    #[test]
    fn the_pauses_grow_and_begin_anew() {
        let mut failures = Failures::default();
        let mut pause = || failures.count(&Error::other("none left")).as_millis();
        let pauses: Vec<_> = (0..7).map(|_| pause()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
        failures.end();
        assert_eq!(failures.count(&Error::other("none left")), PAUSE);
    }
}
