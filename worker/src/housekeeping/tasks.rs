//! Every task. A new one is a line here; `worker/README.md` says of each what it removes, and after how long.

use std::time::Duration;

use chrono::TimeDelta;
use tenon_common::account::tenant;
use tenon_common::crm::retention;
use tenon_common::import::leftovers;
use tenon_common::{Db, Result, audit, event, export, idempotency, partitions, queue, upload, webhook};

use super::{Batch, Task};
use crate::cli::Cli;

/// Partitions reach two months ahead: a worker that runs once in that time is enough.
const PARTITIONS_EVERY: Duration = Duration::from_secs(6 * 60 * 60);
/// Deliveries that wait for nothing are looked for: there should be none.
const STALLED_EVERY: Duration = Duration::from_secs(60);
/// Entries of the audit trail are kept for seven years; a month without any is dropped a month later.
const AUDIT: TimeDelta = TimeDelta::days(7 * 366 + 31);
/// Rows of one statement: it holds no lock for long.
const ROWS: i32 = 1000;
/// Rows of imports, or imports with their files: a storage that is far away takes its time for each.
const LEFTOVERS: i32 = 200;
/// Records of a transaction, each with an event.
const RECORDS: i32 = 200;
/// Exports whose files are removed at once.
const EXPORTS: i32 = 100;
/// Uploads of a batch, each with its files.
const UPLOADS: i32 = 20;

/// All of them, as the settings have it.
pub fn of(cli: &Cli) -> Vec<Task> {
    let keep = cli.housekeeping;
    let (every, purges) = (keep.housekeeping_every, cli.work.tenant_purge_every);
    let tenants = cli.retention.tenants();
    let imports = TimeDelta::days(i64::from(cli.imports.import_revert_days));
    vec![
        Task::steps("partitions-ahead", PARTITIONS_EVERY, |at| async move { partitions_ahead(&at.db).await }),
        Task::steps("old-partitions", PARTITIONS_EVERY, move |at| async move {
            old_partitions(&at.db, keep.events()).await
        }),
        Task::batches("idempotency-keys", every, ROWS, |at, most| async move {
            idempotency::remove_expired(&at.db, most).await
        }),
        Task::steps("tenants", purges, move |at| async move { purge_tenants(&at.db, tenants).await }),
        Task::batches("tenant-files", purges, 1, |at, _| async move {
            tenant::remove_files(&at.db, &at.storage).await
        }),
        Task::batches("imports", every, LEFTOVERS, move |at, most| async move {
            leftovers::remove(&at.db, &at.storage, imports, most).await
        }),
        Task::batches("uploads", every, UPLOADS, |at, most| async move {
            upload::remove_expired(&at.db, &at.storage, most).await
        }),
        Task::steps("records", every, move |at| async move {
            let purged = retention::purge_deleted(&at.db, keep.records(), RECORDS).await?;
            Ok(Batch { removed: purged.records, more: purged.more })
        }),
        Task::batches("deliveries", every, ROWS, move |at, most| async move {
            webhook::retention::remove_old(&at.db, keep.deliveries(), most).await
        }),
        Task::steps("stalled-deliveries", STALLED_EVERY, |at| async move {
            let released = webhook::order::release_stalled(&at.db, ROWS).await?;
            Ok(Batch { removed: 0, more: released >= i64::from(ROWS) })
        }),
        Task::batches("replays", every, ROWS, move |at, most| async move {
            webhook::retention::remove_old_replays(&at.db, keep.deliveries(), most).await
        }),
        Task::batches("webhook-states", every, ROWS, |at, most| async move {
            webhook::retention::remove_old_states(&at.db, most).await
        }),
        Task::batches("exports", every, EXPORTS, |at, most| async move {
            export::job::remove_expired(&at.db, &at.storage, most).await.map(u64::cast_signed)
        }),
        Task::batches("audit-entries", every, ROWS, |at, most| async move {
            audit::retention::remove_expired(&at.db, most).await.map(u64::cast_signed)
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

/// Drops one of each that are over.
async fn old_partitions(db: &Db, events: TimeDelta) -> Result<Batch> {
    let dropped =
        [partitions::drop_old_events(db, events).await?, partitions::drop_empty_audit(db, AUDIT).await?];
    let removed = dropped.into_iter().filter(|dropped| *dropped).count();
    Ok(Batch { removed: i64::try_from(removed).unwrap_or_default(), more: removed > 0 })
}

async fn purge_tenants(db: &Db, retention: TimeDelta) -> Result<Batch> {
    let purged = tenant::purge_batch(db, retention).await?;
    metrics::counter!("tenon_tenants_purged_total").increment(u64::from(purged.tenants));
    Ok(Batch { removed: purged.rows, more: purged != tenant::Purged::default() })
}
