//! The task that counts what waits: on one worker, the leader, every 15 s.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::QueryAs;
use sqlx::{ConnectOptions, Connection, FromRow, PgConnection, Postgres};

use super::local::Shared;
use super::{imports, watermark};
use crate::job::Queue;

/// Held by the leader's session: `jobs` in ASCII.
const LEADER: i64 = 0x6a_6f_62_73;

const STATES: [&str; 4] = ["ready", "scheduled", "running", "dead"];

/// How a transaction that counts begins: it is short, or it is given up.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '2s'; SET LOCAL enable_seqscan = off; SET LOCAL jit = off";
/// How long its answer is waited for.
const DEADLINE: Duration = Duration::from_secs(5);

/// $1: where counting stops. A row a queue and state, and the age of the oldest due job of the queue.
const SAMPLE: &str = "
    with recursive waiting as (
        (select j.kind, j.job_type from apalis.jobs j where j.status = 'Pending' and j.orphaned >= 0 order by j.kind limit 1)
        union all
        select next.kind, next.job_type from waiting w cross join lateral (
            select j.kind, j.job_type from apalis.jobs j
            where j.status = 'Pending' and j.orphaned >= 0 and j.kind > w.kind order by j.kind limit 1) as next
    ),
    queues as (select queue from unnest($2::text[]) as q (queue))
    select w.job_type as queue, 'ready' as state,
           (select count(*) from (select from apalis.jobs j where j.kind = w.kind and j.status = 'Pending' and j.orphaned >= 0
                                  and j.run_at <= now() limit $1) c) as count,
           (select extract(epoch from now() - j.run_at)::float8 from apalis.jobs j
            where j.kind = w.kind and j.status = 'Pending' and j.orphaned >= 0 and j.run_at <= now()
            order by j.run_at limit 1) as age
    from waiting w
    union all
    select w.job_type, 'scheduled',
           (select count(*) from (select from apalis.jobs j where j.kind = w.kind and j.status = 'Pending' and j.orphaned >= 0
                                  and j.run_at > now() limit $1) c), null
    from waiting w
    union all
    select q.queue, 'running',
           (select count(*) from (select from apalis.jobs j where j.lock_by is not null and j.orphaned >= 0 and j.job_type = q.queue limit $1) c), null
    from queues q
    union all
    select q.queue, 'dead',
           (select count(*) from (select from apalis.jobs j where j.status = 'Killed' and j.job_type = q.queue limit $1) c), null
    from queues q";

pub(super) async fn run(shared: Arc<Shared>, direct: PgConnectOptions) {
    let every = shared.settings.sample_every;
    let mut leading: Option<Leading> = None;
    loop {
        if leading.is_none() {
            leading = lead(&direct).await.ok().flatten().map(Leading);
        }
        if let Some(Leading(connection)) = &mut leading
            && let Err(error) = measure(connection).await
        {
            tracing::warn!(%error, "the queue cannot be counted");
            leading = None;
        }
        tokio::time::sleep(every).await;
    }
}

/// The leader's connection.
struct Leading(PgConnection);

impl Drop for Leading {
    fn drop(&mut self) {
        // Another worker may lead by now; what this one shows is not to be taken for the present.
        show_nothing();
    }
}

/// A connection of its own: the lock is the session's, and no pooler may be between.
async fn lead(direct: &PgConnectOptions) -> Result<Option<PgConnection>, sqlx::Error> {
    let mut connection = direct.connect().await?;
    let leads: bool =
        sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(LEADER).fetch_one(&mut connection).await?;
    if leads {
        return Ok(Some(connection));
    }
    connection.close().await?;
    Ok(None)
}

async fn measure(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sample(connection).await?;
    watermark::sample(connection).await?;
    imports::sample(connection).await
}

/// Asks in a transaction that is short, or given up.
pub(super) async fn ask<T>(
    connection: &mut PgConnection,
    query: QueryAs<'_, Postgres, T, PgArguments>,
) -> Result<Vec<T>, sqlx::Error>
where
    T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
{
    tokio::time::timeout(DEADLINE, async {
        let mut tx = connection.begin_with(BEGIN).await?;
        let rows = query.fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(rows)
    })
    .await
    .map_err(|_| sqlx::Error::PoolTimedOut)?
}

async fn sample(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let queues = Queue::ALL.map(Queue::name).to_vec();
    let query = sqlx::query_as(SAMPLE).bind(10_001_i64).bind(queues);
    let rows: Vec<(String, String, i64, Option<f64>)> = ask(connection, query).await?;
    for queue in Queue::ALL.map(Queue::name) {
        for state in STATES {
            let counts = rows.iter().filter(|row| row.0 == queue && row.1 == state).map(|row| row.2);
            metrics::gauge!("tenon_queue_jobs", "queue" => queue, "state" => state)
                .set(counts.sum::<i64>() as f64);
        }
        let oldest = rows.iter().filter(|row| row.0 == queue).filter_map(|row| row.3).fold(0.0, f64::max);
        metrics::gauge!("tenon_queue_oldest_ready_age_seconds", "queue" => queue).set(oldest);
    }
    Ok(())
}

fn show_nothing() {
    watermark::show_nothing();
    imports::show_nothing();
    for queue in Queue::ALL.map(Queue::name) {
        for state in STATES {
            metrics::gauge!("tenon_queue_jobs", "queue" => queue, "state" => state).set(f64::NAN);
        }
        metrics::gauge!("tenon_queue_oldest_ready_age_seconds", "queue" => queue).set(f64::NAN);
    }
}
