//! A quiet tenant beside another one's many deliveries that wait: for receivers that hang, or for their turn. And what the former cost.

use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

use super::latency::created;
use super::line::wait_in_line;
use super::options::Options;
use super::row::{Bar, Row, Sample};
use super::stage::{Stage, Tenant, in_turns};
use super::waiting::settled;

/// 50 contacts a second.
const EVERY: Duration = Duration::from_millis(20);
/// Webhooks whose receivers hang, and events that wait for each of them.
const WEBHOOKS: usize = 50;
const EVENTS: u64 = 600;
const MILLION: u64 = 1_000_000;
/// Until the worker has begun with as many as it sends at a time to receivers that hang.
const SETTLE: Duration = Duration::from_secs(5);
/// How long nothing happens but that they hang. Together with what follows it is shorter than the deadline of an attempt.
const STRETCH: Duration = Duration::from_secs(10);

/// 30,000 deliveries wait for 50 receivers that never answer.
pub(super) async fn quiet(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let (quiet, paths) = (quiet_tenant(stage).await?, (0..WEBHOOKS).map(|n| format!("/hang/{n}")));
    let noisy = stage.tenant("Hanging", &paths.collect::<Vec<_>>()).await?;
    let events = options.count(EVENTS);
    let mut latency =
        Row::new("quiet tenant beside 30,000 that hang, p99", "ms", "alone", Bar::AboveTwice(10.0));
    let mut idle =
        Row::new("30,000 that hang, and nothing else", "processors", "nothing waits", Bar::AtMost(0.05));
    let ours = async |stage: &mut Stage<'_>| {
        wait_beside(stage, &noisy, events).await?;
        stage.start_worker().await?;
        let taken = processors(stage).await?;
        let hanging = stage.sink.hanging();
        ensure!(hanging > 0, "no request hangs");
        idle.ours.push(taken.note("requests that hang", hanging as f64));
        let sample = at_its_pace(options, stage, &quiet).await?;
        stage.kill_worker().await;
        Ok(sample)
    };
    let yardstick = async |stage: &mut Stage<'_>| {
        wait_for_nothing(stage).await?;
        stage.start_worker().await?;
        idle.yardstick.push(processors(stage).await?);
        let sample = at_its_pace(options, stage, &quiet).await?;
        stage.kill_worker().await;
        Ok(sample)
    };
    in_turns(options, &mut latency, stage, ours, yardstick).await?;
    leave(stage).await?;
    Ok(vec![latency, idle])
}

/// A million deliveries wait for one receiver that answers at once.
pub(super) async fn million(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let quiet = quiet_tenant(stage).await?;
    let noisy = stage.tenant("Million", &["/aside".to_owned()]).await?;
    let events = options.count(MILLION);
    let mut row =
        Row::new("quiet tenant beside a million that wait, p99", "ms", "alone", Bar::AboveTwice(20.0));
    // No measurement: it may take longer than one.
    wait_beside(stage, &noisy, events).await?;
    let ours = async |stage: &mut Stage<'_>| {
        wait_beside(stage, &noisy, events).await?;
        stage.start_worker().await?;
        let (began, before) = (Instant::now(), stage.sink.aside());
        let sample = at_its_pace(options, stage, &quiet).await?;
        let rate = (stage.sink.aside() - before) as f64 / began.elapsed().as_secs_f64();
        stage.kill_worker().await;
        let left = left(stage, &noisy).await?;
        // Most of what was spent, was for the others.
        let sample = Sample { cpu_ms: None, ..sample };
        Ok(sample.note("others' deliveries, 1/s", rate).note("others left waiting", left as f64))
    };
    let yardstick = async |stage: &mut Stage<'_>| {
        wait_for_nothing(stage).await?;
        stage.start_worker().await?;
        let sample = at_its_pace(options, stage, &quiet).await?;
        stage.kill_worker().await;
        Ok(sample)
    };
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    leave(stage).await?;
    Ok(vec![row])
}

async fn quiet_tenant(stage: &mut Stage<'_>) -> Result<Tenant> {
    stage.tenant("Quiet", &["/when/quiet".to_owned()]).await
}

async fn wait_beside(stage: &Stage<'_>, noisy: &Tenant, events: u64) -> Result<()> {
    stage.execute("truncate apalis.jobs").await?;
    wait_in_line(stage, noisy, events).await?;
    settled(stage).await
}

async fn wait_for_nothing(stage: &Stage<'_>) -> Result<()> {
    stage.execute("truncate apalis.jobs").await?;
    stage.execute("checkpoint").await
}

/// The p99 from the API's answer to the receiver.
async fn at_its_pace(options: &Options, stage: &Stage<'_>, quiet: &Tenant) -> Result<Sample> {
    let mut steady = created(stage, quiet, EVERY, options.duration()).await?;
    let median = steady.sample(0.5).value;
    Ok(steady.sample(0.99).note("p50 ms", median))
}

/// How many processors PostgreSQL and the programs take while nothing is asked of them.
async fn processors(stage: &Stage<'_>) -> Result<Sample> {
    tokio::time::sleep(SETTLE).await;
    let (meter, began) = (stage.meter(), Instant::now());
    tokio::time::sleep(STRETCH).await;
    let (elapsed, spent) = (began.elapsed().as_secs_f64() * 1e3, meter.stop());
    Ok(Sample::new((spent.programs() + spent.postgres) / elapsed)
        .note("worker's", spent.worker / elapsed)
        .note("PostgreSQL's", spent.postgres / elapsed))
}

async fn left(stage: &Stage<'_>, tenant: &Tenant) -> Result<i64> {
    let left = "select count(*) from tenon.deliveries where tenant_id = $1 and status = 'pending'";
    Ok(sqlx::query_scalar(left).bind(tenant.id).fetch_one(&stage.admin).await?)
}

/// What has waited is not in the way of the rows that follow.
async fn leave(stage: &Stage<'_>) -> Result<()> {
    stage.execute("truncate apalis.jobs, tenon.deliveries, tenon.delivery_attempts, tenon.events").await
}
