//! `/livez`, `/readyz`, `/startupz` and `/metrics` on a port of their own, the same for both programs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::db::{Db, wall};
use crate::telemetry;

/// How long an answer of the wall's checks is believed.
const CHECKED_FOR: Duration = Duration::from_secs(2);

/// What the probes know.
pub struct Operations {
    db: Db,
    metrics: PrometheusHandle,
    /// Where the database's connections live.
    program: Handle,
    started: AtomicBool,
    draining: AtomicBool,
    checked: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Operations {
    /// Probes of a program that has not started yet. Needs the program's runtime.
    pub fn new(db: Db, metrics: PrometheusHandle) -> Arc<Self> {
        Arc::new(Self {
            db,
            metrics,
            program: Handle::current(),
            started: false.into(),
            draining: false.into(),
            checked: Mutex::default(),
        })
    }

    /// The program does its work now.
    pub fn set_started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// The program is on its way out: not ready any more, still alive.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Serves until the program ends, on a thread of its own: what keeps the program's threads busy keeps no probe waiting.
    ///
    /// # Errors
    /// Where there can be no such thread.
    pub fn serve_apart(self: Arc<Self>, listener: TcpListener) -> std::io::Result<()> {
        let listener = listener.into_std()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            runtime.block_on(async move {
                match TcpListener::from_std(listener) {
                    Ok(listener) => self.serve(listener).await,
                    Err(error) => tracing::error!(%error, "probes are not served"),
                }
            });
        };
        std::thread::Builder::new().name("probes".to_owned()).spawn(serve)?;
        Ok(())
    }

    /// Serves until the program ends.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors: others need time to give some back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let probes = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let probes = probes.clone();
                    async move { Ok::<_, std::convert::Infallible>(probes.answer(&request).await) }
                });
                // A probe that hangs up is no news.
                let _ =
                    Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
        }
        match request.uri().path() {
            "/livez" => text(StatusCode::OK, "alive\n".to_owned()),
            "/startupz" if self.started.load(Ordering::Relaxed) => {
                text(StatusCode::OK, "started\n".to_owned())
            }
            "/startupz" => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n".to_owned()),
            "/readyz" => match self.ready().await {
                Ok(()) => text(StatusCode::OK, "ready\n".to_owned()),
                Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
            },
            "/metrics" => self.metrics(),
            _ => text(StatusCode::NOT_FOUND, "/livez /readyz /startupz /metrics\n".to_owned()),
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let (open, idle) = self.db.pool_size();
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        metrics::gauge!("tenon_db_pool_connections", "pool" => "main", "state" => "idle").set(idle);
        metrics::gauge!("tenon_db_pool_connections", "pool" => "main", "state" => "used")
            .set(open.saturating_sub(idle));
        text(StatusCode::OK, telemetry::render(&self.metrics))
    }

    async fn ready(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("draining".to_owned());
        }
        if !self.started.load(Ordering::Relaxed) {
            return Err("starting".to_owned());
        }
        // Held while checking, so that many probes at once are one check.
        let mut checked = self.checked.lock().await;
        if let Some((at, result)) = checked.as_ref()
            && at.elapsed() < CHECKED_FOR
        {
            return result.clone();
        }
        let result = self.check().await;
        *checked = Some((Instant::now(), result.clone()));
        result
    }

    async fn check(&self) -> Result<(), String> {
        let db = self.db.clone();
        let check = self.program.spawn(async move { wall::check(&db).await });
        let check = tokio::time::timeout(Duration::from_secs(2), check).await;
        let violations = match check.map(|ended| ended.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed))) {
            Err(_) => return Err("the database does not answer".to_owned()),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the readiness check failed");
                return Err("the database cannot be asked".to_owned());
            }
            Ok(Ok(violations)) => violations,
        };
        let pending = violations.iter().filter(|violation| violation.rule == "migration_pending").count();
        metrics::gauge!("tenon_migration_pending").set(u32::try_from(pending).unwrap_or(u32::MAX));
        if violations.is_empty() {
            return Ok(());
        }
        metrics::counter!("tenon_tenant_guard_violations_total", "kind" => "policy_missing").increment(1);
        let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
        tracing::error!(violations = lines.join("; "), "the wall between tenants is broken");
        Err(lines.join("\n"))
    }
}

/// Waits until the database answers; then refuses to go on if the wall is not whole.
pub async fn wait_for_wall(db: &Db) -> Result<(), Vec<wall::Violation>> {
    loop {
        match wall::check(db).await {
            Ok(violations) if violations.is_empty() => return Ok(()),
            Ok(violations) => return Err(violations),
            Err(error) => tracing::warn!(%error, "waiting for the database"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Cancelled by SIGTERM or SIGINT.
pub fn stop_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.cancel();
    });
    Ok(stop)
}

/// Binds an address, or says which setting is wrong.
pub async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("{setting}={address}: {error}"))
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let content_type = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, content_type);
    response
}
