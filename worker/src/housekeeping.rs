//! Removes what has expired. Takes no input and looks at the whole state, so that a run that was missed costs nothing: the next
//! one does its work. Every worker does; two at once remove nothing twice.

use std::time::Duration;

use tenon_common::{Db, idempotency};

const EVERY: Duration = Duration::from_secs(10 * 60);
/// Rows of one statement: it holds no lock for long.
const BATCH: i32 = 1000;

/// Removes expired idempotency keys, now and every ten minutes.
pub async fn forget_expired(db: Db) {
    loop {
        match remove_all(&db).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "expired idempotency keys were removed"),
            Err(error) => {
                tracing::warn!(%error, "expired idempotency keys could not be removed; will try again");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Removes all that has expired, in batches.
async fn remove_all(db: &Db) -> tenon_common::Result<i64> {
    let mut removed = 0;
    loop {
        let batch = idempotency::remove_expired(db, BATCH).await?;
        removed += batch;
        if batch < i64::from(BATCH) {
            return Ok(removed);
        }
    }
}
