//! The yardsticks of the queue: as many connections take waiting jobs in batches.

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CONNECTIONS: usize = 4;
const BATCH: i64 = 1000;

/// How a batch is taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Take {
    /// By one delete: what dies with the connection is lost.
    Delete,
    /// By an update that claims and a delete of what was claimed: what any queue writes whose jobs outlive their worker.
    ClaimAndDelete,
}

/// Takes all jobs of a kind; how long it took.
pub(super) async fn drain(url: &str, kind: &'static str, take: Take) -> Result<(u64, Duration)> {
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
            let mut taken = 0;
            loop {
                let count = match take {
                    Take::Delete => delete(&mut connection, kind).await?,
                    Take::ClaimAndDelete => claim_and_delete(&mut connection, kind).await?,
                };
                if count == 0 {
                    return anyhow::Ok(taken);
                }
                taken += count;
            }
        });
    }
    let mut taken = 0;
    while let Some(ended) = tasks.join_next().await {
        taken += ended??;
    }
    Ok((taken, started.elapsed()))
}

async fn delete(connection: &mut PgConnection, kind: &str) -> Result<u64> {
    let jobs: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "delete from apalis.jobs where id = any (array(
             select j.id from apalis.jobs j
             where j.kind = $1 collate \"C\" and j.status = 'Pending' and j.orphaned >= 0 and j.run_at <= now()
             order by j.run_at limit $2 for update skip locked))
         returning id, job",
    )
    .bind(kind)
    .bind(BATCH)
    .fetch_all(connection)
    .await?;
    Ok(jobs.len() as u64)
}

async fn claim_and_delete(connection: &mut PgConnection, kind: &str) -> Result<u64> {
    // A claim may be forgotten in a crash of the database, as the product's.
    let mut claim = connection.begin_with("begin; set local synchronous_commit = off").await?;
    let jobs: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "update apalis.jobs set status = 'Running', lock_by = 'bench', lock_at = now() where ctid = any (array(
             select j.ctid from apalis.jobs j
             where j.kind = $1 collate \"C\" and j.status = 'Pending' and j.orphaned >= 0 and j.run_at <= now()
             order by j.run_at limit $2 for update skip locked))
         returning id, job",
    )
    .bind(kind)
    .bind(BATCH)
    .fetch_all(&mut *claim)
    .await?;
    claim.commit().await?;
    let ids: Vec<String> = jobs.into_iter().map(|(id, _)| id).collect();
    let deleted = sqlx::query("delete from apalis.jobs where id = any ($1) and lock_by = 'bench'")
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}
