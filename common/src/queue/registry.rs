//! The list of what a worker runs.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::handler::{
    Acknowledge, Acknowledging, AnyAcknowledge, AnyHandler, AnyPrepare, BatchHandler, Batched, Handler,
    Prepare, Preparing, Single,
};
use super::inject::Injector;
use super::lanes::Admission;
use super::outcome::default_backoff;
use crate::job::{Job, Queue};

type BackoffOf = Arc<dyn Fn(i32) -> Duration + Send + Sync>;

/// One kind of job: its handler, how many run at once, and for how long.
pub struct Registration<J> {
    kind: Kind,
    job: PhantomData<fn(J)>,
}

/// What a worker knows of a kind.
#[derive(Clone)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) queue: Queue,
    pub(super) handler: Arc<dyn AnyHandler>,
    pub(super) prepare: Option<Arc<dyn AnyPrepare>>,
    pub(super) acknowledge: Option<Arc<dyn AnyAcknowledge>>,
    pub(super) admission: Option<Arc<dyn Admission>>,
    pub(super) concurrency: usize,
    pub(super) batch: usize,
    pub(super) timeout: Duration,
    pub(super) backoff: BackoffOf,
}

impl<J: Job> Registration<J> {
    /// A kind whose handler takes a job at a time. At first one runs at once, for a minute at most.
    pub fn new(handler: impl Handler<J>) -> Self {
        Self::with(Arc::new(Single(handler, PhantomData)), 1)
    }

    /// A kind whose handler takes up to `size` jobs of one lane at a time.
    pub fn batch(size: usize, handler: impl BatchHandler<J>) -> Self {
        Self::with(Arc::new(Batched(handler, PhantomData)), size.max(1))
    }

    fn with(handler: Arc<dyn AnyHandler>, batch: usize) -> Self {
        let kind = Kind {
            name: J::KIND,
            queue: J::QUEUE,
            handler,
            prepare: None,
            acknowledge: None,
            admission: None,
            concurrency: 1,
            batch,
            timeout: Duration::from_secs(60),
            backoff: Arc::new(default_backoff),
        };
        Self { kind, job: PhantomData }
    }

    /// How many run at once: jobs, or batches.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.kind.concurrency = concurrency.max(1);
        self
    }

    /// How long one may run; then it is stopped, and the attempt has failed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.kind.timeout = timeout;
        self
    }

    /// What to wait after failed attempt `n`, from 1, where the handler does not say (and after a panic or a timeout).
    pub fn backoff(mut self, backoff: impl Fn(i32) -> Duration + Send + Sync + 'static) -> Self {
        self.kind.backoff = Arc::new(backoff);
        self
    }

    /// What is read for a whole claim at once.
    pub fn prepare(mut self, prepare: impl Prepare<J>) -> Self {
        self.kind.prepare = Some(Arc::new(Preparing(prepare, PhantomData)));
        self
    }

    /// How much of a lane this worker takes.
    pub fn admission(mut self, admission: impl Admission) -> Self {
        self.kind.admission = Some(Arc::new(admission));
        self
    }

    /// What writes the outcomes, in place of the queue's own statement.
    pub fn acknowledge(mut self, acknowledge: impl Acknowledge<J>) -> Self {
        self.kind.acknowledge = Some(Arc::new(Acknowledging(acknowledge, PhantomData)));
        self
    }
}

/// The kinds that a worker runs.
#[derive(Clone, Default)]
pub struct Registry {
    pub(super) kinds: Vec<Kind>,
    pub(super) injector: Injector,
}

impl Registry {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    ///
    /// # Panics
    /// Where the kind is there already.
    pub fn register<J: Job>(mut self, registration: Registration<J>) -> Self {
        let kind = registration.kind;
        assert!(self.kinds.iter().all(|other| other.name != kind.name), "{} is registered twice", kind.name);
        self.kinds.push(kind);
        self
    }

    /// Keeps the kinds of these queues only.
    pub fn only(mut self, queues: &[Queue]) -> Self {
        self.kinds.retain(|kind| queues.contains(&kind.queue));
        self
    }

    /// What handlers of this registry hand further jobs to their own worker with. Works once the worker runs.
    pub fn injector(&self) -> Injector {
        self.injector.clone()
    }
}
