//! Deliveries that wait when the worker comes.

use anyhow::{Context, Result, ensure};
use std::time::Duration;

use super::bare;
use super::line::wait_in_line;
use super::options::Options;
use super::row::{Bar, Row, Sample};
use super::stage::{PATIENCE, Stage, Tenant, in_turns};

const DELIVERIES: u64 = 20_000;
/// Of a hundred tenants together.
const MANY: u64 = 100_000;
const TENANTS: u64 = 100;
/// What a webhook has in flight by default.
const CONCURRENCY: usize = 10;

/// 20,000 deliveries of one webhook, from the first request to the last acknowledgement.
pub(super) async fn waiting(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let tenants = [stage.tenant("Waiting", &["/waiting".to_owned()]).await?];
    let count = options.count(DELIVERIES);
    let mut batched =
        Row::new("20,000 waiting deliveries", "1/s", "a bare loop in batches", Bar::Ratio(0.60));
    let mut singly =
        Row::new("20,000 waiting deliveries", "1/s", "a bare loop of single rows", Bar::Ratio(0.55));
    let ours = async |stage: &mut Stage<'_>| ours(stage, &tenants, count).await;
    let yardstick = async |stage: &mut Stage<'_>| {
        singly.yardstick.push(bare(stage, &tenants, count, false).await?);
        bare(stage, &tenants, count, true).await
    };
    in_turns(options, &mut batched, stage, ours, yardstick).await?;
    // The notes stand with the other row.
    singly.ours = batched.ours.iter().map(|sample| Sample { notes: Vec::new(), ..sample.clone() }).collect();
    Ok(vec![batched, singly])
}

/// 100,000 deliveries of a hundred tenants, each with one webhook.
pub(super) async fn hundred(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let mut tenants = Vec::new();
    for number in 1..=TENANTS {
        tenants.push(stage.tenant(&format!("Hundred{number}"), &["/waiting".to_owned()]).await?);
    }
    let each = options.count(MANY).div_ceil(TENANTS);
    let name = "100 tenants, 1,000 waiting deliveries each";
    let mut row = Row::new(name, "1/s", "a bare loop in batches", Bar::Ratio(0.55));
    let ours = async |stage: &mut Stage<'_>| ours(stage, &tenants, each).await;
    let yardstick = async |stage: &mut Stage<'_>| bare(stage, &tenants, each * TENANTS, true).await;
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    Ok(vec![row])
}

/// Deliveries for each of the tenants.
async fn ours(stage: &mut Stage<'_>, tenants: &[Tenant], each: u64) -> Result<Sample> {
    let count = each * tenants.len() as u64;
    stage.execute("truncate apalis.jobs").await?;
    for tenant in tenants {
        wait_in_line(stage, tenant, each).await?;
    }
    settled(stage).await?;
    stage.sink.begin(count);
    stage.start_worker().await?;
    let meter = stage.meter();
    let (first, _) = stage.sink.reached(PATIENCE).await?;
    let gone = stage.all_jobs_gone().await?;
    let spent = meter.stop();
    let came = stage.sink.count();
    stage.stop_worker().await;
    let sample = Sample::new(count as f64 / (gone - first).as_secs_f64())
        .cpu(spent.programs() + spent.postgres, count)
        .note("worker's CPU ms/delivery", spent.worker / count as f64)
        .note("PostgreSQL's CPU ms/delivery", spent.postgres / count as f64)
        .note("receiver's CPU ms/delivery", spent.bench / count as f64)
        .note("sent more than once", (came - count) as f64);
    Ok(sample)
}

/// Nothing is left for the database to do of what was laid.
pub(super) async fn settled(stage: &Stage<'_>) -> Result<()> {
    for table in ["apalis.jobs", "tenon.deliveries", "tenon.delivery_attempts", "tenon.events"] {
        stage.execute(&format!("vacuum (analyze) {table}")).await?;
    }
    stage.execute("checkpoint").await
}

async fn bare(stage: &mut Stage<'_>, tenants: &[Tenant], count: u64, batched: bool) -> Result<Sample> {
    let tenant = tenants.first().context("no tenant")?;
    let body: String = sqlx::query_scalar(
        "select body from tenon.events where tenant_id = $1 and type = 'contact.created' order by id limit 1",
    )
    .bind(tenant.id)
    .fetch_one(&stage.admin)
    .await?;
    bare::fill(&stage.admin, &stage.sink.url("/waiting"), &body, count).await?;
    stage.execute("checkpoint").await?;
    stage.sink.begin(count);
    let meter = stage.meter();
    let url = stage.database.admin_url();
    let deleted = match batched {
        true => bare::deliver(url, CONCURRENCY).await?,
        false => bare::deliver_singly(url, CONCURRENCY).await?,
    };
    let gone = std::time::Instant::now();
    let spent = meter.stop();
    ensure!(deleted == count, "{deleted} of {count} were deleted");
    let (first, _) = stage.sink.reached(Duration::ZERO).await?;
    Ok(Sample::new(count as f64 / (gone - first).as_secs_f64()).cpu(spent.bench + spent.postgres, count))
}
