//! What runs jobs: the traits that a kind's code implements, and the same without their types.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use apalis_core::backend::codec::Codec;
use apalis_core::task::extensions::Extensions;
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use sqlx::PgConnection;

use super::ack::{Acked, JobRef};
use super::backend::JobCodec;
use super::outcome::{Outcome, Settled};
use crate::error::Result;
use crate::job::Job;
use crate::tasks::text_of;

/// A job of this worker, decoded, as its handler gets it.
#[derive(Debug)]
pub struct Claimed<J> {
    /// What it is about.
    pub args: J,
    /// Which it is.
    pub job: Arc<JobRef>,
    /// What [`Prepare`] attached.
    pub extensions: Extensions,
}

impl<J> Claimed<J> {
    /// Hands the kind's [`Acknowledge`] what is to be written with the outcome. Kept whatever the handler answers, and if it
    /// panics or is stopped afterwards; only the first record counts.
    pub fn record<R: Send + Sync + 'static>(&self, record: R) {
        let _ = self.job.record.set(Box::new(record));
    }

    /// What [`Prepare`] attached, of this type.
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.get()
    }
}

/// Runs jobs of a kind one at a time. Any `async fn(Claimed<J>) -> Outcome` is one.
pub trait Handler<J: Job>: Send + Sync + 'static {
    /// Runs one. It may be run again, if the worker dies: see the queue's documentation.
    fn run(&self, job: Claimed<J>) -> impl Future<Output = Outcome> + Send;
}

impl<J: Job, F, Fut> Handler<J> for F
where
    F: Fn(Claimed<J>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send,
{
    fn run(&self, job: Claimed<J>) -> impl Future<Output = Outcome> + Send {
        self(job)
    }
}

/// Runs jobs of a kind many at a time. All of a batch are in one lane: they fit one tenant's transaction.
pub trait BatchHandler<J: Job>: Send + Sync + 'static {
    /// Runs them; an outcome each, in the same order.
    fn run(&self, batch: Vec<Claimed<J>>) -> impl Future<Output = Vec<Outcome>> + Send;
}

impl<J: Job, F, Fut> BatchHandler<J> for F
where
    F: Fn(Vec<Claimed<J>>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Outcome>> + Send,
{
    fn run(&self, batch: Vec<Claimed<J>>) -> impl Future<Output = Vec<Outcome>> + Send {
        self(batch)
    }
}

/// Reads what the handlers of a whole claim need, at once, before any of them runs.
pub trait Prepare<J: Job>: Send + Sync + 'static {
    /// Attaches data to the jobs' `extensions`. [`Error::Unavailable`](crate::Error::Unavailable) and
    /// [`Error::Timeout`](crate::Error::Timeout) are tried again until they pass; any other error fails the attempt of every
    /// job of the claim. Outcomes of jobs that need no handler are answered: `(position, outcome)`.
    fn prepare(&self, claim: &mut [Claimed<J>])
    -> impl Future<Output = Result<Vec<(usize, Outcome)>>> + Send;
}

/// Writes what became of a kind's jobs together with rows of its own.
pub trait Acknowledge<J: Job>: Send + Sync + 'static {
    /// What the handler hands over with [`Claimed::record`].
    type Record: Send + Sync + 'static;

    /// The record of a job that is killed before a handler begins with it: workers die of it, or its attempts are spent. By
    /// default there is none, and only the job's row says so.
    fn given_up(&self, _job: &J) -> Option<Self::Record> {
        None
    }

    /// Writes what is to be said of jobs whose worker died while it held them, in the transaction that takes them back. Where it fails, they
    /// are taken back all the same. By default there is nothing to say.
    fn taken_back(
        &self,
        _connection: &mut PgConnection,
        _jobs: &[TakenBack<J>],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// Writes the rows and the acknowledgements of jobs held by `worker`, all or nothing: one statement, or a transaction
    /// begun here ([`ack::write`](super::ack::write) does the jobs' part). Called again, with the same, for as long as the
    /// database is away. An error about data is tried again by halves, and the one that it is about is killed by the queue.
    fn acknowledge(
        &self,
        connection: &mut PgConnection,
        worker: &str,
        acked: &[Acked<'_, Self::Record>],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// A job whose worker died while it held it.
#[derive(Debug)]
pub struct TakenBack<J> {
    /// What it is about.
    pub args: J,
    /// Since when that worker held it.
    pub held_since: DateTime<Utc>,
}

/// A claimed job on its way to the handler: a `Claimed<J>` whose type only its kind knows.
pub(super) struct Slot {
    pub(super) job: Arc<JobRef>,
    pub(super) claimed: Box<dyn Any + Send>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Slot").field(&self.job.id).finish()
    }
}

/// What preparing made of a claim: jobs for the handler, and jobs that need none.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) slots: Vec<Slot>,
    pub(super) finished: Vec<(Arc<JobRef>, Outcome)>,
}

/// A job's outcome with what it makes of the row.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) job: Arc<JobRef>,
    pub(super) outcome: Outcome,
    pub(super) settled: Settled,
}

/// A [`Handler`] or [`BatchHandler`] without its type.
pub(super) trait AnyHandler: Send + Sync {
    fn decode(&self, rows: Vec<(Arc<JobRef>, Vec<u8>)>) -> Prepared;
    fn run(&self, slots: Vec<Slot>) -> BoxFuture<'_, Vec<Outcome>>;
}

