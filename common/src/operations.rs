//! `/livez`, `/readyz`, `/startupz` and `/metrics` on a port of their own, the same for both programs.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::db::{Db, wall};
use crate::tasks::Tasks;
use crate::telemetry;

/// How long an answer of the wall's checks is believed.
const CHECKED_FOR: Duration = Duration::from_secs(2);

/// Says what is wrong with a program that should be started anew.
type Liveness = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the probes know.
pub struct Operations {
    db: Db,
    /// The probes' own connection, so that they wait for no request, and are no task of another runtime.
    own: OnceCell<Db>,
    tasks: Tasks,
    alive: OnceLock<Liveness>,
    metrics: PrometheusHandle,
    started: AtomicBool,
    draining: AtomicBool,
    checked: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Operations {
    /// Probes of a program that has not started yet.
    pub fn new(db: Db, metrics: PrometheusHandle, tasks: Tasks) -> Arc<Self> {
        Arc::new(Self {
            db,
            own: OnceCell::new(),
            tasks,
            alive: OnceLock::new(),
            metrics,
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

    /// From now on `/livez` fails where this does.
    pub fn alive_while(&self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        let _ = self.alive.set(Box::new(check));
    }

    /// Serves until what it answers is dropped, on a thread and a runtime of its own: what blocks the program's threads does not silence
    /// the probes.
    pub fn start(self: Arc<Self>, listener: TcpListener) -> std::io::Result<DropGuard> {
        let (listener, stop) = (listener.into_std()?, CancellationToken::new());
        let (task, stopped) = (self.tasks.named("operations"), stop.clone());
        task.run_on_thread(stop.clone(), move || {
            let (probes, listener, stopped) = (Arc::clone(&self), listener.try_clone(), stopped.clone());
            async move {
                match listener.and_then(TcpListener::from_std) {
                    Ok(listener) => tokio::select! {
                        () = probes.serve(listener) => {}
                        () = stopped.cancelled() => {}
                    },
                    Err(error) => tracing::error!(%error, "probes and metrics cannot be served"),
                }
            }
        })?;
        Ok(stop.drop_guard())
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
            "/livez" => match self.alive.get().map_or(Ok(()), |alive| alive()) {
                Ok(()) => text(StatusCode::OK, "alive\n".to_owned()),
                Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
            },
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
        let away: Vec<String> = self.tasks.away().iter().map(ToString::to_string).collect();
        if !away.is_empty() {
            return Err(away.join("\n"));
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
        let db = self.own.get_or_init(|| async { self.db.apart() }).await;
        let check = tokio::time::timeout(Duration::from_secs(2), wall::check(db)).await;
        let violations = match check {
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
