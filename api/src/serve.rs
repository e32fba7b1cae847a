//! `tenon-api serve`.

mod answer;
pub mod bounds;
mod connections;
pub mod memory;
mod pulse;
mod received;
pub mod server;
mod watched;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use poem::listener::TcpAcceptor;
use poem::{Endpoint, Response};
use tenon_common::receiver::address::AddressPolicy;
use tenon_common::tasks::Tasks;
use tenon_common::{Db, operations, telemetry};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::Cli;
use crate::routes::{self, served};
use bounds::Bounds;
use server::Server;

/// Serves until SIGTERM or SIGINT, then finishes what it has begun.
pub async fn serve(cli: &Cli) -> Result<(), String> {
    cli.database.config("tenon-api")?;
    cli.secret.key()?;
    let probes = operations::bind("TENON_OPERATIONS_ADDRESS", cli.http.operations_address).await?;
    let stop = operations::stop_signal().map_err(|error| error.to_string())?;
    live(cli, &Tasks::default(), probes, stop).await
}

/// The program, from its start until the drain that `stop` begins is over: probes and metrics on a socket, and the API.
pub async fn live(
    cli: &Cli,
    tasks: &Tasks,
    listener: tokio::net::TcpListener,
    stop: CancellationToken,
) -> Result<(), String> {
    let config = cli.database.config("tenon-api")?;
    let master = cli.secret.key()?;
    let documents = served().map_err(|error| error.to_string())?;
    let metrics = telemetry::init_metrics();
    let limits = cli.limits.limits()?;
    let storage = cli.storage.open()?;
    let db = Db::connect_lazy(&config).map_err(|error| error.to_string())?;

    let probes = operations::Operations::new(db.clone(), metrics, tasks.clone());
    let operations_address = listener.local_addr().map_err(|error| error.to_string())?;
    let served = probes.clone().start(listener);
    let _served = served.map_err(|error| format!("the probes have no thread: {error}"))?;

    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        checked = operations::wait_for_wall(&db) => checked.map_err(|violations| {
            let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
            format!("refusing to serve\n{}", lines.join("\n"))
        })?,
    }
    let mut addresses =
        if cli.http.allow_local_webhooks { AddressPolicy::local() } else { AddressPolicy::strict() };
    addresses.allowed_subnets.extend(cli.http.webhook_allowed_subnets.iter().copied());
    db.wake_after_commit(tasks);
    let mut app = App::load(db.clone(), storage, master, addresses, cli.http.trusted_proxies.clone(), tasks)
        .await
        .map_err(|error| error.to_string())?;
    app.limits = limits;
    app.imports = cli.imports.limits();
    app.tenant_retention = cli.retention.tenants();
    app.founders = cli.organizations.organization_creation;
    app.changes.seats.most = cli.changes.most();
    app.watchers.most = cli.changes.most();
    app.exports = cli.exports.exports(cli.connections.client_stall_deadline);
    let app = Arc::new(app);
    let beside = beside(&app, tasks);

    let address = cli.http.http_address;
    let listener = operations::bind("TENON_HTTP_ADDRESS", address).await?;
    let http_address = listener.local_addr().map_err(|error| error.to_string())?;
    // Closed at the beginning of the drain: from then on clients are refused, not left to wait.
    let listener = Mutex::new(Some(listener.into_std().map_err(|error| error.to_string())?));
    probes.set_started();
    tracing::info!(%http_address, operations_address = %operations_address, "listening");

    let draining = async {
        stop.cancelled().await;
        tracing::info!("draining");
        probes.set_draining();
        app.changes.ended.cancel();
        *listening(&listener) = None;
    };
    let endpoint = Arc::new(routes::build(app.clone(), &documents));
    let serving = tasks.named("http").run(stop.clone(), || {
        let listener = listening(&listener).as_ref().map(std::net::TcpListener::try_clone);
        let (endpoint, stop) = (Arc::clone(&endpoint), stop.clone());
        async move {
            let Some(listener) = listener else { return };
            if let Err(error) = accept(listener, endpoint, cli, stop).await {
                tracing::error!(%error, "connections cannot be accepted");
            }
        }
    });
    tokio::join!(serving, draining);
    drop(beside);
    app.recorder.flush_all(&app.db).await;
    if let Err(error) = app.keys.flush().await {
        tracing::warn!(%error, "the last uses of API keys were not written");
    }
    tracing::info!("stopped");
    Ok(())
}

fn listening(
    listener: &Mutex<Option<std::net::TcpListener>>,
) -> MutexGuard<'_, Option<std::net::TcpListener>> {
    listener.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts connections, and answers them until the drain is over.
async fn accept(
    listener: std::io::Result<std::net::TcpListener>,
    endpoint: Arc<impl Endpoint<Output = Response> + 'static>,
    cli: &Cli,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let acceptor = TcpAcceptor::from_std(listener?)?;
    let bounds = Bounds::of(&cli.connections, cli.database.database_connections, &cli.http.trusted_proxies);
    tracing::info!(connections = bounds.connections, of_address = bounds.of_address, "connections at most");
    Server::new(acceptor, bounds).run(endpoint, stop.cancelled_owned(), cli.http.drain_deadline).await;
    Ok(())
}

/// What the server does beside answering, until this is dropped.
fn beside(app: &Arc<App>, tasks: &Tasks) -> JoinSet<()> {
    let mut running = JoinSet::new();
    let own = Arc::clone(app);
    running.spawn(tasks.named("upkeep").run(CancellationToken::new(), move || upkeep(Arc::clone(&own))));
    let own = Arc::clone(app);
    running.spawn(tasks.named("recorder").run(CancellationToken::new(), move || record(Arc::clone(&own))));
    running
}

/// Writes sign-ins that failed, refusals and the use of keys into the audit trail.
async fn record(app: Arc<App>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        app.recorder.flush(&app.db).await;
    }
}

/// Writes the last uses of API keys, and loads the signing keys that another process may have rotated.
async fn upkeep(app: Arc<App>) {
    let mut every = tokio::time::interval(Duration::from_secs(10));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for tick in 0u64.. {
        every.tick().await;
        if let Err(error) = app.keys.flush().await {
            tracing::warn!(%error, "the last uses of API keys were not written");
        }
        if tick % 6 == 5
            && let Err(error) = app.tokens.reload(&app.db, &app.master).await
        {
            tracing::warn!(%error, "the signing keys were not loaded");
        }
    }
}
