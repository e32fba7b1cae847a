//! Keeps the partitions of the event log ahead of the calendar. Takes no input and looks at the whole state, so that a run that
//! was missed costs nothing: the next one does its work.

use std::time::Duration;

use tenon_common::{Db, event};

/// Partitions reach two months ahead: a worker that runs once in that time is enough.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);

/// Makes what is missing, now and every six hours.
pub async fn keep_ahead(db: Db) {
    loop {
        let pause = match event::ensure_partitions(&db).await {
            Ok(0) => EVERY,
            Ok(made) => {
                tracing::info!(made, "partitions of the event log were made");
                EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "the partitions of the event log could not be made; will try again");
                AFTER_A_FAILURE
            }
        };
        tokio::time::sleep(pause).await;
    }
}
