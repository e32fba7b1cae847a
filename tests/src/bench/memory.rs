//! The memory of the real API and worker: idle, under load, and while receivers answer without end.

use anyhow::Result;
use std::time::Duration;

use super::http::{Until, load};
use super::options::Options;
use super::process::{Memory, memory as of_process, reset_peak};
use super::row::{Bar, Row, Sample};
use super::stage::{PATIENCE, Stage, Tenant};

const CLIENTS: usize = 32;
const CONTACTS: u64 = 5000;
/// Contacts whose events go to eight receivers that answer 200 MiB each time.
const FLOODED: u64 = 10;
const RECEIVERS: usize = 8;
/// Until a start's own work is over.
const SETTLE: Duration = Duration::from_secs(3);
/// More than this is not flat.
const FLAT: f64 = 16.0;

/// Each round with processes that were just started.
pub(super) async fn memory(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    let one = stage.tenant("One", &["/one".to_owned()]).await?;
    let paths: Vec<String> = (0..RECEIVERS).map(|n| format!("/flood/{n}")).collect();
    let flooded = stage.tenant("Flooded", &paths).await?;
    let mut rows = [
        ("memory of the API, idle", 32.0),
        ("memory of the worker, idle", 48.0),
        ("memory of the API, peak under load", 64.0),
        ("memory of the worker, peak under load", 128.0),
        ("worker's growth while 8 answer 200 MiB", FLAT),
    ]
    .map(|(name, most)| Row::new(name, "MiB", "", Bar::AtMost(most)));
    for _ in 0..options.rounds {
        for (row, value) in rows.iter_mut().zip(round(options, stage, &one, &flooded).await?) {
            row.ours.push(Sample::new(value));
        }
    }
    Ok(rows.into())
}

async fn round(options: &Options, stage: &mut Stage<'_>, one: &Tenant, flooded: &Tenant) -> Result<[f64; 5]> {
    stage.stop_worker().await;
    stage.restart_api().await;
    stage.start_worker().await?;
    tokio::time::sleep(SETTLE).await;
    let look = |stage: &Stage<'_>| anyhow::Ok((of_process(stage.api.id())?, of_process(stage.worker_id()?)?));
    let idle: (Memory, Memory) = look(stage)?;

    let contacts = options.count(CONTACTS);
    stage.sink.begin(contacts);
    let target = one.target.clone();
    load(target.address, CLIENTS, Until::Count(contacts), 201, move || target.contact()).await?;
    stage.sink.reached(PATIENCE).await?;
    let target = one.target.clone();
    let page = move || target.get("/connection/contacts?limit=200");
    load(one.target.address, CLIENTS, Until::Count(contacts / 5), 200, page).await?;
    stage.jobs_gone(one).await?;
    let loaded = look(stage)?;

    reset_peak(stage.worker_id()?)?;
    let before = of_process(stage.worker_id()?)?;
    stage.sink.begin(FLOODED * RECEIVERS as u64);
    let target = flooded.target.clone();
    load(target.address, RECEIVERS, Until::Count(FLOODED), 201, move || target.contact()).await?;
    stage.sink.reached(PATIENCE).await?;
    stage.jobs_gone(flooded).await?;
    let after = of_process(stage.worker_id()?)?;
    Ok([idle.0.now, idle.1.now, loaded.0.peak, loaded.1.peak, after.peak - before.now])
}
