//! The end of jobs that were given up: they are kept for a person to look at, and not for ever. But for fan-outs, without which changes
//! have no entry in the audit trail: a fan-out stays, and its events with it, until somebody has seen to it.

use chrono::TimeDelta;

use crate::change::FanOutEvent;
use crate::db::Db;
use crate::error::Result;
use crate::job::{Job, Queue};

/// Removes jobs of our queues that were given up so long ago, the oldest of each queue first, at most so many; how many it removed.
pub async fn remove_killed(db: &Db, older_than: TimeDelta, most: i32) -> Result<i64> {
    let removed = sqlx::query(
        "delete from apalis.jobs j where j.id = any (array(
             select old.id from unnest($1::text[]) as q (queue) cross join lateral (
                 select k.id from apalis.jobs k
                 where k.job_type = q.queue and k.status = 'Killed' and k.kind <> $4 and k.done_at < now() - make_interval(secs => $2)
                 order by k.done_at limit $3 for update skip locked) as old
             limit $3))
           and j.status = 'Killed'",
    )
    .bind(Queue::ALL.map(Queue::name).to_vec())
    .bind(older_than.as_seconds_f64())
    .bind(most)
    .bind(FanOutEvent::KIND)
    .execute(db.pool())
    .await?;
    Ok(removed.rows_affected().cast_signed())
}
