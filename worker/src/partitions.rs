//! Keeps the partitions of the event log and of the audit trail ahead of the calendar. Takes no input and looks at the whole state, so that a run that
//! was missed costs nothing: the next one does its work.

use std::time::Duration;

use tenon_common::{Db, Result, audit, event};

/// Partitions reach two months ahead: a worker that runs once in that time is enough.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);

/// Makes what is missing, now and every six hours.
pub async fn keep_ahead(db: Db) {
    loop {
        let pause = match ensure(&db).await {
            Ok(0) => EVERY,
            Ok(made) => {
                tracing::info!(made, "partitions were made");
                EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "partitions could not be made; will try again");
                AFTER_A_FAILURE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn ensure(db: &Db) -> Result<i32> {
    Ok(event::ensure_partitions(db).await? + audit::ensure_partitions(db).await?)
}
