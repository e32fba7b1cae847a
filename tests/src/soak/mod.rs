//! `cargo soak`: the real API and worker under light use at irregular moments, as most installations are used, and an account of what
//! came of it. What only happens when a clock is read at the wrong moment happens here or nowhere.

mod account;
mod options;
mod usage;
mod watch;

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

use crate::stack::{Stack, text};
use crate::{Cluster, Profile, Receiver};
pub use account::Account;
pub use options::Options;
use usage::Usage;
use watch::Watch;

/// What has not come so long after the last change is lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// Failed deliveries are tried again soon: none should fail.
const SCHEDULE: &str = "0,1,2,5,10,20";

/// Does all of it, on a PostgreSQL of its own with default durability.
///
/// # Errors
/// Where something does not start, or an answer is not the one that was asked for.
pub async fn run(options: &Options) -> Result<Account> {
    let cluster = Cluster::private(Profile::Bench).await.context("starting PostgreSQL")?;
    let account = on(&cluster, options).await;
    cluster.release().await;
    account
}

async fn on(cluster: &Cluster, options: &Options) -> Result<Account> {
    let stack = Stack::with(SCHEDULE, cluster).await;
    let receiver = Receiver::start().await;
    let [steady, switched] = ["/steady", "/switched"].map(|path| receiver.url(path));
    let mut webhooks = Vec::new();
    for url in [steady, switched] {
        let body = serde_json::json!({"url": url, "events": ["contact.created"]});
        let webhook: serde_json::Value = stack.owner.post("/webhooks", body).await.created();
        webhooks.push(text(&webhook, "id").to_owned());
    }
    let mut watch = Watch::new(&stack).await?;
    let mut usage = Usage::new(&stack.owner, &webhooks[1], options.seed);
    let end = Instant::now() + Duration::from_secs(60).saturating_mul(options.minutes);
    while Instant::now() < end {
        usage.next().await?;
        watch.look().await?;
    }
    usage.finish().await?;
    let end = Instant::now() + PATIENCE;
    while !watch.look().await?.is_empty() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Account::draw_up(options, &stack, &usage, &watch, &receiver).await
}
