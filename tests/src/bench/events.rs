//! Events on their way from the API through the worker to receivers.

use anyhow::Result;
use std::time::Instant;

use super::burst;
use super::http::{Until, load};
use super::options::Options;
use super::row::{Bar, Row, Sample, percentile};
use super::stage::{PATIENCE, Stage, Tenant, in_turns};

const CLIENTS: usize = 16;
const MANY_CLIENTS: usize = 32;
/// Contacts whose events go to one webhook, or to ten.
const EVENTS: u64 = 2000;
/// Contacts that are made one at a time, each when the last has reached all webhooks.
const ALONE: usize = 20;
/// Contacts that 32 clients make.
const CONTACTS: u64 = 10_000;

/// One event to ten webhooks, beside one to one.
pub(super) async fn ten(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.start_worker().await?;
    let paths: Vec<String> = (0..10).map(|n| format!("/ten/{n}")).collect();
    let ten = stage.tenant("Ten", &paths).await?;
    let one = stage.tenant("One", &["/one".to_owned()]).await?;
    let mut row = Row::new("one event to ten webhooks", "deliveries/s", "one event to one", Bar::Ratio(2.3));
    let count = options.count(EVENTS);
    let ours = async |stage: &mut Stage<'_>| fanned_out(stage, &ten, count).await;
    let yardstick = async |stage: &mut Stage<'_>| fanned_out(stage, &one, count).await;
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    Ok(vec![row])
}

/// From the first create's request to the last 2xx.
async fn fanned_out(stage: &mut Stage<'_>, tenant: &Tenant, events: u64) -> Result<Sample> {
    let each = tenant.webhooks.len() as u64;
    let deliveries = events * each;
    stage.execute("checkpoint").await?;
    stage.sink.begin(deliveries);
    let meter = stage.meter();
    let started = Instant::now();
    let target = tenant.target.clone();
    let made = load(target.address, CLIENTS, Until::Count(events), 201, move || target.contact()).await?;
    let (_, last) = stage.sink.reached(PATIENCE).await?;
    stage.jobs_gone(tenant).await?;
    let spent = meter.stop();
    let mut alone = Vec::new();
    for _ in 0..ALONE {
        stage.sink.begin(each);
        let sent = Instant::now();
        stage.contact(tenant).await?;
        let (_, last) = stage.sink.reached(PATIENCE).await?;
        alone.push((last - sent).as_secs_f64() * 1e3);
    }
    stage.jobs_gone(tenant).await?;
    Ok(Sample::new(deliveries as f64 / (last - started).as_secs_f64())
        .cpu(spent.programs() + spent.postgres, deliveries)
        .note("creates/s", made.rate())
        .note("an event alone, create to last 2xx, p50 ms", percentile(&mut alone, 0.5)))
}

/// 32 clients create contacts while a webhook listens, beside the same without it; and what that costs PostgreSQL.
pub(super) async fn with_webhook(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.start_worker().await?;
    let heard = stage.tenant("Heard", &["/when/heard".to_owned()]).await?;
    let unheard = stage.tenant("None", &[]).await?;
    let mut row =
        Row::new("32 clients and a webhook", "contacts/s", "the same without a webhook", Bar::Ratio(0.6));
    let count = options.count(CONTACTS);
    let ours = async |stage: &mut Stage<'_>| created(stage, &heard, count).await;
    let yardstick = async |stage: &mut Stage<'_>| created(stage, &unheard, count).await;
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    let name = "PostgreSQL's CPU a contact, 32 clients and a webhook";
    let mut cost = Row::new(name, "ms", "the same without a webhook", Bar::AtMost(0.65));
    cost.ours = row.ours.iter().filter_map(of_postgres).collect();
    cost.yardstick = row.yardstick.iter().filter_map(of_postgres).collect();
    Ok(vec![row, cost])
}

const POSTGRES: &str = "PostgreSQL's CPU ms/op";

/// What the note says.
fn of_postgres(sample: &Sample) -> Option<Sample> {
    sample.notes.iter().find(|(name, _)| *name == POSTGRES).map(|(_, ms)| Sample::new(*ms))
}

/// From the first create's request to the last 2xx and the last job.
async fn created(stage: &mut Stage<'_>, tenant: &Tenant, count: u64) -> Result<Sample> {
    let deliveries = count * tenant.webhooks.len() as u64;
    stage.execute("checkpoint").await?;
    stage.sink.begin(deliveries);
    let meter = stage.meter();
    let started = Instant::now();
    let (mut made, accepted) = burst::create(&tenant.target, MANY_CLIENTS, Until::Count(count)).await?;
    let backlog = deliveries.saturating_sub(stage.sink.count());
    let last = match deliveries {
        0 => Instant::now(),
        _ => stage.sink.reached(PATIENCE).await?.1,
    };
    let gone = stage.jobs_gone(tenant).await?;
    let spent = meter.stop();
    let sample = Sample::new(count as f64 / (gone - started).as_secs_f64())
        .cpu(spent.programs() + spent.postgres, count)
        .note("accepted/s", made.rate())
        .note("create p99 ms", percentile(&mut made.latencies, 0.99))
        .note(POSTGRES, spent.postgres / count as f64)
        .note("bench's CPU ms/op", spent.bench / count as f64);
    if deliveries == 0 {
        return Ok(sample);
    }
    let mut waits = burst::waits(accepted, &stage.sink.objects(), 1)?;
    Ok(sample
        .note("delivered/s", count as f64 / (last - started).as_secs_f64())
        .note("backlog when all were accepted", backlog as f64)
        .note("accept to receive, p50 ms", percentile(&mut waits, 0.5))
        .note("accept to receive, p99 ms", percentile(&mut waits, 0.99)))
}
