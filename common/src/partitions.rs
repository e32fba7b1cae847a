//! The end of partitions: a month that is over for good is dropped as a whole.

use chrono::TimeDelta;

use crate::db::Db;
use crate::error::Result;

/// Drops the oldest month of events, if all of it is so old and nothing needs it any more; whether it did. As the worker.
pub async fn drop_old_events(db: &Db, older_than: TimeDelta) -> Result<bool> {
    let mut connection = db.lookup().await?;
    let oldest =
        sqlx::query_as("select partition, dropped from tenon.drop_old_events(make_interval(secs => $1))");
    let oldest: (Option<String>, bool) =
        oldest.bind(older_than.as_seconds_f64()).fetch_one(&mut *connection).await?;
    match oldest {
        (None, _) => Ok(false),
        (Some(partition), true) => {
            tracing::info!(partition, "a month of events was dropped");
            Ok(true)
        }
        (Some(partition), false) => {
            tracing::warn!(
                partition,
                "a month of events is kept beyond its time: deliveries are pending or paused, or a fan-out was not done"
            );
            Ok(false)
        }
    }
}

/// Drops the oldest month of the audit trail that is so old and has no entry; whether there was one. As the worker.
pub async fn drop_empty_audit(db: &Db, older_than: TimeDelta) -> Result<bool> {
    let mut connection = db.lookup().await?;
    let dropped = sqlx::query_scalar("select tenon.drop_empty_audit(make_interval(secs => $1))");
    let dropped: Option<String> =
        dropped.bind(older_than.as_seconds_f64()).fetch_one(&mut *connection).await?;
    if let Some(partition) = &dropped {
        tracing::info!(partition, "an empty month of the audit trail was dropped");
    }
    Ok(dropped.is_some())
}
