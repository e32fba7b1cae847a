//! Every task. A new one is a line here; `worker/README.md` says of each what it removes, and after how long.

use std::time::Duration;

use chrono::TimeDelta;
use tenon_common::account::tenant;
use tenon_common::import::leftovers;
use tenon_common::{Db, Result, audit, event, idempotency, queue};

use super::{Batch, Task};
use crate::cli::Cli;

/// Partitions reach two months ahead: a worker that runs once in that time is enough.
const AHEAD_EVERY: Duration = Duration::from_secs(6 * 60 * 60);
/// Rows of one statement: it holds no lock for long.
const ROWS: i32 = 1000;

/// All of them, as the settings have it.
pub fn of(cli: &Cli) -> Vec<Task> {
    let (every, purges, keep) =
        (cli.housekeeping.housekeeping_every, cli.work.tenant_purge_every, cli.housekeeping.clone());
    let tenants = cli.retention.tenants();
    let imports = TimeDelta::days(i64::from(cli.imports.import_revert_days));
    vec![
        Task::steps("partitions-ahead", AHEAD_EVERY, |at| async move { partitions_ahead(&at.db).await }),
        Task::batches("idempotency-keys", every, ROWS, |at, most| async move {
            idempotency::remove_expired(&at.db, most).await
        }),
        Task::steps("tenants", purges, move |at| async move { purge_tenants(&at.db, tenants).await }),
        Task::batches("tenant-files", purges, 1, |at, _| async move {
            tenant::remove_files(&at.db, &at.storage).await
        }),
        Task::batches("imports", every, ROWS, move |at, most| async move {
            leftovers::remove(&at.db, &at.storage, imports, most).await
        }),
        Task::batches("killed-jobs", every, ROWS, move |at, most| async move {
            queue::remove_killed(&at.db, keep.killed_jobs(), most).await
        }),
    ]
}

/// Makes what is missing. Removes nothing.
async fn partitions_ahead(db: &Db) -> Result<Batch> {
    let made = event::ensure_partitions(db).await? + audit::ensure_partitions(db).await?;
    if made > 0 {
        tracing::info!(made, "partitions were made");
    }
    Ok(Batch { removed: 0, more: false })
}

async fn purge_tenants(db: &Db, retention: TimeDelta) -> Result<Batch> {
    let purged = tenant::purge_batch(db, retention).await?;
    metrics::counter!("tenon_tenants_purged_total").increment(u64::from(purged.tenants));
    Ok(Batch { removed: purged.rows, more: purged != tenant::Purged::default() })
}
