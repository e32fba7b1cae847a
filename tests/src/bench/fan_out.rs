//! Changes that come at a steady rate, and how far behind them the audit trail is.

use anyhow::{Context, Result, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

use super::http::Connection;
use super::options::Options;
use super::prices::contacts;
use super::row::{Bar, Row, Sample, percentile};
use super::stage::{Stage, Tenant};

/// Changes a second.
const RATE: u64 = 2_000;
/// Changes of a request, which is one transaction: one by one they would keep the machine busy with requests, before any fan-out.
const BATCH: u64 = 100;
const CLIENTS: u64 = 2;
/// How often the oldest change that waits is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Contacts that are created at a steady rate while the worker fans out: those audited a second, beside the rate that was asked for.
pub(super) async fn fan_out(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    let tenant = stage.tenant("None", &[]).await?;
    let mut row =
        Row::new("fan-out at 2,000 changes a second", "audited/s", "the rate asked for", Bar::Ratio(0.97));
    for _ in 0..options.rounds {
        stage.stop_worker().await;
        stage.execute("truncate apalis.jobs").await?;
        stage.execute("checkpoint").await?;
        stage.start_worker().await?;
        row.ours.push(steady(options, stage, &tenant).await?);
        row.yardstick.push(Sample::new(RATE as f64));
    }
    stage.stop_worker().await;
    Ok(vec![row])
}

/// From the first request to the last entry of the audit trail.
async fn steady(options: &Options, stage: &Stage<'_>, tenant: &Tenant) -> Result<Sample> {
    let before = entries(stage, tenant).await?;
    let done = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(stage.admin.clone(), Arc::clone(&done)));
    let meter = stage.meter();
    let began = Instant::now();
    let (changes, late) = change(options, tenant, began).await?;
    let made = Instant::now();
    let gone = stage.jobs_gone(tenant).await?;
    let spent = meter.stop();
    done.store(true, Ordering::Relaxed);
    let mut lags = watching.await??;
    let audited = entries(stage, tenant).await? - before;
    ensure!(audited == changes, "{audited} entries of {changes} changes");
    // The last request is sent a step before the time is over.
    let whole = (gone - began).as_secs_f64().max(options.duration().as_secs_f64());
    Ok(Sample::new(changes as f64 / whole)
        .cpu(spent.programs() + spent.postgres, changes)
        .note("lag p50 ms", percentile(&mut lags, 0.5))
        .note("lag p99 ms", percentile(&mut lags, 0.99))
        .note("lag at most ms", percentile(&mut lags, 1.0))
        .note("from the last answer to the last entry, ms", (gone - made).as_secs_f64() * 1e3)
        .note("requests later than due, at most ms", late.as_secs_f64() * 1e3))
}

/// Creates contacts, each request at its time; how many, and how late a request was at most.
async fn change(options: &Options, tenant: &Tenant, began: Instant) -> Result<(u64, Duration)> {
    let requests = options.duration().as_secs() * RATE / BATCH / CLIENTS;
    let every = Duration::from_secs_f64((BATCH * CLIENTS) as f64 / RATE as f64);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let target = tenant.target.clone();
        let first = began + every.mul_f64(client as f64 / CLIENTS as f64);
        clients.spawn(async move {
            let mut connection = Connection::open(target.address).await?;
            let mut late = Duration::ZERO;
            for number in 0..requests {
                let due = first + every.mul_f64(number as f64);
                tokio::time::sleep_until(due.into()).await;
                late = late.max(due.elapsed());
                let (status, body) = connection.exchange(&contacts(&target, BATCH)).await?;
                ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
            }
            Ok(late)
        });
    }
    let mut late = Duration::ZERO;
    while let Some(client) = clients.join_next().await {
        late = late.max(client.context("a client")??);
    }
    Ok((requests * CLIENTS * BATCH, late))
}

/// The age of the oldest change that is not audited yet, in milliseconds, again and again.
async fn watch(admin: sqlx::PgPool, done: Arc<AtomicBool>) -> Result<Vec<f64>> {
    let mut lags = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let lag: f64 = sqlx::query_scalar(
            "select coalesce(extract(epoch from clock_timestamp() - min(run_at)), 0)::float8 * 1000
             from apalis.jobs where kind = 'fan-out-event'",
        )
        .fetch_one(&admin)
        .await?;
        lags.push(lag);
        tokio::time::sleep(LOOK).await;
    }
    Ok(lags)
}

async fn entries(stage: &Stage<'_>, tenant: &Tenant) -> Result<u64> {
    let count = "select count(*) from tenon.audit_events where tenant_id = $1 and action = 'contact.created'";
    let count: i64 = sqlx::query_scalar(count).bind(tenant.id).fetch_one(&stage.admin).await?;
    Ok(count.unsigned_abs())
}
