//! The queue alone: a worker in this process with jobs that do nothing, on a database of its own.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tenon_common::db::{Db, DbConfig};
use tenon_common::job::{self, EncodedJob, Job, Queue};
use tenon_common::queue::{Claimed, Outcome, Registration, Registry, Settings, Worker};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::drain::{self, Take};
use super::machine::Machine;
use super::meter::{Meter, Programs};
use super::options::Options;
use super::row::{Bar, Row, Sample, percentile};
use super::stage::{PATIENCE, execute, in_turns};
use crate::{Cluster, TestDatabase};

/// Does nothing.
#[derive(Debug, Serialize, Deserialize)]
struct Nothing {
    n: u64,
}

impl Job for Nothing {
    const KIND: &'static str = "bench-nothing";
    const QUEUE: Queue = Queue::Maintenance;
    const MAX_ATTEMPTS: i32 = 3;
}

const FEW: u64 = 100_000;
const MANY: u64 = 1_000_000;
/// Handlers at once.
const CONCURRENCY: usize = 64;
const CHUNK: u64 = 5000;

struct Bench<'a> {
    machine: &'a Machine,
    admin: PgPool,
    database: TestDatabase,
}

/// 100,000 waiting jobs beside the bare delete, and beside a bare claim and delete.
pub(super) async fn drained(options: &Options, cluster: &Cluster, machine: &Machine) -> Result<Vec<Row>> {
    let mut bench = Bench::new(cluster, machine).await?;
    let mut row = Row::new("no-op jobs, 100,000 waiting", "1/s", "a bare delete", Bar::Ratio(0.5));
    let mut safe =
        Row::new("no-op jobs, 100,000 waiting", "1/s", "a bare claim and delete", Bar::Ratio(0.65));
    let ours = async |bench: &mut Bench<'_>| bench.ours(options.count(FEW)).await;
    let yardstick = async |bench: &mut Bench<'_>| {
        safe.yardstick.push(bench.bare(options.count(FEW), Take::ClaimAndDelete).await?);
        bench.bare(options.count(FEW), Take::Delete).await
    };
    in_turns(options, &mut row, &mut bench, ours, yardstick).await?;
    // The notes stand with the other row.
    safe.ours = row.ours.iter().map(|sample| Sample { notes: Vec::new(), ..sample.clone() }).collect();
    Ok(vec![row, safe])
}

/// A million waiting jobs beside the same worker's 100,000.
pub(super) async fn million(options: &Options, cluster: &Cluster, machine: &Machine) -> Result<Vec<Row>> {
    let mut bench = Bench::new(cluster, machine).await?;
    let mut row = Row::new("no-op jobs, a million waiting", "1/s", "own rate with 100,000", Bar::Ratio(0.9));
    let ours = async |bench: &mut Bench<'_>| bench.ours(options.count(MANY)).await;
    let yardstick = async |bench: &mut Bench<'_>| bench.ours(options.count(FEW)).await;
    in_turns(options, &mut row, &mut bench, ours, yardstick).await?;
    Ok(vec![row])
}

/// From the insert to the handler's start, at 100 a second.
pub(super) async fn insert_to_start(
    options: &Options,
    cluster: &Cluster,
    machine: &Machine,
) -> Result<Vec<Row>> {
    let bench = Bench::new(cluster, machine).await?;
    let mut rows =
        [("p50", 3.0), ("p99", 12.0)].map(|(name, most)| Row::new(name, "ms", "", Bar::AtMost(most)));
    rows[0].name = "insert to start at 100/s, p50";
    rows[1].name = "insert to start at 100/s, p99";
    for _ in 0..options.rounds {
        let samples = bench.latencies(options.duration()).await?;
        for (row, sample) in rows.iter_mut().zip(samples) {
            row.ours.push(sample);
        }
    }
    Ok(rows.into())
}

impl<'a> Bench<'a> {
    async fn new(cluster: &Cluster, machine: &'a Machine) -> Result<Self> {
        let database = TestDatabase::create(cluster).await;
        let admin = PgPool::connect_lazy(database.admin_url())?;
        Ok(Self { machine, admin, database })
    }

