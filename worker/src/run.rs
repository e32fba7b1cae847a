//! `tenon-worker run`.

use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory;
use tenon_common::db::DbConfig;
use tenon_common::queue::{Registry, Settings, Worker};
use tenon_common::receiver::address::AddressPolicy;
use tenon_common::tasks::Tasks;
use tenon_common::version::Versions;
use tenon_common::webhook::health::DisableRule;
use tenon_common::webhook::wish::Verdict;
use tenon_common::{Db, config, operations, telemetry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command, ConfigCommand};
use crate::context::Context;
use crate::housekeeping::{self, Means};
use crate::registry::registry;
use crate::sinks::Sinks;
use crate::webhook::breaker::{self, Breaker};
use crate::webhook::concurrency::{Limits, Slots};
use crate::webhook::turns::Turns;
use crate::webhook::{self, Sender};

/// Connections of the queue's own: its statements, and one for each kind that writes its acknowledgements itself.
const QUEUE_CONNECTIONS: u32 = 6;

/// Runs a command.
pub async fn run(cli: Cli) -> ExitCode {
    if let Err(error) = telemetry::init_logs(&cli.log.log) {
        return fail(&error);
    }
    let done = match &cli.command {
        Command::Run => work(&cli).await,
        Command::Config(command) => settings(&cli, command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Says what is wrong, in one line, and fails.
#[expect(clippy::print_stderr, reason = "a command's complaint to the person who typed it")]
pub fn fail(message: &str) -> ExitCode {
    eprintln!("tenon-worker: {message}");
    ExitCode::FAILURE
}

fn settings(cli: &Cli, command: &ConfigCommand) -> Result<(), String> {
    use std::io::Write;
    let answer = match command {
        ConfigCommand::Check => {
            cli.database.config("tenon-worker")?;
            cli.secret.key()?;
            "every setting can be used".to_owned()
        }
        ConfigCommand::Print => {
            let matches = config::matches(&Cli::command(), std::env::args_os().collect())
                .map_err(|error| error.to_string())?;
            config::print(&Cli::command(), &matches)
        }
    };
    // A reader that has seen enough (`| head`) is no fault.
    let _ = writeln!(std::io::stdout(), "{}", answer.trim_end());
    Ok(())
}

async fn work(cli: &Cli) -> Result<(), String> {
    cli.database.config("tenon-worker")?;
    cli.secret.key()?;
    let probes = operations::bind("TENON_OPERATIONS_ADDRESS", cli.work.operations_address).await?;
    let stop = operations::stop_signal().map_err(|error| error.to_string())?;
    live(cli, &Tasks::default(), probes, stop).await
}

/// The program, from its start until the drain that `stop` begins is over: probes and metrics on a socket, jobs, and what else it does.
pub async fn live(
    cli: &Cli,
    tasks: &Tasks,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), String> {
    let config = cli.database.config("tenon-worker")?;
    let metrics = telemetry::init_metrics();
    Verdict::ALL.into_iter().for_each(|verdict| verdict.count(0));
    let db = Db::connect_lazy(&config).map_err(|error| error.to_string())?;
    let probes = operations::Operations::new(db.clone(), metrics, tasks.clone());
    let operations_address = listener.local_addr().map_err(|error| error.to_string())?;
    let served = probes.clone().start(listener);
    let _served = served.map_err(|error| format!("the probes have no thread: {error}"))?;

    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        checked = operations::wait_for_wall(&db) => checked.map_err(|violations| {
            let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
            format!("refusing to work\n{}", lines.join("\n"))
        })?,
    }
    let sender = sender(cli)?;
    let worker = assemble(db.clone(), cli, sender.clone(), tasks, Versions::product())?;
    probes.alive_while(worker.liveness());
    let beside = beside(cli, tasks, &db, sender)?;
    probes.set_started();
    tracing::info!(operations_address = %operations_address, worker = &*worker.name(), "listening");
    let draining = async {
        stop.cancelled().await;
        probes.set_draining();
    };
    worker.run(draining).await;
    drop(beside);
    let _ = tokio::time::timeout(Duration::from_secs(2), db.close()).await;
    tracing::info!("stopped");
    Ok(())
}

/// What a worker does beside the queue, until this is dropped. None of it has anything to finish.
fn beside(cli: &Cli, tasks: &Tasks, db: &Db, sender: Sender) -> Result<JoinSet<()>, String> {
    let mut running = JoinSet::new();
    let means = Means { db: db.clone(), storage: cli.storage.open()? };
    running.spawn(housekeeping::keep(means, housekeeping::tasks::of(cli), tasks));

    let (own, every) = (db.clone(), cli.work.audit_seal_every);
    let seal = move || crate::sealer::seal(own.clone(), every);
    running.spawn(tasks.named("sealer").run(CancellationToken::new(), seal));

    let sinks = Sinks {
        db: db.clone(),
        master: cli.secret.key()?,
        sender,
        addresses: policy(cli),
        storage: cli.storage.open()?,
        retry_after: cli.work.audit_sink_retry_after,
    };
    let every = cli.work.audit_sink_every;
    let stream = move || sinks.clone().stream(every);
    running.spawn(tasks.named("sinks").run(CancellationToken::new(), stream));

    let rule = DisableRule {
        after: Some(cli.webhooks.webhook_disable_after).filter(|after| !after.is_zero()),
        failures: cli.webhooks.webhook_disable_failures,
    };
    let (own, every) = (db.clone(), cli.webhooks.webhook_review_every);
    let review = move || crate::health::review(own.clone(), rule, every);
    running.spawn(tasks.named("health").run(CancellationToken::new(), review));
    Ok(running)
}

/// Where webhooks and audit sinks may send to.
fn policy(cli: &Cli) -> AddressPolicy {
    let mut policy =
        if cli.webhooks.allow_local_webhooks { AddressPolicy::local() } else { AddressPolicy::strict() };
    policy.allowed_subnets.extend(cli.webhooks.webhook_allowed_subnets.iter().copied());
    policy
}

fn sender(cli: &Cli) -> Result<Sender, String> {
    Sender::new(policy(cli), webhook::Settings::default())
        .map_err(|error| format!("TLS cannot be set up ({error}); are certificate authorities installed?"))
}

/// A worker of these settings, not running yet.
pub fn build(db: Db, cli: &Cli) -> Result<Worker, String> {
    build_for(db, cli, Versions::product())
}

/// The same where there are other versions of the API.
pub fn build_for(db: Db, cli: &Cli, versions: &'static Versions) -> Result<Worker, String> {
    assemble(db, cli, sender(cli)?, &Tasks::default(), versions)
}

fn assemble(
    db: Db,
    cli: &Cli,
    sender: Sender,
    tasks: &Tasks,
    versions: &'static Versions,
) -> Result<Worker, String> {
    let limits = Limits { total: cli.work.concurrency.max(4) * 2, ..Limits::default() };
    let kinds = Registry::new();
    let mut context = Context::new(
        db,
        cli.storage.open()?,
        cli.imports.limits(),
        cli.exports.limits(),
        cli.secret.key()?,
        sender,
        Turns::new(Slots::new(limits), limits.per_webhook),
        Breaker::new(breaker::Settings::default()),
        cli.webhooks.retry_schedule.clone(),
        cli.webhooks.webhook_timeout,
        kinds.injector(),
    );
    context.versions = versions;
    let deliveries = usize::try_from(cli.work.concurrency).unwrap_or(256);
    let kinds = registry(kinds, &context, deliveries).only(&cli.work.queues);
    let settings = Settings {
        dead_after: cli.work.worker_dead_after,
        sweep_every: cli.work.sweep_every,
        drain_deadline: cli.work.drain_deadline,
        direct_url: cli.work.database_direct_url.clone(),
        tasks: tasks.clone(),
        ..Settings::default()
    };
    // Handlers that wait for connections must not keep the queue from saying that this worker lives.
    let own = DbConfig { max_connections: QUEUE_CONNECTIONS, ..cli.database.config("tenon-worker queue")? };
    let own = Db::connect_lazy(&own).map_err(|error| error.to_string())?;
    Worker::new(own, kinds, settings).map_err(|error| format!("TENON_DATABASE_DIRECT_URL: {error}"))
}
