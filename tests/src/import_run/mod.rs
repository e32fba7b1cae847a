//! `cargo import-run`: a large file with bad rows through the real API and a worker that is killed again and again; then the same file
//! once more, the export of all of it, and the revert; and an account of every row.

mod account;
mod kills;
mod options;
mod sheet;
mod state;
mod steps;

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

use crate::bench::process::{memory, reset_peak};
use crate::stack::Stack;
use crate::{Cluster, Profile};
pub use account::Account;
use account::{Exported, Imported, Repeated, Reverted};
pub use options::Options;
use state::Held;
use steps::Step;

/// A run that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(40 * 60);
/// Rows of the file that comes before: what they make is what the revert must leave as it was.
const FEW: u64 = 1_000;

/// Does all of it, on a PostgreSQL of its own with default durability.
///
/// # Errors
/// Where something does not start, a request is refused, or the run does not end in time.
pub async fn run(options: &Options) -> Result<Account> {
    let cluster = Cluster::private(Profile::Bench).await.context("starting PostgreSQL")?;
    let account = tokio::time::timeout(LIMIT, on(&cluster, options)).await;
    cluster.release().await;
    account.with_context(|| format!("the run has not ended after {LIMIT:?}"))?
}

async fn on(cluster: &Cluster, options: &Options) -> Result<Account> {
    let mut stack = Stack::with("0", cluster).await;
    let few = Step::send(&stack, &options.events, &sheet::file(FEW, "Before")).await?;
    few.end().await?;
    state::fanned_out(&stack).await?;
    let few_peak = memory(stack.worker.id())?.peak;
    let before = state::contents(&stack).await?;

    let file = sheet::file(options.rows, "After");
    let (first, imported) = import(options, &mut stack, &file).await?;
    let repeated = repeat(options, &mut stack, &file).await?;
    let exported = export(options, &mut stack).await?;
    let reverted = revert(&stack, &first, &before).await?;
    Ok(Account { options: options.clone(), few_peak, imported, repeated, exported, reverted })
}

/// The file under kills, and what it made.
async fn import(options: &Options, stack: &mut Stack, file: &str) -> Result<(Step, Imported)> {
    stack.worker.restart().await;
    let began = Instant::now();
    let step = Step::send(stack, &options.events, file).await?;
    let killed_peak = kills::carry_out(options, stack, &step).await?;
    let import = step.end().await.context("the import")?;
    let took = began.elapsed();
    let behind = state::fanned_out(stack).await?;
    let peak = killed_peak.max(memory(stack.worker.id())?.peak);
    let named = step.errors(stack).await?;
    let held = Held::look(stack).await?;
    Ok((step, Imported { import, took, behind, peak, named, held }))
}

/// The same file again, by a worker that nobody kills.
async fn repeat(options: &Options, stack: &mut Stack, file: &str) -> Result<Repeated> {
    stack.worker.restart().await;
    let began = Instant::now();
    let step = Step::send(stack, &options.events, file).await?;
    let import = step.end().await.context("the same file again")?;
    Ok(Repeated { import, took: began.elapsed(), peak: memory(stack.worker.id())?.peak })
}

/// Everything out again, from an API that has just started.
async fn export(options: &Options, stack: &mut Stack) -> Result<Exported> {
    stack.api.restart().await;
    stack.owner = stack.owner.at(&format!("{}/api/v1", stack.api.url()));
    let _warm = stack.owner.get("/connection/contacts?limit=1").await.status(200);
    reset_peak(stack.api.id())?;
    let idle = memory(stack.api.id())?.now;
    let began = Instant::now();
    let (ids, rows) = steps::export(stack).await?;
    let took = began.elapsed();
    let missing = sheet::good_ids(options.rows).filter(|id| !ids.contains(id)).count() as u64;
    Ok(Exported { rows, distinct: ids.len() as u64, missing, took, idle, peak: memory(stack.api.id())?.peak })
}

async fn revert(stack: &Stack, first: &Step, before: &str) -> Result<Reverted> {
    let first = first.through(&stack.owner);
    let began = Instant::now();
    let import = first.revert().await.context("the revert")?;
    let took = began.elapsed();
    Ok(Reverted { import, took, as_before: state::contents(stack).await? == before })
}
