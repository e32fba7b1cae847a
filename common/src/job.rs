//! Jobs: what is to be done later, committed with the change that makes it necessary.
//!
//! A job is a struct of ids that implements [`Job`]. [`enqueue`] and [`enqueue_many`] insert it on the caller's connection, in
//! its transaction; a statement that writes the change as well binds an [`EncodedJob`]'s fields, or [`JobColumns`] for many.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;
use sqlx::postgres::types::PgHstore;
use uuid::Uuid;

use crate::error::{Error, Result};

/// Where inserts of due jobs are told of; the payload is the queue's name.
pub(crate) const CHANNEL: &str = "tenon_jobs";

/// What jobs of a kind share: where they wait, and which of the worker's settings count for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// Events on their way to webhooks.
    Webhooks,
    /// Imports, a chunk at a time.
    Imports,
    /// Exports that are too large for a request.
    Exports,
    /// Mail.
    Mail,
    /// Purges, partitions, sealing, and the like.
    Maintenance,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 5] = [Self::Webhooks, Self::Imports, Self::Exports, Self::Mail, Self::Maintenance];

    /// As it is stored, configured and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Imports => "imports",
            Self::Exports => "exports",
            Self::Mail => "mail",
            Self::Maintenance => "maintenance",
        }
    }
}

