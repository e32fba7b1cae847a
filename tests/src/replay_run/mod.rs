//! `cargo replay-run`: events fail in a receiver's outage, among many that do not; they are found and replayed by the API alone, while the
//! worker is killed again and again; and an account of every event.

mod account;
mod arrivals;
mod kills;
mod options;
mod steps;

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use std::time::{Duration, Instant};

use crate::stack::Stack;
use crate::{Cluster, Receiver};
pub use account::Account;
use arrivals::Arrivals;
pub use options::Options;
use steps::Webhook;

/// A run that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Does all of it, on the shared server.
///
/// # Errors
/// Where something does not start, the API answers otherwise than it should, or the run does not end in time.
pub async fn run(options: &Options) -> Result<Account> {
    ensure!(options.failed <= options.events, "more events are to fail than there are");
    let account = tokio::time::timeout(LIMIT, whole(options)).await;
    account.with_context(|| format!("the run has not ended after {LIMIT:?}"))?
}

async fn whole(options: &Options) -> Result<Account> {
    // One attempt: what fails has failed.
    let mut stack = Stack::with("0", Cluster::shared().await).await;
    let (receiver, arrivals) = (Receiver::start().await, Arrivals::default());
    let book = arrivals.clone();
    receiver.always(move |request| book.answer(request));
    let since = (Utc::now() - chrono::TimeDelta::minutes(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let webhook = Webhook::create(&stack.owner, &receiver.url("/hook")).await?;

    let before = (options.events - options.failed) / 2;
    webhook.write(before, before).await?;
    arrivals.set_away(true);
    webhook.write(options.failed, before + options.failed).await?;
    arrivals.set_away(false);
    webhook.write(options.events - options.failed - before, options.events).await?;

    let failed = webhook.listed("failed", &since).await?;
    let previewed = webhook.preview(&since).await?;
    let began = Instant::now();
    let replay = webhook.replay(&since, options.rate).await?;
    kills::carry_out(options, &mut stack, &webhook, &replay).await?;
    let ended = webhook.reach(&replay, u64::MAX).await?;
    let took = began.elapsed();
    let account = Account::draw_up(options, &webhook, &failed, &since, &arrivals).await?;
    Ok(account.with(previewed, ended, took))
}
