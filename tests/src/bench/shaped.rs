//! What webhooks ask for, and what it costs: an order of the events of each object, and a filter.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::Instant;

use super::line::changes;
use super::options::Options;
use super::row::{Bar, Row, Sample};
use super::stage::{PATIENCE, Stage, Tenant, in_turns};
use super::waiting::settled;

/// Of 100 contacts.
const ORDERED: u64 = 20_000;
const FILTERED: u64 = 10_000;
const WEBHOOKS: usize = 10;

/// 20,000 events of 100 objects to a webhook that wants those of each object one after the other, beside one that does not.
pub(super) async fn ordered(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let webhook = |ordering: &str| {
        [json!({"url": stage.sink.url("/ordered"), "events": ["contact.updated"], "ordering": ordering})]
    };
    let (ordered, unordered) = (webhook("object"), webhook("none"));
    let ordered = stage.tenant_with("Ordered", &ordered).await?;
    let unordered = stage.tenant_with("Unordered", &unordered).await?;
    let count = options.count(ORDERED);
    let mut row = Row::new("20,000 events of 100 objects, in order", "1/s", "in no order", Bar::Ratio(0.7));
    let ours = async |stage: &mut Stage<'_>| delivered(stage, &ordered, count).await;
    let yardstick = async |stage: &mut Stage<'_>| delivered(stage, &unordered, count).await;
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    Ok(vec![row])
}

/// Changes that wait for the worker, from its start to the last acknowledgement.
async fn delivered(stage: &mut Stage<'_>, tenant: &Tenant, count: u64) -> Result<Sample> {
    stage.execute("truncate apalis.jobs").await?;
    changes(stage, tenant, count).await?;
    settled(stage).await?;
    stage.sink.begin(count);
    let started = Instant::now();
    stage.start_worker().await?;
    let meter = stage.meter();
    stage.sink.reached(PATIENCE).await?;
    let gone = stage.jobs_gone(tenant).await?;
    let spent = meter.stop();
    let came = stage.sink.count();
    stage.stop_worker().await;
    Ok(Sample::new(count as f64 / (gone - started).as_secs_f64())
        .cpu(spent.programs() + spent.postgres, count)
        .note("worker's CPU ms/event", spent.worker / count as f64)
        .note("PostgreSQL's CPU ms/event", spent.postgres / count as f64)
        .note("sent more than once", (came - count) as f64))
}

/// The fan-out of events to ten webhooks, each with a filter that lets them pass, beside ten without. Their receivers hang, so that little is
/// sent meanwhile.
pub(super) async fn filtered(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let webhook =
        |n: usize| json!({"url": stage.sink.url(&format!("/hang/{n}")), "events": ["contact.updated"]});
    let plain: Vec<Value> = (0..WEBHOOKS).map(webhook).collect();
    let mut filters = plain.clone();
    for (n, webhook) in filters.iter_mut().enumerate() {
        webhook["filter"] = format!("data.company = \"ACME Corp\" and data.name != \"Number {n}\"").into();
    }
    let filtered = stage.tenant_with("Filtered", &filters).await?;
    let unfiltered = stage.tenant_with("Unfiltered", &plain).await?;
    let count = options.count(FILTERED);
    let name = "fan-out to ten webhooks, each with a filter";
    let mut row = Row::new(name, "CPU ms/event", "without", Bar::Times(1.2));
    let ours = async |stage: &mut Stage<'_>| fanned_out(stage, &filtered, count).await;
    let yardstick = async |stage: &mut Stage<'_>| fanned_out(stage, &unfiltered, count).await;
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    Ok(vec![row])
}

/// Changes that wait for the worker, from its start to the last fan-out; every delivery of them is there then.
async fn fanned_out(stage: &mut Stage<'_>, tenant: &Tenant, count: u64) -> Result<Sample> {
    stage.execute("truncate apalis.jobs, tenon.deliveries, tenon.delivery_attempts").await?;
    changes(stage, tenant, count).await?;
    settled(stage).await?;
    let started = Instant::now();
    stage.start_worker().await?;
    let meter = stage.meter();
    let gone = stage.fanned_out(tenant).await?;
    let spent = meter.stop();
    stage.kill_worker().await;
    let made = "select count(*) from tenon.deliveries where tenant_id = $1";
    let made: i64 = sqlx::query_scalar(made).bind(tenant.id).fetch_one(&stage.admin).await?;
    let expected = count * tenant.webhooks.len() as u64;
    ensure!(made.unsigned_abs() == expected, "{made} deliveries were made, and not {expected}");
    stage.execute("truncate apalis.jobs, tenon.deliveries, tenon.delivery_attempts").await?;
    let each = |ms: f64| ms / count as f64;
    Ok(Sample::new(each(spent.worker + spent.postgres))
        .cpu(spent.worker + spent.postgres, count)
        .note("worker's CPU ms/event", each(spent.worker))
        .note("PostgreSQL's CPU ms/event", each(spent.postgres))
        .note("events/s", count as f64 / (gone - started).as_secs_f64()))
}
