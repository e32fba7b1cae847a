//! A worker process: its tasks, from start to the end of the drain.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use apalis::layers::WorkerBuilderExt;
use apalis::layers::catch_panic::CatchPanicLayer;
use apalis_core::monitor::Monitor;
use apalis_core::worker::builder::WorkerBuilder;
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
use crate::tasks::{Task, Tasks, text_of};

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
    /// Where its tasks are registered.
    pub tasks: Tasks,
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
            tasks: Tasks::default(),
        }
    }
}

/// Runs a registry's kinds.
pub struct Worker {
    db: Db,
    direct: PgConnectOptions,
    shared: Arc<Shared>,
    ackers: Vec<Arc<Acker>>,
    tasks: WorkerTasks,
}

/// Those that there is one of, beside the ackers and the kinds' workers.
struct WorkerTasks {
    fetcher: Task,
    keeper: Task,
    listener: Task,
    sampler: Task,
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
        let tasks = settings.tasks.clone();
        let (common, common_receiver) = mpsc::unbounded_channel();
        let mut receivers = vec![(tasks.named("acker"), None, common_receiver)];
        let mut kinds = Vec::new();
        for kind in registry.kinds {
            tasks.named(handlers_of(kind.name));
            let acks = match &kind.acknowledge {
                None => common.clone(),
                Some(own) => {
                    let (acks, receiver) = mpsc::unbounded_channel();
                    let task = tasks.named(format!("acker/{}", kind.name));
                    receivers.push((task, Some(Arc::clone(own)), receiver));
                    acks
                }
            };
            kinds.push((kind, acks));
        }
        let shared = Arc::new(Shared::new(kinds, settings));
        let ackers = receivers
            .into_iter()
            .map(|(task, own, receiver)| Arc::new(Acker::new(task, &shared, db.pool(), own, receiver)))
            .collect();
        let _ = registry.injector.shared.set(Arc::clone(&shared));
        let tasks = WorkerTasks {
            fetcher: tasks.named("fetcher"),
            keeper: tasks.named("keeper"),
            listener: tasks.named("listener"),
            sampler: tasks.named("sampler"),
        };
        Ok(Self { db, direct, shared, ackers, tasks })
    }

    /// The name under which it holds jobs.
    pub fn name(&self) -> Arc<str> {
        self.shared.name()
    }

    /// Whether it still asks for jobs: an error where it has not for half a minute, though it has room, is not draining, and the
    /// database answers. A worker that has not begun yet does no wrong.
    pub fn liveness(&self) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || match shared.pulse.silence(Instant::now()) {
            Some(silence) if !shared.is_draining() => {
                Err(format!("the worker has not asked for jobs for {} s", silence.as_secs()))
            }
            _ => Ok(()),
        }
    }

    /// Runs until `shutdown`, and then until the drain is over: nothing more is claimed, what has not begun is handed back at
    /// once, what runs may end within the deadline and is handed back otherwise, and all that has ended is written. What is
    /// handed back counts as no attempt. Errors of the database end nothing: they are waited out.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { db, direct, shared, ackers, tasks } = self;
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

        let keeper = match KeeperThread::start(tasks.keeper, &shared, (*pool.connect_options()).clone()) {
            Ok(keeper) => keeper,
            Err(error) => {
                tracing::error!(%error, "the worker's keeper cannot be started");
                return;
            }
        };
        let (fetching, closing) = (CancellationToken::new(), CancellationToken::new());
        let mut background = JoinSet::new();
        // These two end with the worker.
        let (listening, directly) = (Arc::clone(&shared), direct.clone());
        background.spawn(tasks.listener.run(CancellationToken::new(), move || {
            listener::listen(Arc::clone(&listening), directly.clone())
        }));
        let sampling = Arc::clone(&shared);
        background.spawn(
            tasks
                .sampler
                .run(CancellationToken::new(), move || sampler::run(Arc::clone(&sampling), direct.clone())),
        );
        let mut writing = JoinSet::new();
        for acker in ackers {
            let closing = closing.clone();
            writing.spawn(acker.task.clone().run(closing.clone(), move || {
                let (acker, closing) = (Arc::clone(&acker), closing.clone());
                async move { acker.run(closing).await }
            }));
        }
        let fetcher = Arc::new(Fetcher::new(&shared, &pool));
        let mut working = JoinSet::new();
        let stop = fetching.clone();
        working.spawn(tasks.fetcher.run(fetching.clone(), move || {
            let (fetcher, stop) = (Arc::clone(&fetcher), stop.clone());
            async move { fetcher.run(stop).await }
        }));
        let mut handling = JoinSet::new();
        for local in shared.locals.values() {
            let task = shared.settings.tasks.named(handlers_of(local.kind.name));
            let (shared, local, stop) = (Arc::clone(&shared), Arc::clone(local), fetching.clone());
            handling.spawn(task.run(fetching.clone(), move || {
                handle(Arc::clone(&shared), Arc::clone(&local), stop.clone())
            }));
        }

        shutdown.await;
        tracing::info!(worker = &*shared.name(), "worker draining");
        metrics::gauge!("tenon_worker_draining").set(1.0);
        shared.draining.store(true, Relaxed);
        fetching.cancel();
        shared.release_waiting();
        let all = async {
            join_all(&mut working).await;
            shared.preparing.close();
            shared.preparing.wait().await;
            shared.release_waiting();
            join_all(&mut handling).await;
            shared.handling.close();
            shared.handling.wait().await;
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

/// The name of the task that takes a kind's jobs to its handlers.
fn handlers_of(kind: &str) -> String {
    format!("handlers/{kind}")
}

async fn join_all<T: 'static>(tasks: &mut JoinSet<T>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the worker panicked");
        }
    }
}

/// Runs a kind's jobs until `stop`, and then until the worker that apalis makes of it has ended. Handlers that run go on without it.
async fn handle(shared: Arc<Shared>, local: Arc<Local>, stop: CancellationToken) {
    let monitor = monitor(shared, local);
    let context = monitor.context();
    let running = monitor.run();
    tokio::pin!(running);
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = stop.cancelled() => {
            if let Err(error) = context.shutdown() {
                tracing::error!(%error, "a kind's worker did not take the stop");
            }
            running.await
        }
    };
    if let Err(error) = ended {
        tracing::error!(%error, "a kind's worker has failed");
    }
}

/// An apalis worker of a kind, with layers around the handler: a task of its own, panics caught, a deadline.
fn monitor(shared: Arc<Shared>, local: Arc<Local>) -> Monitor {
    Monitor::new().register(move |_| {
        WorkerBuilder::new(format!("{}/{}", shared.name(), local.kind.name))
            .backend(PgBackend::new(&shared, &local))
            .layer(CatchPanicLayer::with_panic_handler(|panic: &Box<dyn Any + Send>| {
                Panicked(text_of(&**panic))
            }))
            .timeout(local.kind.timeout)
            .build(Dispatcher { shared: Arc::clone(&shared), local: Arc::clone(&local) })
    })
}
