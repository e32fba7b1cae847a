//! A database with a queue, jobs that do nothing, and workers that can be stopped and killed.

use serde::{Deserialize, Serialize};
use sqlx::{Connection, FromRow, PgConnection, PgPool};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenon_common::db::{Db, DbConfig};
use tenon_common::job::{self, EncodedJob, Job, Queue};
use tenon_common::queue::{Claimed, Outcome, Registration, Registry, Settings, Worker};
use tenon_tests::{Cluster, TestDatabase, eventually};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The job of most tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub n: i64,
}

impl Job for Note {
    const KIND: &'static str = "test-note";
    const QUEUE: Queue = Queue::Mail;
    const MAX_ATTEMPTS: i32 = 3;
}

/// A second kind, of another queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Letter {
    pub n: i64,
}

impl Job for Letter {
    const KIND: &'static str = "test-letter";
    const QUEUE: Queue = Queue::Webhooks;
    const MAX_ATTEMPTS: i32 = 3;
}

/// A job's row.
#[derive(Debug, FromRow)]
pub struct Row {
    pub status: String,
    pub attempts: i32,
    pub orphaned: i32,
    pub last_result: Option<serde_json::Value>,
    pub lock_by: Option<String>,
    pub waits: bool,
}

impl Row {
    pub fn error(&self) -> &str {
        self.last_result.as_ref().and_then(|result| result["Err"].as_str()).unwrap_or_default()
    }
}

/// A database whose queue is looked at as the administrator, behind the wall.
pub struct Bench {
    pub database: TestDatabase,
    pub pool: PgPool,
}

impl Bench {
    pub async fn new() -> Self {
        Self::on(Cluster::shared().await).await
    }

    pub async fn on(cluster: &Cluster) -> Self {
        let database = TestDatabase::create(cluster).await;
        let pool = PgPool::connect_lazy(database.admin_url()).unwrap();
        Self { database, pool }
    }

    pub async fn enqueue<J: Job>(&self, lane: Option<Uuid>, jobs: &[J]) {
        let mut connection = self.pool.acquire().await.unwrap();
        job::enqueue_many(&mut connection, lane, jobs, None).await.unwrap();
    }

    pub async fn insert(&self, jobs: Vec<EncodedJob>) {
        let mut connection = self.pool.acquire().await.unwrap();
        job::insert(&mut connection, jobs).await.unwrap();
    }

    pub async fn notes(&self, count: i64) {
        let notes: Vec<Note> = (0..count).map(|n| Note { n }).collect();
        self.enqueue(None, &notes).await;
    }

    pub async fn rows(&self) -> Vec<Row> {
        sqlx::query_as(
            "select status, attempts, orphaned, last_result, lock_by, run_at > now() as waits from apalis.jobs order by id",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    pub async fn row(&self) -> Row {
        let mut rows = self.rows().await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    pub async fn killed(&self) -> Row {
        eventually("the job is killed", async || {
            self.rows().await.into_iter().find(|row| row.status == "Killed")
        })
        .await
    }

    pub async fn empty(&self) {
        eventually("all jobs are done", async || {
            let rows = self.rows().await;
            if rows.is_empty() { Ok(()) } else { Err(format!("{} left, {:?}", rows.len(), rows[0])) }
        })
        .await;
    }

    pub async fn execute(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.pool).await.unwrap();
    }

    /// As the API: in a tenant, with the rights of tenon_app.
    pub async fn as_app(&self, tenant: Uuid) -> PgConnection {
        let mut connection = PgConnection::connect(self.database.app_url()).await.unwrap();
        sqlx::query("select set_config('app.tenant_id', $1, false)")
            .bind(tenant.to_string())
            .execute(&mut connection)
            .await
            .unwrap();
        connection
    }

    pub fn worker(&self, registry: Registry) -> Running {
        self.worker_with(registry, settings())
    }

    pub fn worker_with(&self, registry: Registry, settings: Settings) -> Running {
        let worker = Worker::new(self.db(), registry, settings).unwrap();
        let name = worker.name().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(worker.run(async move {
            let _ = stopped.await;
        }));
        Running { stop: Some(stop), task, name }
    }

    /// A worker on threads of its own, that can be killed in the middle of what it does.
    pub fn mortal(&self, registry: Registry) -> Mortal {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // The pool keeps to the runtime that it is made in.
        let db = {
            let _inside = runtime.enter();
            self.db()
        };
        let worker = Worker::new(db, registry, settings()).unwrap();
        runtime.spawn(worker.run(std::future::pending()));
        Mortal { runtime: Some(runtime) }
    }

    fn db(&self) -> Db {
        Db::connect_lazy(&DbConfig {
            url: self.database.worker_url().to_owned(),
            max_connections: 6,
            acquire_timeout: Duration::from_secs(3),
            application_name: "queue test",
        })
        .unwrap()
    }
}

/// Short times, so that nothing has to be waited for.
pub fn settings() -> Settings {
    Settings {
        dead_after: Duration::from_millis(800),
        sweep_every: Duration::from_millis(200),
        poll_every: Duration::from_millis(200),
        drain_deadline: Duration::from_secs(10),
        unknown_after: Duration::ZERO,
        ..Settings::default()
    }
}

/// A worker that runs.
pub struct Running {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    pub name: String,
}

impl Running {
    /// Stops it as SIGTERM does.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.task.await.unwrap();
    }
}

/// A worker that can be killed.
pub struct Mortal {
    runtime: Option<tokio::runtime::Runtime>,
}

impl Mortal {
    /// As kill -9 does: nothing is said to anybody.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.end();
    }
}

/// What handlers have seen.
pub struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Seen<T> {
    pub fn new() -> Self {
        Self(Arc::default())
    }

    pub fn push(&self, value: T) -> usize {
        let mut seen = self.0.lock().unwrap();
        seen.push(value);
        seen.len()
    }

    pub fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }

    pub async fn reaches(&self, count: usize) -> Vec<T> {
        eventually("the handlers were called", async || {
            let seen = self.all();
            if seen.len() >= count { Ok(seen) } else { Err(format!("{} of {count}", seen.len())) }
        })
        .await
    }
}

/// Notes answered by a function of the note and the attempt.
pub fn notes(
    answer: impl Fn(&Claimed<Note>) -> Outcome + Clone + Send + Sync + 'static,
) -> Registration<Note> {
    Registration::new(move |job: Claimed<Note>| {
        let answer = answer.clone();
        async move { answer(&job) }
    })
    .concurrency(4)
    .backoff(|_| Duration::from_millis(50))
}

/// Notes that never end.
pub fn endless(seen: &Seen<i64>) -> Registration<Note> {
    let seen = seen.clone();
    Registration::new(move |job: Claimed<Note>| {
        seen.push(job.args.n);
        std::future::pending()
    })
    .concurrency(4)
}
