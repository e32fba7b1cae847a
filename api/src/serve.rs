//! `tenon-api serve`.

mod answer;
pub mod bounds;
mod connections;
mod pulse;
mod received;
pub mod server;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use poem::listener::{Acceptor, Listener, TcpListener};
use tenon_common::webhook::address::AddressPolicy;
use tenon_common::{Db, operations, telemetry};

use crate::app::App;
use crate::cli::Cli;
use crate::openapi::spec::spec;
use crate::routes;
use server::Server;

/// Serves until SIGTERM or SIGINT, then finishes what it has begun.
pub async fn serve(cli: &Cli) -> Result<(), String> {
    let config = cli.database.config("tenon-api")?;
    let master = cli.secret.key()?;
    let documents = spec().map_err(|error| error.to_string())?;
    let metrics = telemetry::init_metrics();
    let limits = cli.limits.limits()?;
    let storage = cli.storage.open()?;
    let db = Db::connect_lazy(&config).map_err(|error| error.to_string())?;

    let probes = operations::Operations::new(db.clone(), metrics);
    let listener = operations::bind("TENON_OPERATIONS_ADDRESS", cli.http.operations_address).await?;
    let operations_address = listener.local_addr().map_err(|error| error.to_string())?;
    probes.clone().serve_apart(listener).map_err(|error| format!("the operations port: {error}"))?;

    let stop = operations::stop_signal().map_err(|error| error.to_string())?;
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
    db.wake_after_commit();
    let mut app = App::load(db.clone(), storage, master, addresses, cli.http.trusted_proxies.clone())
        .await
        .map_err(|error| error.to_string())?;
    app.limits = limits;
    app.imports = cli.imports.limits();
    app.tenant_retention = cli.retention.tenants();
    app.changes.seats.most = cli.changes.most();
    app.watchers.most = cli.changes.most();
    app.exports = cli.exports.exports(cli.connections.client_stall_deadline);
    let app = Arc::new(app);
    let upkeep = tokio::spawn(upkeep(app.clone()));
    let recording = tokio::spawn(record(app.clone()));

    let acceptor = TcpListener::bind(cli.http.http_address)
        .into_acceptor()
        .await
        .map_err(|error| format!("TENON_HTTP_ADDRESS={}: {error}", cli.http.http_address))?;
    let http_address = acceptor.local_addr().first().map(ToString::to_string).unwrap_or_default();
    let http_address = http_address.trim_start_matches("socket://").to_owned();
    probes.set_started();
    tracing::info!(http_address, operations_address = %operations_address, "listening");

    let drained = {
        let (probes, stop, ended) = (probes.clone(), stop.clone(), app.changes.ended.clone());
        async move {
            stop.cancelled().await;
            tracing::info!("draining");
            probes.set_draining();
            ended.cancel();
        }
    };
    let bounds = cli.connections.bounds(cli.database.database_connections, &cli.http.trusted_proxies);
    tracing::info!(connections = bounds.connections, of_address = bounds.of_address, "connections at most");
    Server::new(acceptor, bounds)
        .run(routes::build(app.clone(), &documents), drained, cli.http.drain_deadline)
        .await;
    upkeep.abort();
    recording.abort();
    app.recorder.flush_all(&app.db).await;
    if let Err(error) = app.keys.flush().await {
        tracing::warn!(%error, "the last uses of API keys were not written");
    }
    tracing::info!("stopped");
    Ok(())
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