/// A [`Prepare`] without its type.
pub(super) trait AnyPrepare: Send + Sync {
    fn prepare<'a>(&'a self, slots: &'a mut Vec<Slot>) -> BoxFuture<'a, Result<Vec<(usize, Outcome)>>>;
}

/// An [`Acknowledge`] without its type.
pub(super) trait AnyAcknowledge: Send + Sync {
    /// Records a job that is killed before a handler begins with it.
    fn given_up(&self, slot: &Slot);
    /// Payloads, and since when they were held.
    fn taken_back<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        jobs: &'a [(Vec<u8>, DateTime<Utc>)],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>>;
    fn acknowledge<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        worker: &'a str,
        finished: &'a [&'a Finished],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>>;
}

pub(super) struct Single<J, H>(pub(super) H, pub(super) PhantomData<fn(J)>);
pub(super) struct Batched<J, H>(pub(super) H, pub(super) PhantomData<fn(J)>);
pub(super) struct Preparing<J, P>(pub(super) P, pub(super) PhantomData<fn(J)>);
pub(super) struct Acknowledging<J, A>(pub(super) A, pub(super) PhantomData<fn(J)>);

impl<J: Job, H: Handler<J>> AnyHandler for Single<J, H> {
    fn decode(&self, rows: Vec<(Arc<JobRef>, Vec<u8>)>) -> Prepared {
        decode::<J>(rows)
    }

    fn run(&self, slots: Vec<Slot>) -> BoxFuture<'_, Vec<Outcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(slots.len());
            for slot in slots {
                outcomes.push(self.0.run(typed(slot)).await);
            }
            outcomes
        })
    }
}

impl<J: Job, H: BatchHandler<J>> AnyHandler for Batched<J, H> {
    fn decode(&self, rows: Vec<(Arc<JobRef>, Vec<u8>)>) -> Prepared {
        decode::<J>(rows)
    }

    fn run(&self, slots: Vec<Slot>) -> BoxFuture<'_, Vec<Outcome>> {
        Box::pin(self.0.run(slots.into_iter().map(typed).collect()))
    }
}

impl<J: Job, P: Prepare<J>> AnyPrepare for Preparing<J, P> {
    fn prepare<'a>(&'a self, slots: &'a mut Vec<Slot>) -> BoxFuture<'a, Result<Vec<(usize, Outcome)>>> {
        Box::pin(async move {
            let mut claim: Vec<Claimed<J>> = std::mem::take(slots).into_iter().map(typed).collect();
            let answer = self.0.prepare(&mut claim).await;
            slots.extend(claim.into_iter().map(untyped));
            answer
        })
    }
}

impl<J: Job, A: Acknowledge<J>> AnyAcknowledge for Acknowledging<J, A> {
    fn given_up(&self, slot: &Slot) {
        let claimed: Option<&Claimed<J>> = slot.claimed.downcast_ref();
        if let Some((claimed, record)) =
            claimed.and_then(|claimed| Some((claimed, self.0.given_up(&claimed.args)?)))
        {
            claimed.record(record);
        }
    }

    fn taken_back<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        jobs: &'a [(Vec<u8>, DateTime<Utc>)],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            // What cannot be read is killed when it is claimed.
            let read = |(payload, held_since): &(Vec<u8>, DateTime<Utc>)| {
                let args = Codec::<J>::decode(&JobCodec, payload).ok()?;
                Some(TakenBack { args, held_since: *held_since })
            };
            let jobs: Vec<TakenBack<J>> = jobs.iter().filter_map(read).collect();
            self.0.taken_back(connection, &jobs).await
        })
    }

    fn acknowledge<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        worker: &'a str,
        finished: &'a [&'a Finished],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            let acked: Vec<Acked<'_, A::Record>> = finished
                .iter()
                .map(|finished| Acked {
                    job: &finished.job,
                    outcome: &finished.outcome,
                    settled: &finished.settled,
                    record: finished.job.record.get().and_then(|record| record.downcast_ref()),
                })
                .collect();
            self.0.acknowledge(connection, worker, &acked).await
        })
    }
}

/// A payload that this program cannot read is killed: no later attempt would read it.
fn decode<J: Job>(rows: Vec<(Arc<JobRef>, Vec<u8>)>) -> Prepared {
    let mut prepared = Prepared::default();
    for (job, payload) in rows {
        let read = || Codec::<J>::decode(&JobCodec, &payload).map_err(|error| error.to_string());
        // Code of the kind's own reads it: what that panics of must not end the task that claims.
        let read = catch_unwind(AssertUnwindSafe(read))
            .unwrap_or_else(|panic| Err(format!("panicked: {}", text_of(&*panic))));
        match read {
            Ok(args) => prepared.slots.push(untyped(Claimed { args, job, extensions: Extensions::new() })),
            Err(error) => {
                prepared.finished.push((job, Outcome::kill(format!("the payload cannot be read: {error}"))));
            }
        }
    }
    prepared
}

fn typed<J: Job>(slot: Slot) -> Claimed<J> {
    *slot.claimed.downcast().expect("a slot is made by its own kind, whose type is J")
}

fn untyped<J: Job>(claimed: Claimed<J>) -> Slot {
    Slot { job: Arc::clone(&claimed.job), claimed: Box::new(claimed) }
}
