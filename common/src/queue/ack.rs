//! Jobs that a worker holds, and the statements that end the holding.

use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::outcome::{Due, Outcome, Settled};
use crate::job::Queue;

/// A job that this worker holds.
#[derive(Debug)]
pub struct JobRef {
    /// A ULID, as text.
    pub id: Arc<str>,
    /// The name under which the worker holds it: `lock_by`, the fence of every write.
    pub worker: Arc<str>,
    /// Its kind.
    pub kind: &'static str,
    /// Its queue.
    pub queue: Queue,
    /// The tenant in whose lane it waited.
    pub lane: Option<Uuid>,
    /// The lane's whole name.
    pub(super) lane_name: Arc<str>,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// The number of the last one.
    pub max_attempts: i32,
    /// When it was due.
    pub run_at: DateTime<Utc>,
    /// The W3C trace that it belongs to.
    pub traceparent: Option<String>,
    /// How long it had been due when it was claimed.
    pub(super) waited: std::time::Duration,
    /// When it was claimed.
    pub(super) claimed_at: Instant,
    /// What the handler wants written with the acknowledgement.
    pub(super) record: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// The job is held by somebody else by now, or gone: what was about to be written with it must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the job is no longer held by this worker")]
pub struct Lost;

impl JobRef {
    /// Deletes the job's row, if this worker still holds it, on the caller's connection: in the transaction of the job's
    /// effect. A transaction in which it is [`Lost`] must be rolled back. The handler then answers [`Outcome::AlreadyDone`].
    pub async fn complete(&self, connection: &mut PgConnection) -> Result<Result<(), Lost>, sqlx::Error> {
        complete(connection, [self]).await
    }
}

/// Deletes the rows of jobs that all must still be held, as [`JobRef::complete`] does for one.
pub async fn complete<'a>(
    connection: &mut PgConnection,
    jobs: impl IntoIterator<Item = &'a JobRef>,
) -> Result<Result<(), Lost>, sqlx::Error> {
    let (ids, workers): (Vec<&str>, Vec<&str>) = jobs.into_iter().map(|job| (&*job.id, &*job.worker)).unzip();
    let done = sqlx::query(
        "delete from apalis.jobs j using unnest($1::text[], $2::text[]) as held (id, worker)
         where j.id = held.id and j.id = any ($1) and j.lock_by = held.worker",
    )
    .bind(&ids)
    .bind(&workers)
    .execute(connection)
    .await?;
    Ok(if done.rows_affected() == ids.len() as u64 { Ok(()) } else { Err(Lost) })
}

/// What became of a job, on its way into the database.
#[derive(Debug)]
pub struct Acked<'a, R> {
    /// Which.
    pub job: &'a JobRef,
    /// What its handler answered, or what its panic, timeout or stop was made into.
    pub outcome: &'a Outcome,
    /// What that makes of the row, by attempts and backoff.
    pub settled: &'a Settled,
    /// What the handler recorded, if it came to that.
    pub record: Option<&'a R>,
}

/// Those of the jobs that the worker still holds.
pub async fn held(
    connection: &mut PgConnection,
    worker: &str,
    ids: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    let held = "select id from apalis.jobs where id = any ($1) and lock_by = $2";
    sqlx::query_scalar(held).bind(ids).bind(worker).fetch_all(connection).await
}

/// Deletes the rows of jobs that are done. Those that another worker holds by now stay.
pub(super) async fn delete(
    connection: &mut PgConnection,
    worker: &str,
    ids: &[&str],
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from apalis.jobs where id = any ($1) and lock_by = $2")
        .bind(ids)
        .bind(worker)
        .execute(connection)
        .await?;
    Ok(())
}

/// Rows that go back or are kept, column by column.
#[derive(Debug, Default)]
struct Kept<'a> {
    ids: Vec<&'a str>,
    statuses: Vec<&'static str>,
    counted: Vec<bool>,
    delays: Vec<Option<f64>>,
    at: Vec<Option<DateTime<Utc>>>,
    errors: Vec<Option<&'a str>>,
}

/// Writes what became of a worker's jobs: at most two statements, in the caller's transaction. What an
/// [`Acknowledge`](super::Acknowledge) that writes rows of its own does for the jobs' rows.
pub async fn write<'a>(
    connection: &mut PgConnection,
    worker: &str,
    jobs: impl IntoIterator<Item = (&'a JobRef, &'a Settled)>,
) -> Result<(), sqlx::Error> {
    let mut gone = Vec::new();
    let mut kept = Kept::default();
    for (job, settled) in jobs {
        match settled {
            Settled::Gone => gone.push(&*job.id),
            Settled::Untouched => {}
            Settled::Again { due, counted, error } => {
                let (delay, at) = match due {
                    Due::In(delay) => (Some(delay.as_secs_f64()), None),
                    Due::At(at) => (None, Some(*at)),
                    Due::Unchanged => (None, None),
                };
                kept.push(job, "Pending", *counted, delay, at, error.as_deref());
            }
            Settled::Killed { error, counted } => kept.push(job, "Killed", *counted, None, None, Some(error)),
        }
    }
    if !gone.is_empty() {
        delete(&mut *connection, worker, &gone).await?;
    }
    if !kept.ids.is_empty() {
        kept.write(connection, worker).await?;
    }
    Ok(())
}

impl<'a> Kept<'a> {
    fn push(
        &mut self,
        job: &'a JobRef,
        status: &'static str,
        counted: bool,
        delay: Option<f64>,
        at: Option<DateTime<Utc>>,
        error: Option<&'a str>,
    ) {
        self.ids.push(&job.id);
        self.statuses.push(status);
        self.counted.push(counted);
        self.delays.push(delay);
        self.at.push(at);
        self.errors.push(error);
    }

    async fn write(self, connection: &mut PgConnection, worker: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update apalis.jobs j set
                 status = k.status,
                 attempts = j.attempts + k.counted::integer,
                 run_at = coalesce(k.at, clock_timestamp() + k.delay * interval '1 second', j.run_at),
                 last_result = case when k.error is null then j.last_result else jsonb_build_object('Err', k.error) end,
                 lock_by = null, lock_at = null,
                 done_at = case when k.status = 'Killed' then now() end
             from unnest($2::text[], $3::text[], $4::boolean[], $5::float8[], $6::timestamptz[], $7::text[])
                 as k (id, status, counted, delay, at, error)
             where j.id = k.id and j.id = any ($2) and j.lock_by = $1",
        )
        .bind(worker)
        .bind(self.ids)
        .bind(self.statuses)
        .bind(self.counted)
        .bind(self.delays)
        .bind(self.at)
        .bind(self.errors)
        .execute(connection)
        .await?;
        Ok(())
    }
}
