//! A worker process: its tasks, from start to the end of the drain.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::layers::catch_panic::CatchPanicLayer;
use apalis_core::monitor::Monitor;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::acker::Acker;
use super::backend::{Dispatcher, Panicked, PgBackend};
use super::database::Backoff;
use super::fetcher::Fetcher;
use super::keeper::{KeeperThread, register, sign_off};
use super::local::{Local, Shared};
use super::registry::Registry;
use super::{listener, measure, sampler};
use crate::db::Db;

/// How long the end of the drain waits for the database.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The times and limits of a worker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A worker that has said nothing for so long is dead, and its jobs are taken back.
    pub dead_after: Duration,
    /// How often the dead are looked for.
    pub sweep_every: Duration,
    /// How often jobs are looked for where nothing tells of any.
    pub poll_every: Duration,
    /// How long handlers may go on after the stop.
    pub drain_deadline: Duration,
    /// A job whose worker has died so often is killed.
    pub orphan_limit: i32,
    /// The most jobs of a kind that are claimed ahead of free handlers.
    pub max_ahead: usize,
    /// A due job of a kind that no worker knows is killed after this long; a release that knows it may be on its way.
    pub unknown_after: Duration,
    /// How often the queues are counted.
    pub sample_every: Duration,
    /// The database without a pooler between, for LISTEN and the leader's lock; none where the pool's own address is that.
    pub direct_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dead_after: Duration::from_secs(20),
            sweep_every: Duration::from_secs(5),
            poll_every: Duration::from_secs(1),
            drain_deadline: Duration::from_secs(35),
            orphan_limit: 5,
            max_ahead: 1000,
            unknown_after: Duration::from_secs(600),
            sample_every: Duration::from_secs(15),
            direct_url: None,
        }
    }
}

/// Runs a registry's kinds.
pub struct Worker {
    db: Db,
    direct: PgConnectOptions,
    shared: Arc<Shared>,
    ackers: Vec<Acker>,
}

impl Worker {
    /// A worker on `db`: a pool for the queue alone, of three connections and one more for each kind with an
    /// [`Acknowledge`](super::Acknowledge), so that handlers that are waiting for connections never keep the queue from theirs. Saying
    /// that it lives, listening and counting have a connection each beside it.
    pub fn new(db: Db, registry: Registry, settings: Settings) -> Result<Self, sqlx::Error> {
        measure::describe();
        let direct = match &settings.direct_url {
            Some(url) => url.parse()?,
            None => (*db.pool().connect_options()).clone(),
        };
        let (common, common_receiver) = mpsc::unbounded_channel();
        let mut receivers = vec![(None, common_receiver)];
        let mut kinds = Vec::new();
        for kind in registry.kinds {
            let acks = match &kind.acknowledge {
                None => common.clone(),
                Some(own) => {
                    let (acks, receiver) = mpsc::unbounded_channel();
                    receivers.push((Some(Arc::clone(own)), receiver));
                    acks
                }
            };
            kinds.push((kind, acks));
        }
        let shared = Arc::new(Shared::new(kinds, settings));
        let acker = |(acknowledge, receiver)| Acker {
            shared: Arc::clone(&shared),
            pool: db.pool().clone(),
            acknowledge,
            receiver,
        };
        let ackers = receivers.into_iter().map(acker).collect();
        let _ = registry.injector.shared.set(Arc::clone(&shared));
        Ok(Self { db, direct, shared, ackers })
    }

    /// The name under which it holds jobs.
    pub fn name(&self) -> Arc<str> {
        self.shared.name()
    }

