//! The end of deliveries that have ended, of states of webhooks that are over, and of replays.

use chrono::TimeDelta;

use crate::db::Db;
use crate::error::Result;

/// Removes deliveries that have ended of events so old, with their attempts, at most so many; how many it removed. As the worker.
pub async fn remove_old(db: &Db, older_than: TimeDelta, most: i32) -> Result<i64> {
    let mut connection = db.lookup().await?;
    let removed = sqlx::query_scalar("select tenon.remove_old_deliveries(make_interval(secs => $1), $2)");
    Ok(removed.bind(older_than.as_seconds_f64()).bind(most).fetch_one(&mut *connection).await?)
}

/// Removes states of webhooks that no fan-out and no count will ask for, a day after they ended at the earliest, at most so many; how many
/// it removed. As the worker.
pub async fn remove_old_states(db: &Db, most: i32) -> Result<i64> {
    let mut connection = db.lookup().await?;
    let removed = sqlx::query_scalar("select tenon.remove_old_webhook_states($1)");
    Ok(removed.bind(most).fetch_one(&mut *connection).await?)
}

/// Removes the events of replays that have ended, and replays that ended so long ago, at most so many rows; how many it removed. As the worker.
pub async fn remove_old_replays(db: &Db, older_than: TimeDelta, most: i32) -> Result<i64> {
    let mut connection = db.lookup().await?;
    let removed = sqlx::query_scalar("select tenon.remove_old_replays(make_interval(secs => $1), $2)");
    Ok(removed.bind(older_than.as_seconds_f64()).bind(most).fetch_one(&mut *connection).await?)
}
