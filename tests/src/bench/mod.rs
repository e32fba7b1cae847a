//! `cargo bench-stack`: release binaries under load against a PostgreSQL of their own with default durability, each row beside
//! a yardstick that does the same with nothing around it, in the same run and in turns with it.

mod bare;
mod burst;
mod contacts;
mod drain;
mod event_cost;
mod events;
mod exports;
mod fan_out;
mod http;
mod imports;
mod latency;
mod line;
mod lists;
mod machine;
mod memory;
mod meter;
mod options;
mod pgbench;
mod prices;
pub(crate) mod process;
mod queue;
mod quiet;
mod report;
mod row;
mod shaped;
mod sink;
mod stage;
mod waiting;

use anyhow::{Context, Result, bail};
use std::io::Write;

use crate::{Cluster, Profile};
use machine::Machine;
pub use options::Options;
use report::Report;
use row::Row;
use stage::Stage;

/// The rows, in the order in which they run.
const GROUPS: [Group; 24] = [
    Group::Get,
    Group::Create,
    Group::Page,
    Group::Prices,
    Group::Batch,
    Group::Lists,
    Group::Imports,
    Group::Exports,
    Group::FanOut,
    Group::Queue,
    Group::Million,
    Group::InsertToStart,
    Group::Waiting,
    Group::Hundred,
    Group::Ordered,
    Group::Filtered,
    Group::Ten,
    Group::WithWebhook,
    Group::Burst,
    Group::CommitToReceiver,
    Group::EventCost,
    Group::Quiet,
    Group::QuietMillion,
    Group::Memory,
];

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Get,
    Create,
    Page,
    Prices,
    Batch,
    Lists,
    Imports,
    Exports,
    FanOut,
    Queue,
    Million,
    InsertToStart,
    Waiting,
    Hundred,
    Ordered,
    Filtered,
    Ten,
    WithWebhook,
    Burst,
    CommitToReceiver,
    EventCost,
    Quiet,
    QuietMillion,
    Memory,
}

impl Group {
    /// As `--only` names it.
    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create => "create",
            Self::Page => "page",
            Self::Prices => "prices",
            Self::Batch => "batch",
            Self::Lists => "lists",
            Self::Imports => "imports",
            Self::Exports => "exports",
            Self::FanOut => "fan-out",
            Self::Queue => "queue",
            Self::Million => "million",
            Self::InsertToStart => "insert-to-start",
            Self::Waiting => "waiting",
            Self::Hundred => "hundred",
            Self::Ordered => "ordered",
            Self::Filtered => "filtered",
            Self::Ten => "ten",
            Self::WithWebhook => "with-webhook",
            Self::Burst => "burst",
            Self::CommitToReceiver => "commit-to-receiver",
            Self::EventCost => "event-cost",
            Self::Quiet => "quiet",
            Self::QuietMillion => "quiet-million",
            Self::Memory => "memory",
        }
    }
}

/// Measures, prints the table, writes the JSON, and takes everything down again.
///
/// # Errors
/// Where something does not start, does not end in time, or answers otherwise than it should; also when interrupted.
pub async fn run(options: Options) -> Result<()> {
    let wanted = wanted(&options)?;
    let cluster = Cluster::private(Profile::Bench).await.context("starting PostgreSQL")?;
    let machine = Machine::look(&cluster).await?;
    let result = tokio::select! {
        rows = measure(&options, &cluster, &machine, &wanted) => rows,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    let postgres = postgres_version(&cluster).await;
    cluster.release().await;
    let report = Report { rows: result?, options: &options, machine: &machine, postgres };
    std::io::stdout().write_all(report.table().as_bytes())?;
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report.json())? + "\n";
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

fn wanted(options: &Options) -> Result<Vec<Group>> {
    for name in &options.only {
        if !GROUPS.iter().any(|group| group.name() == name) {
            bail!("--only {name}: there is {}", GROUPS.map(Group::name).join(", "));
        }
    }
    let asked =
        |group: &Group| options.only.is_empty() || options.only.iter().any(|name| name == group.name());
    Ok(GROUPS.into_iter().filter(asked).collect())
}

async fn measure(
    options: &Options,
    cluster: &Cluster,
    machine: &Machine,
    wanted: &[Group],
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let is_queue = |group: &Group| matches!(group, Group::Queue | Group::Million | Group::InsertToStart);
    if wanted.iter().any(|group| !is_queue(group)) {
        let mut stage = Stage::build(cluster, machine).await?;
        for group in wanted.iter().filter(|group| !is_queue(group)) {
            eprintln!("{} …", group.name());
            rows.extend(of_stage(*group, options, &mut stage).await.context(group.name())?);
        }
    }
    for group in wanted.iter().filter(|group| is_queue(group)) {
        eprintln!("{} …", group.name());
        let made = match group {
            Group::Queue => queue::drained(options, cluster, machine).await,
            Group::Million => queue::million(options, cluster, machine).await,
            _ => queue::insert_to_start(options, cluster, machine).await,
        };
        rows.extend(made.context(group.name())?);
    }
    Ok(rows)
}

async fn of_stage(group: Group, options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    match group {
        Group::Get => contacts::get(options, stage).await,
        Group::Create => contacts::create(options, stage).await,
        Group::Page => contacts::page(options, stage).await,
        Group::Prices => prices::prices(options, stage).await,
        Group::Batch => prices::batch(options, stage).await,
        Group::Lists => lists::lists(options, stage).await,
        Group::Imports => imports::imports(options, stage).await,
        Group::Exports => exports::exports(options, stage).await,
        Group::FanOut => fan_out::fan_out(options, stage).await,
        Group::Waiting => waiting::waiting(options, stage).await,
        Group::Hundred => waiting::hundred(options, stage).await,
        Group::Ordered => shaped::ordered(options, stage).await,
        Group::Filtered => shaped::filtered(options, stage).await,
        Group::Ten => events::ten(options, stage).await,
        Group::WithWebhook => events::with_webhook(options, stage).await,
        Group::Burst => burst::burst(options, stage).await,
        Group::EventCost => event_cost::event_cost(options, stage).await,
        Group::Quiet => quiet::quiet(options, stage).await,
        Group::QuietMillion => quiet::million(options, stage).await,
        Group::CommitToReceiver => latency::commit_to_receiver(options, stage).await,
        Group::Memory => memory::memory(options, stage).await,
        Group::Queue | Group::Million | Group::InsertToStart => bail!("not on the stage"),
    }
}

async fn postgres_version(cluster: &Cluster) -> String {
    let version = async {
        let mut connection = cluster.connect().await?;
        anyhow::Ok(sqlx::query_scalar("show server_version").fetch_one(&mut connection).await?)
    };
    version.await.unwrap_or_default()
}
