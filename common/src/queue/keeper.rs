//! The task that tells that this worker lives, and looks after jobs that nobody runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::database;
use super::local::Shared;
use crate::job::{CHANNEL, Queue};
use crate::tasks::Task;

/// A job held in the table and not in this process for so long was claimed by a statement whose answer was lost.
const FORGOTTEN_AFTER: f64 = 10.0;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A job that a dead worker held.
#[derive(sqlx::FromRow)]
struct Orphan {
    queue: String,
    kind: String,
    payload: Vec<u8>,
    held_since: DateTime<Utc>,
}

struct Keeper {
    shared: Arc<Shared>,
    database: PgConnectOptions,
    pool: PgPool,
}

/// A thread, a runtime and a connection of the keeper's own: handlers that block every thread of theirs do not keep it from saying
/// that this worker lives.
pub(super) struct KeeperThread {
    stop: DropGuard,
    ended: oneshot::Receiver<()>,
}

impl KeeperThread {
    /// Starts it; it ends when this is dropped.
    pub(super) fn start(
        task: Task,
        shared: &Arc<Shared>,
        database: PgConnectOptions,
    ) -> std::io::Result<Self> {
        let stop = CancellationToken::new();
        let (shared, stopped) = (Arc::clone(shared), stop.clone());
        let ended = task.run_on_thread(stop.clone(), move || {
            let (shared, database, stopped) = (Arc::clone(&shared), database.clone(), stopped.clone());
            async move {
                let pool = connection(&database);
                Keeper { shared, database, pool }.run(stopped).await;
            }
        })?;
        Ok(Self { stop: stop.drop_guard(), ended })
    }

    /// Ends it: afterwards it says nothing more.
    pub(super) async fn end(self) {
        drop(self.stop);
        let _ = self.ended.await;
    }
}

/// The keeper's own.
fn connection(database: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(database.clone())
}

