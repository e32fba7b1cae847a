//! The yardstick of the queue: as many connections delete waiting jobs in batches, and what dies with them is lost.

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CONNECTIONS: usize = 4;
const BATCH: i64 = 1000;

/// Deletes all jobs of a kind; how long it took.
pub(super) async fn drain(url: &str, kind: &'static str) -> Result<(u64, Duration)> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = PgConnection::connect(url).await?;
        // As the product does: the plan of a table that is full, whatever the statistics say.
        sqlx::raw_sql("set enable_seqscan = off; set enable_bitmapscan = off; set jit = off; set plan_cache_mode = force_generic_plan")
            .execute(&mut connection)
            .await?;
        connections.push(connection);
    }
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        tasks.spawn(async move {
            let mut deleted = 0;
            loop {
                let jobs: Vec<(String, Vec<u8>)> = sqlx::query_as(
                    "delete from apalis.jobs where id = any (array(
                         select j.id from apalis.jobs j
                         where j.kind = $1 collate \"C\" and j.status = 'Pending' and j.orphaned >= 0 and j.run_at <= now()
                         order by j.run_at limit $2 for update skip locked))
                     returning id, job",
                )
                .bind(kind)
                .bind(BATCH)
                .fetch_all(&mut connection)
                .await?;
                if jobs.is_empty() {
                    return anyhow::Ok(deleted);
                }
                deleted += jobs.len() as u64;
            }
        });
    }
    let mut deleted = 0;
    while let Some(ended) = tasks.join_next().await {
        deleted += ended??;
    }
    Ok((deleted, started.elapsed()))
}
