//! A task: what runs it, and begins it again.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use metrics::Counter;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::place::{FIRST_PAUSE, Failures, Place};
use super::work::{Faults, Work};
use super::{Away, text_of};

/// A task that is in the register.
#[derive(Clone, Debug)]
pub struct Task {
    pub(super) state: Arc<State>,
}

/// What is known of a task.
pub(super) struct State {
    name: Arc<str>,
    place: Mutex<Place>,
    restarts: AtomicU64,
    shown: Counter,
    pub(super) faults: Faults,
}

impl Task {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Runs what `begin` begins, again and again, until it ends after `stop` was cancelled. A run that ends otherwise is logged and
    /// counted, and followed by a pause and the next run; the pause is cut short by `stop`, for the last run may have something to finish.
    pub async fn run<F, Fut>(self, stop: CancellationToken, mut begin: F)
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = ()>,
    {
        let _idle_at_last = Idle(&self.state);
        let mut failures = Failures::default();
        let (mut believed_after, mut last) = (Duration::ZERO, String::new());
        loop {
            let since = Instant::now();
            self.state.is_now(Place::Working { since, believed_after, last });
            let Err(reason) = self.once(async { begin().await }, &stop).await else { return };
            let pause = failures.add(since.elapsed());
            tracing::error!(
                task = self.name(),
                reason,
                pause_ms = pause.as_millis(),
                "a task has ended and will be begun again"
            );
            self.state.is_now(Place::Away { reason: reason.clone() });
            if stop.is_cancelled() {
                tokio::time::sleep(FIRST_PAUSE).await;
            } else {
                let _ = tokio::time::timeout(pause, stop.cancelled()).await;
            }
            self.state.begun_again();
            last = reason;
            believed_after = if failures.are_many() { pause } else { Duration::ZERO };
        }
    }

    /// Does a piece of work once, in a task whose pieces are many and short; what its panic said, if it did. A panic is logged and
    /// counted as a task's end is; the next piece begins it again.
    pub async fn piece<T>(&self, work: impl Future<Output = T>) -> Result<T, String> {
        let done = AssertUnwindSafe(Work::new(&self.state.faults, work)).catch_unwind().await;
        done.map_err(|panic| {
            let text = text_of(&*panic);
            tracing::error!(task = self.name(), reason = text, "a task has panicked");
            self.state.begun_again();
            text
        })
    }

    /// As [`Task::run`], on a thread and a runtime of its own, which nothing that blocks the program's threads can hold up. What is
    /// answered hears of the end.
    pub fn run_on_thread<F, Fut>(
        self,
        stop: CancellationToken,
        begin: F,
    ) -> std::io::Result<oneshot::Receiver<()>>
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = ()>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (ending, ended) = oneshot::channel();
        std::thread::Builder::new().name(self.name().to_owned()).spawn(move || {
            let dead = Dead { state: Arc::clone(&self.state), stop: stop.clone() };
            runtime.block_on(self.run(stop, begin));
            drop(dead);
            // Nobody may wait for it any more.
            let _ = ending.send(());
        })?;
        Ok(ended)
    }

    async fn once(&self, work: impl Future<Output = ()>, stop: &CancellationToken) -> Result<(), String> {
        match AssertUnwindSafe(Work::new(&self.state.faults, work)).catch_unwind().await {
            Ok(()) if stop.is_cancelled() => Ok(()),
            Ok(()) => Err("ended by itself".to_owned()),
            Err(panic) => Err(format!("panicked: {}", text_of(&*panic))),
        }
    }
}

impl State {
    pub(super) fn new(name: Arc<str>) -> Self {
        metrics::describe_counter!(
            "tenon_task_restarts_total",
            "Times that a task of this program ended, by a panic or otherwise, and was begun again."
        );
        let shown = metrics::counter!("tenon_task_restarts_total", "task" => name.to_string());
        shown.increment(0);
        Self { name, place: Mutex::default(), restarts: AtomicU64::new(0), shown, faults: Faults::default() }
    }

    pub(super) fn away(&self, now: Instant) -> Option<Away> {
        let place = self.place();
        place.away(now).map(|reason| Away { task: Arc::clone(&self.name), reason: reason.to_owned() })
    }

    pub(super) fn restarts(&self) -> u64 {
        self.restarts.load(Relaxed)
    }

    fn begun_again(&self) {
        self.restarts.fetch_add(1, Relaxed);
        self.shown.increment(1);
    }

    fn is_now(&self, place: Place) {
        *self.place() = place;
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("name", &self.name)
            .field("place", &*self.place())
            .finish_non_exhaustive()
    }
}

/// Whoever gives a task up does not want it any more.
struct Idle<'a>(&'a State);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.is_now(Place::Idle);
    }
}

/// A thread that ends though its task was not told to has died.
struct Dead {
    state: Arc<State>,
    stop: CancellationToken,
}

impl Drop for Dead {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            self.state.is_now(Place::Away { reason: "has lost its thread".to_owned() });
        }
    }
}