    /// Runs until `shutdown`, and then until the drain is over: nothing more is claimed, what has not begun is handed back at
    /// once, what runs may end within the deadline and is handed back otherwise, and all that has ended is written. What is
    /// handed back counts as no attempt. Errors of the database end nothing: they are waited out.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { db, direct, shared, ackers } = self;
        let pool = db.pool().clone();
        tokio::pin!(shutdown);
        metrics::gauge!("tenon_worker_draining").set(0.0);
        let mut backoff = Backoff::default();
        while let Err(error) = register(&pool, &shared).await {
            tracing::warn!(%error, "the worker cannot register; will try again");
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
        tracing::info!(worker = &*shared.name(), "worker started");

        let keeper = match KeeperThread::start(&shared, (*pool.connect_options()).clone()) {
            Ok(keeper) => keeper,
            Err(error) => {
                tracing::error!(%error, "the worker's keeper cannot be started");
                return;
            }
        };
        let (fetching, closing) = (CancellationToken::new(), CancellationToken::new());
        let mut background = JoinSet::new();
        background.spawn(listener::listen(Arc::clone(&shared), direct.clone()));
        background.spawn(sampler::run(Arc::clone(&shared), direct));
        let mut writing = JoinSet::new();
        for acker in ackers {
            writing.spawn(acker.run(closing.clone()));
        }
        let fetcher =
            Fetcher { shared: Arc::clone(&shared), pool: pool.clone(), cursors: Default::default() };
        let mut working = JoinSet::new();
        working.spawn(fetcher.run(fetching.clone()));
        let monitor = monitor(&shared);
        let stop = monitor.context();
        let mut handling = JoinSet::new();
        handling.spawn(monitor.run());

        shutdown.await;
        tracing::info!(worker = &*shared.name(), "worker draining");
        metrics::gauge!("tenon_worker_draining").set(1.0);
        shared.draining.store(true, Relaxed);
        fetching.cancel();
        if let Err(error) = stop.shutdown() {
            tracing::error!(%error, "the handlers' monitor did not take the stop");
        }
        shared.release_waiting();
        let all = async {
            join_all(&mut working).await;
            shared.preparing.close();
            shared.preparing.wait().await;
            shared.release_waiting();
            join_all(&mut handling).await;
        };
        tokio::pin!(all);
        if timeout(shared.settings.drain_deadline, &mut all).await.is_err() {
            tracing::warn!("the deadline of the drain has passed; what still runs is handed back");
            shared.abort.cancel();
            // A handler that blocks its thread does not stop; its job is handed back below.
            let _ = timeout(Duration::from_secs(1), &mut all).await;
        }
        shared.release_waiting();
        closing.cancel();
        if timeout(LAST_WRITES, join_all(&mut writing)).await.is_err() {
            shared.give_up.cancel();
        }
        let _ = timeout(LAST_WRITES, keeper.end()).await;
        match timeout(LAST_WRITES, sign_off(&pool, &shared)).await {
            Ok(Ok(())) => tracing::info!(worker = &*shared.name(), "worker stopped"),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the worker could not sign off; others will take it for dead");
            }
            Err(_) => tracing::warn!("the worker could not sign off in time; others will take it for dead"),
        }
    }
}

async fn join_all<T: 'static>(tasks: &mut JoinSet<T>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the worker panicked");
        }
    }
}

/// An apalis worker for each kind, with apalis's layers around the handler: a task of its own, panics caught, a deadline.
fn monitor(shared: &Arc<Shared>) -> Monitor {
    let mut monitor = Monitor::new();
    for local in shared.locals.values() {
        let (shared, local): (Arc<Shared>, Arc<Local>) = (Arc::clone(shared), Arc::clone(local));
        monitor = monitor.register(move |_| {
            WorkerBuilder::new(format!("{}/{}", shared.name(), local.kind.name))
                .backend(PgBackend::new(&shared, &local))
                .parallelize(tokio::spawn)
                .layer(CatchPanicLayer::with_panic_handler(|panic: &Box<dyn Any + Send>| {
                    Panicked(text_of(&**panic))
                }))
                .timeout(local.kind.timeout)
                .build(Dispatcher { shared: Arc::clone(&shared), local: Arc::clone(&local) })
        });
    }
    monitor
}

/// What a panic said.
pub(super) fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".to_owned())
}