impl std::fmt::Display for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Queue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|queue| queue.name() == text).ok_or_else(|| {
            format!("{text:?} is not a queue; expected one of {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// The arguments of a job: ids, not copies of data, for the handler reads again what has changed meanwhile.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Stored with every job and for ever, `fan-out-event`: to rename a kind, keep a handler of the old name for a release.
    const KIND: &'static str;
    /// Where it waits.
    const QUEUE: Queue;
    /// After this many failed attempts it is killed: kept, and not run again by itself.
    const MAX_ATTEMPTS: i32;
}

/// A job as its row holds it.
#[derive(Clone, Debug)]
pub struct EncodedJob {
    /// A ULID, as text.
    pub id: String,
    /// [`Job::KIND`].
    pub kind: &'static str,
    /// The column `job_type`.
    pub queue: &'static str,
    /// The column `job`: JSON.
    pub payload: Vec<u8>,
    /// [`Job::MAX_ATTEMPTS`].
    pub max_attempts: i32,
    /// Kind, lane and trace; the columns `kind` and `lane` are generated from it.
    pub metadata: PgHstore,
    /// The tenant whose turn it takes.
    pub lane: Option<Uuid>,
    /// Not before; at once where there is none.
    pub run_at: Option<DateTime<Utc>>,
    /// A second job of the same queue and key is not inserted while the first one is there.
    pub idempotency_key: Option<String>,
    /// Whether it must be claimed, for its lane keeps a pace over all workers: none of them takes it to itself.
    pub paced: bool,
}

impl EncodedJob {
    /// The job, in the tenant's lane, with the W3C trace that it belongs to.
    pub fn new<J: Job>(job: &J, lane: Option<Uuid>, traceparent: Option<&str>) -> Result<Self> {
        let mut metadata = PgHstore::default();
        metadata.insert("kind".into(), Some(J::KIND.into()));
        if let Some(lane) = lane {
            metadata.insert("lane".into(), Some(lane.to_string()));
        }
        if let Some(traceparent) = traceparent {
            metadata.insert("traceparent".into(), Some(traceparent.into()));
        }
        Ok(Self {
            id: ulid::Ulid::generate().to_string(),
            kind: J::KIND,
            queue: J::QUEUE.name(),
            payload: serde_json::to_vec(job).map_err(Error::internal)?,
            max_attempts: J::MAX_ATTEMPTS,
            metadata,
            lane,
            run_at: None,
            idempotency_key: None,
            paced: false,
        })
    }

    /// In a lane of its own beside the tenant's other ones: `tenant/part`. For jobs that may have to wait while others of the tenant go on.
    pub fn apart(mut self, part: Uuid) -> Self {
        if let Some(lane) = self.lane {
            self.metadata.insert("lane".into(), Some(format!("{lane}/{part}")));
        }
        self
    }

    /// The name of its lane: the tenant, or `tenant/part`; empty where there is none.
    pub fn lane_name(&self) -> &str {
        self.metadata.get("lane").and_then(Option::as_deref).unwrap_or_default()
    }

    /// Not before this instant.
    pub fn at(mut self, run_at: DateTime<Utc>) -> Self {
        self.run_at = Some(run_at);
        self
    }

    /// Only once while a job of the same queue and key is there: see [`EncodedJob::idempotency_key`].
    pub fn once(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }
}

/// Many jobs, column by column, to be bound and unnested by one statement.
#[derive(Debug, Default)]
pub struct JobColumns {
    /// `text[]`.
    pub ids: Vec<String>,
    /// `text[]`.
    pub queues: Vec<&'static str>,
    /// `bytea[]`.
    pub payloads: Vec<Vec<u8>>,
    /// `integer[]`.
    pub max_attempts: Vec<i32>,
    /// `hstore[]`.
    pub metadata: Vec<PgHstore>,
    /// `timestamptz[]`; null is now.
    pub run_at: Vec<Option<DateTime<Utc>>>,
    /// `text[]`.
    pub idempotency_keys: Vec<Option<String>>,
}

impl FromIterator<EncodedJob> for JobColumns {
    fn from_iter<I: IntoIterator<Item = EncodedJob>>(jobs: I) -> Self {
        let mut columns = Self::default();
        for job in jobs {
            columns.ids.push(job.id);
            columns.queues.push(job.queue);
            columns.payloads.push(job.payload);
            columns.max_attempts.push(job.max_attempts);
            columns.metadata.push(job.metadata);
            columns.run_at.push(job.run_at);
            columns.idempotency_keys.push(job.idempotency_key);
        }
        columns
    }
}

/// Inserts [`JobColumns`], bound in the order of their fields. Names no conflict's target and returns nothing, for either
/// would need the right to read jobs, which the API does not have.
pub const INSERT_JOBS: &str = "
    insert into apalis.jobs (id, job_type, job, max_attempts, metadata, run_at, idempotency_key)
    select j.id, j.job_type, j.job, j.max_attempts, j.metadata, coalesce(j.run_at, now()), j.idempotency_key
    from unnest($1::text[], $2::text[], $3::bytea[], $4::integer[], $5::hstore[], $6::timestamptz[], $7::text[])
        as j (id, job_type, job, max_attempts, metadata, run_at, idempotency_key)
    on conflict do nothing";

/// Inserts jobs of any kinds, in one statement. Those whose idempotency key is taken are left out; how many were inserted.
pub async fn insert(
    connection: &mut PgConnection,
    jobs: impl IntoIterator<Item = EncodedJob>,
) -> Result<u64, sqlx::Error> {
    let columns: JobColumns = jobs.into_iter().collect();
    if columns.ids.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(INSERT_JOBS)
        .bind(columns.ids)
        .bind(columns.queues)
        .bind(columns.payloads)
        .bind(columns.max_attempts)
        .bind(columns.metadata)
        .bind(columns.run_at)
        .bind(columns.idempotency_keys)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Inserts one job, to be run at once.
pub async fn enqueue<J: Job>(connection: &mut PgConnection, lane: Option<Uuid>, job: &J) -> Result<()> {
    enqueue_many(connection, lane, std::slice::from_ref(job), None).await
}

/// Inserts jobs of one kind and lane, in one statement whatever their number; not before `run_at`, else at once.
pub async fn enqueue_many<J: Job>(
    connection: &mut PgConnection,
    lane: Option<Uuid>,
    jobs: &[J],
    run_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let mut encoded = Vec::with_capacity(jobs.len());
    for job in jobs {
        encoded.push(EncodedJob { run_at, ..EncodedJob::new(job, lane, None)? });
    }
    insert(connection, encoded).await?;
    Ok(())
}