    /// As many waiting jobs, and nothing else in the table.
    async fn fill(&self, count: u64) -> Result<()> {
        execute(&self.admin, "truncate apalis.jobs").await?;
        let mut inserts = JoinSet::new();
        for part in 0..2 {
            let pool = self.admin.clone();
            inserts.spawn(async move {
                let mut connection = pool.acquire().await?;
                for begin in (part * CHUNK..count).step_by(usize::try_from(2 * CHUNK)?) {
                    let jobs: Result<Vec<_>, _> = (begin..count.min(begin + CHUNK))
                        .map(|n| EncodedJob::new(&Nothing { n }, None, None))
                        .collect();
                    job::insert(&mut connection, jobs?).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = inserts.join_next().await {
            ended??;
        }
        execute(&self.admin, "vacuum (analyze) apalis.jobs").await?;
        execute(&self.admin, "checkpoint").await
    }

    /// The product's worker, from its start to the last acknowledgement.
    async fn ours(&mut self, count: u64) -> Result<Sample> {
        self.fill(count).await?;
        let done = Arc::new((AtomicU64::new(0), Notify::new()));
        let counter = Arc::clone(&done);
        let kinds = Registry::new().register(
            Registration::new(move |_: Claimed<Nothing>| {
                if counter.0.fetch_add(1, Ordering::Relaxed) + 1 == count {
                    counter.1.notify_one();
                }
                std::future::ready(Outcome::Done)
            })
            .concurrency(CONCURRENCY),
        );
        let meter = Meter::start(self.machine, Programs::default());
        let started = Instant::now();
        let running = self.worker(kinds)?;
        tokio::time::timeout(PATIENCE, done.1.notified()).await.context("jobs are left")?;
        self.gone().await?;
        let elapsed = started.elapsed();
        let spent = meter.stop();
        running.stop().await?;
        Ok(Sample::new(count as f64 / elapsed.as_secs_f64())
            .cpu(spent.bench + spent.postgres, count)
            .note("worker's CPU µs/job", spent.bench * 1e3 / count as f64)
            .note("PostgreSQL's CPU µs/job", spent.postgres * 1e3 / count as f64)
            .note("run more than once", (done.0.load(Ordering::Relaxed) - count) as f64))
    }

    async fn bare(&mut self, count: u64, take: Take) -> Result<Sample> {
        self.fill(count).await?;
        let meter = Meter::start(self.machine, Programs::default());
        let (deleted, elapsed) = drain::drain(self.database.worker_url(), Nothing::KIND, take).await?;
        let spent = meter.stop();
        ensure!(deleted == count, "{deleted} of {count} were deleted");
        Ok(Sample::new(count as f64 / elapsed.as_secs_f64()).cpu(spent.bench + spent.postgres, count))
    }

    async fn gone(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let left = "select exists (select from apalis.jobs where lock_by is not null)
                        or exists (select from apalis.jobs where status = 'Pending')";
        while sqlx::query_scalar(left).fetch_one(&self.admin).await? {
            ensure!(Instant::now() < end, "jobs are left after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    fn worker(&self, kinds: Registry) -> Result<Running> {
        let db = Db::connect_lazy(&DbConfig {
            url: self.database.worker_url().to_owned(),
            max_connections: 8,
            acquire_timeout: Duration::from_secs(3),
            application_name: "bench",
        })?;
        let worker = Worker::new(db, kinds, Settings::default())?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(worker.run(async move {
            stopped.await.ok();
        }));
        Ok(Running { stop, task })
    }

    async fn latencies(&self, duration: Duration) -> Result<[Sample; 2]> {
        execute(&self.admin, "truncate apalis.jobs").await?;
        let starts = Arc::new(Mutex::new(HashMap::new()));
        let noting = Arc::clone(&starts);
        let kinds = Registry::new().register(
            Registration::new(move |job: Claimed<Nothing>| {
                let now = Instant::now();
                noting.lock().unwrap_or_else(PoisonError::into_inner).entry(job.args.n).or_insert(now);
                std::future::ready(Outcome::Done)
            })
            .concurrency(CONCURRENCY),
        );
        let running = self.worker(kinds)?;
        let pool = PgPool::connect_lazy(self.database.worker_url())?;
        // The first few open connections and plan statements.
        for n in 0..50 {
            insert(&pool, u64::MAX - n).await?;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let meter = Meter::start(self.machine, Programs::default());
        let times = at_a_rate(&pool, duration).await?;
        self.gone().await?;
        let spent = meter.stop();
        running.stop().await?;
        pool.close().await;
        let starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut whole, mut after_commit) = (Vec::new(), Vec::new());
        for (n, (sent, committed)) in times.iter().enumerate() {
            let start = *starts.get(&(n as u64)).context("a job was not started")?;
            whole.push(ms(start.saturating_duration_since(*sent)));
            after_commit.push(ms(start.saturating_duration_since(*committed)));
        }
        Ok([0.5, 0.99].map(|share| {
            Sample::new(percentile(&mut whole, share))
                .cpu(spent.bench + spent.postgres, times.len() as u64)
                .note("from the commit's answer", percentile(&mut after_commit, share))
        }))
    }
}

/// Inserts every 10 ms, whether or not the last is through; when each was sent and committed.
async fn at_a_rate(pool: &PgPool, duration: Duration) -> Result<Vec<(Instant, Instant)>> {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let mut inserts = Vec::new();
    let end = Instant::now() + duration;
    for n in 0.. {
        ticks.tick().await;
        if Instant::now() >= end {
            break;
        }
        let pool = pool.clone();
        inserts.push(tokio::spawn(async move {
            let sent = Instant::now();
            insert(&pool, n).await?;
            anyhow::Ok((sent, Instant::now()))
        }));
    }
    let mut times = Vec::new();
    for insert in inserts {
        times.push(insert.await??);
    }
    Ok(times)
}

async fn insert(pool: &PgPool, n: u64) -> Result<()> {
    let mut connection = pool.acquire().await?;
    Ok(job::enqueue(&mut connection, None, &Nothing { n }).await?)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) -> Result<()> {
        drop(self.stop);
        Ok(self.task.await?)
    }
}
