//! `cargo kill-run`: the real API and worker under load, killed at random moments together with their PostgreSQL, and an account
//! of every event: which were sent, which came, which came again, and which were lost.

mod account;
mod arrivals;
mod kills;
mod options;
mod progress;
mod settle;
mod writers;

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

use crate::stack::Stack;
use crate::{Cluster, Profile, Receiver, Reply};
pub use account::Account;
use arrivals::Arrivals;
use kills::Kills;
pub use options::Options;
use progress::Progress;

/// A run that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// What a receiver may take: long enough for deliveries to be under way when the worker is killed.
const ANSWER: Duration = Duration::from_millis(3);
/// Outages must not use up the attempts of a delivery.
const SCHEDULE: &str = "0,0.5,1,2,2,2,5,5,5,10,10,10,20,20,20,30,30,30,60";

/// Does all of it, on a PostgreSQL of its own with default durability.
///
/// # Errors
/// Where something does not start, an answer is one that no kill explains, or the run does not end in time.
pub async fn run(options: &Options) -> Result<Account> {
    let cluster = Cluster::private(Profile::Bench).await.context("starting PostgreSQL")?;
    let account = tokio::time::timeout(LIMIT, on(&cluster, options)).await;
    cluster.release().await;
    account.with_context(|| format!("the run has not ended after {LIMIT:?}"))?
}

async fn on(cluster: &Cluster, options: &Options) -> Result<Account> {
    let mut stack = Stack::with(SCHEDULE, cluster).await;
    let (receiver, arrivals) = (Receiver::start().await, Arrivals::default());
    let book = arrivals.clone();
    receiver.always(move |request| {
        book.note(request);
        Reply::status(204).after(ANSWER)
    });
    stack.webhook(&receiver, &["contact.created"]).await;

    let kills = Kills::plan(options);
    let (owner, progress, started) =
        (stack.owner.clone(), Progress::new(options.events, kills.slack()), Instant::now());
    let (written, killed) =
        tokio::try_join!(writers::write(&owner, &progress), kills.carry_out(&mut stack, cluster, &progress))?;
    let since = killed.unwrap_or(started);
    settle::wait(&stack, &arrivals).await?;
    Account::draw_up(options, &stack, &written, &arrivals, since).await
}
