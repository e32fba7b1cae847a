//! `cargo chaos`: the real API and worker while what they stand on breaks, one scenario after the other: processes are killed, servers
//! restarted, connections cut, clocks set, receivers misbehave. What was lost, repeated and late is counted, and the memory that it took.

mod account;
mod book;
mod clock;
mod fault;
mod ledger;
mod listener;
mod manner;
mod namespace;
mod options;
mod proxy;
mod report;
mod scenario;
mod scenarios;
mod site;
mod tls;
mod wire;
mod writers;

use anyhow::{Context, Result};
use futures::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use crate::{Cluster, Profile};
pub use options::Options;
pub use report::Report;
use report::{Ended, Line};
pub use scenario::List;
use scenario::{Outcome, Scenario, Setting};

/// A scenario that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(300);

/// Does all that is asked for, on a PostgreSQL of its own with default durability.
///
/// # Errors
/// Where a name is no scenario's, or PostgreSQL does not start.
pub async fn run(options: &Options) -> Result<Report> {
    let scenarios = scenario::chosen(options)?;
    let cluster = Cluster::private(Profile::Bench).await.context("starting PostgreSQL")?;
    let setting = Setting { cluster, seed: options.seed, is_short: options.short };
    let (began, mut lines) = (Instant::now(), Vec::new());
    for scenario in scenarios {
        let line = one(&scenario, &setting).await;
        eprint!("{line}");
        lines.push(line);
    }
    setting.cluster.release().await;
    Ok(Report { seed: options.seed, took: began.elapsed(), lines })
}

async fn one(scenario: &Scenario, setting: &Setting) -> Line {
    let began = Instant::now();
    let running = AssertUnwindSafe((scenario.run)(setting)).catch_unwind();
    let ended = match tokio::time::timeout(LIMIT, running).await {
        Err(_) => Ended::Broken(format!("it has not ended after {LIMIT:?}")),
        Ok(Err(panic)) => Ended::Broken(said(&*panic)),
        Ok(Ok(Err(error))) => Ended::Broken(format!("{error:#}")),
        Ok(Ok(Ok(Outcome::Skipped(reason)))) => Ended::Skipped(reason),
        Ok(Ok(Ok(Outcome::Account(mut account)))) => {
            account.judge(&scenario.bounds);
            Ended::Account(account)
        }
    };
    Line { name: scenario.name, took: began.elapsed(), ended }
}

/// What the harness panicked with: where a program does not start, say.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
