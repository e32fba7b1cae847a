//! Purges tenants that were deleted so long ago that they cannot be restored any more. Takes no input and looks at the whole state, so
//! that a run that was missed costs nothing. Every worker does; the tenant's row lock lets one of them act.

use std::time::Duration;

use chrono::TimeDelta;
use tenon_common::Db;
use tenon_common::account::tenant;

/// Purges what is due, now and every so often.
pub async fn purge_tenants(db: Db, retention: TimeDelta, every: Duration) {
    loop {
        match tenant::purge_due(&db, retention).await {
            Ok(purged) if purged.tenants == 0 => {}
            Ok(purged) => {
                metrics::counter!("tenon_tenants_purged_total").increment(u64::from(purged.tenants));
                tracing::info!(
                    tenants = purged.tenants,
                    rows = purged.rows,
                    "deleted organizations were purged"
                );
            }
            Err(error) => {
                tracing::warn!(%error, "deleted organizations could not be purged; will go on later");
            }
        }
        tokio::time::sleep(every).await;
    }
}