impl Keeper {
    async fn run(mut self, stop: CancellationToken) {
        let settings = &self.shared.settings;
        let every = settings.sweep_every.min(settings.dead_after / 4);
        // Since when the database has answered without a break. A worker who has been away judges nobody: after an outage
        // all look dead, and have not had time to say otherwise.
        let mut present = Instant::now();
        loop {
            let next = match self.beat_in_time(present).await {
                Ok(()) => every,
                Err(error) => {
                    tracing::warn!(%error, "the worker's heartbeat failed; will try again");
                    present = Instant::now();
                    every.min(Duration::from_millis(500))
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    /// A connection that has fallen silent is never waited for again: whether the database answers is what a new one says. Where it does, and
    /// the worker's own statements are not answered, the worker says that it does not work.
    async fn beat_in_time(&mut self, present: Instant) -> Result<(), sqlx::Error> {
        let patience = self.shared.settings.dead_after / 2;
        match tokio::time::timeout(patience, self.beat(present)).await {
            Ok(beat) => beat,
            Err(_) => {
                self.pool = connection(&self.database);
                Err(sqlx::Error::PoolTimedOut)
            }
        }
    }

    async fn beat(&self, present: Instant) -> Result<(), sqlx::Error> {
        self.tell().await?;
        if present.elapsed() >= self.shared.settings.dead_after {
            self.sweep().await?;
        }
        self.hand_back_forgotten().await?;
        self.kill_unknown().await
    }

    /// Tells that this worker lives; under a new name, if it was given up.
    async fn tell(&self) -> Result<(), sqlx::Error> {
        let name = self.shared.name();
        let told = sqlx::query("update apalis.workers set last_seen = now() where id = $1")
            .bind(&*name)
            .execute(&self.pool)
            .await?;
        self.shared.pulse.answered();
        if told.rows_affected() == 0 {
            let fresh = self.shared.rename();
            register(&self.pool, &self.shared).await?;
            tracing::warn!(
                was = &*name,
                now = &*fresh,
                "this worker was given up for dead; its jobs are run by others"
            );
        }
        Ok(())
    }

    /// Takes back what dead workers held. A job that was held by a second one that died, and by every further one, comes back at a
    /// moment of its own: if it is the one they die of, it takes others with it only by chance, and not again and again.
    async fn sweep(&self) -> Result<(), sqlx::Error> {
        let mut tx = database::begin(&self.pool).await?;
        let taken: Vec<Orphan> = sqlx::query_as(
            "with dead as (
                 delete from apalis.workers w where w.id = any (array(
                     select d.id from apalis.workers d where d.last_seen < now() - $1 * interval '1 second'
                     for update skip locked))
             ),
             lost as materialized (
                 select o.id, o.lock_at from apalis.jobs o
                 where o.lock_by is not null and o.orphaned >= 0
                   and not exists (select from apalis.workers w
                                   where w.id = o.lock_by and w.last_seen >= now() - $1 * interval '1 second')
                   -- Of a worker so new that this statement cannot see it yet.
                   and o.lock_at < now() - $1 * interval '0.5 second'
                 for update of o skip locked
             ),
             orphans as (
                 update apalis.jobs j set status = 'Pending', orphaned = j.orphaned + 1, lock_by = null, lock_at = null,
                        run_at = case when j.orphaned = 0 then j.run_at else now() + random() * j.orphaned * $1 * interval '1 second' end,
                        last_result = jsonb_build_object('Err', 'the worker died while it held the job')
                 where j.id = any (array(select id from lost))
                 returning j.id, j.job_type, j.kind, j.job
             )
             select o.job_type as queue, o.kind, o.job as payload, l.lock_at as held_since from orphans o join lost l using (id)",
        )
        .bind(self.shared.settings.dead_after.as_secs_f64())
        .fetch_all(&mut *tx)
        .await?;
        self.tell_of(&mut tx, &taken).await?;
        tx.commit().await?;
        let mut counts: HashMap<String, u64> = HashMap::new();
        for orphan in taken {
            *counts.entry(orphan.queue).or_default() += 1;
        }
        for (queue, count) in counts {
            tracing::warn!(queue, count, "jobs of dead workers were taken back");
            metrics::counter!("tenon_job_lease_expirations_total", "queue" => queue.clone()).increment(count);
            self.shared.expect_more(Some(&queue));
        }
        Ok(())
    }

    /// Has the kinds write what is to be said of their orphans. What cannot be written keeps nobody from running them again.
    async fn tell_of(&self, tx: &mut PgConnection, taken: &[Orphan]) -> Result<(), sqlx::Error> {
        for (kind, local) in &self.shared.locals {
            let Some(acknowledge) = &local.kind.acknowledge else { continue };
            let of_kind = taken.iter().filter(|orphan| orphan.kind == *kind);
            let jobs: Vec<_> = of_kind.map(|orphan| (orphan.payload.clone(), orphan.held_since)).collect();
            if jobs.is_empty() {
                continue;
            }
            let mut part = tx.begin().await?;
            match acknowledge.taken_back(&mut part, &jobs).await {
                Ok(()) => part.commit().await?,
                Err(error) => {
                    tracing::error!(%error, kind, count = jobs.len(), "what became of jobs of dead workers cannot be written");
                    part.rollback().await?;
                }
            }
        }
        Ok(())
    }

    /// Hands back jobs that this worker holds and does not know of: of claims and injections whose commit went well and whose
    /// answer did not arrive.
    async fn hand_back_forgotten(&self) -> Result<(), sqlx::Error> {
        let name = self.shared.name();
        let mut tx = database::begin(&self.pool).await?;
        let held: Vec<String> = sqlx::query_scalar(
            "select id from apalis.jobs where lock_by = $1 and orphaned >= 0 and lock_at < now() - $2 * interval '1 second'",
        )
        .bind(&*name)
        .bind(FORGOTTEN_AFTER)
        .fetch_all(&mut *tx)
        .await?;
        let forgotten =
            if self.shared.claiming.load(Relaxed) { Vec::new() } else { self.shared.unknown(held) };
        if !forgotten.is_empty() {
            tracing::warn!(count = forgotten.len(), "jobs whose claim was never answered are handed back");
            sqlx::query(
                "update apalis.jobs set status = 'Pending', lock_by = null, lock_at = null where id = any ($1) and lock_by = $2",
            )
            .bind(&forgotten)
            .bind(&*name)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        if !forgotten.is_empty() {
            self.shared.expect_more(None);
        }
        Ok(())
    }

    /// Kills due jobs of kinds that no worker of their queue has run for long: nobody knows how.
    async fn kill_unknown(&self) -> Result<(), sqlx::Error> {
        let kinds: Vec<&str> = self.shared.locals.keys().copied().collect();
        let queues: Vec<&str> = self.shared.queues().into_iter().map(Queue::name).collect();
        let mut tx = database::begin(&self.pool).await?;
        let killed: Vec<(String, String)> = sqlx::query_as(
            "with recursive waiting as (
                 (select j.kind from apalis.jobs j where j.status = 'Pending' and j.orphaned >= 0 order by j.kind limit 1)
                 union all
                 select next.kind from waiting w cross join lateral (
                     select j.kind from apalis.jobs j
                     where j.status = 'Pending' and j.orphaned >= 0 and j.kind > w.kind order by j.kind limit 1) as next
             )
             update apalis.jobs j set status = 'Killed', done_at = now(),
                    last_result = jsonb_build_object('Err', 'no worker knows the kind ' || j.kind)
             where j.id = any (array(
                 select u.id from waiting w cross join lateral (
                     select j.id from apalis.jobs j
                     where j.kind = w.kind and j.status = 'Pending' and j.orphaned >= 0 and j.job_type = any ($2)
                       and j.run_at <= now() - $3 * interval '1 second'
                     order by j.run_at limit 1000 for update skip locked) as u
                 where w.kind <> all ($1::text[])))
             returning j.job_type, j.kind",
        )
        .bind(kinds)
        .bind(queues)
        .bind(self.shared.settings.unknown_after.as_secs_f64())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        for (queue, kind) in killed {
            tracing::warn!(queue, kind, "job killed: no worker knows its kind");
            metrics::counter!("tenon_jobs_total", "queue" => queue, "kind" => "unknown", "outcome" => "dead")
                .increment(1);
        }
        Ok(())
    }
}

/// Writes the worker's row, without which it may hold nothing.
pub(super) async fn register(pool: &PgPool, shared: &Shared) -> Result<(), sqlx::Error> {
    let queues: Vec<&str> = shared.queues().into_iter().map(Queue::name).collect();
    sqlx::query(
        "insert into apalis.workers (id, worker_type, storage_name, layers, last_seen, started_at)
         values ($1, $2, 'tenon', '', now(), now()) on conflict (id) do update set last_seen = now()",
    )
    .bind(&*shared.name())
    .bind(queues.join(","))
    .execute(pool)
    .await?;
    Ok(())
}

/// Hands back all that this worker still holds, takes its row away, and wakes the others.
pub(super) async fn sign_off(pool: &PgPool, shared: &Shared) -> Result<(), sqlx::Error> {
    let name = shared.name();
    let mut tx = database::begin(pool).await?;
    sqlx::query(
        "update apalis.jobs set status = 'Pending', lock_by = null, lock_at = null where lock_by = $1 and orphaned >= 0",
    )
    .bind(&*name)
    .execute(&mut *tx)
    .await?;
    sqlx::query("delete from apalis.workers where id = $1").bind(&*name).execute(&mut *tx).await?;
    let queues: Vec<&str> = shared.queues().into_iter().map(Queue::name).collect();
    sqlx::query("select pg_notify($1, queue) from unnest($2::text[]) as queue")
        .bind(CHANNEL)
        .bind(queues)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}
