//! The tasks of a program, none of which ends unseen.
//!
//! What a program does beside answering requests and running jobs it does in tasks that last as long as itself. Each has a name and is
//! run by [`Task::run`]: when it panics, or ends though nobody told it to, that is logged, counted in `tenon_task_restarts_total`, and it
//! is begun again, after a pause that grows while it goes on failing. Until it works again it is *away*, and `/readyz` says so.
//!
//! What must outlive a run (a cursor, what was collected and is not written) is kept outside of the future that a run is, behind a lock:
//! the next run finds it there.

mod place;
mod task;
mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use task::Task;

use task::State;

/// The tasks of a program, by name. Clones are the same register.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    register: Arc<Mutex<BTreeMap<Arc<str>, Arc<State>>>>,
}

/// A task that is not at its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away {
    /// Its name.
    pub task: Arc<str>,
    /// How it ended last: what its panic said.
    pub reason: String,
}

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the task {} is away: it {}", self.task, self.reason)
    }
}

impl Tasks {
    /// The task of this name, which is in the register from now on; its restarts are shown, as 0 at first.
    pub fn named(&self, name: impl Into<Arc<str>>) -> Task {
        let name = name.into();
        let state =
            Arc::clone(self.register().entry(Arc::clone(&name)).or_insert_with(|| State::new(name).into()));
        Task { state }
    }

    /// The names of all of them, in order.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.register().keys().cloned().collect()
    }

    /// Those that should work and do not: between their end and their next beginning, and, after they have ended more than once in a row,
    /// until they have worked for as long as the last pause was.
    pub fn away(&self) -> Vec<Away> {
        let now = Instant::now();
        self.register().values().filter_map(|state| state.away(now)).collect()
    }

    /// How often a task has been begun again.
    pub fn restarts(&self, name: &str) -> u64 {
        self.register().get(name).map_or(0, |state| state.restarts())
    }

    /// Makes a task panic at its next turn, so many times: for tests of what happens then. False where there is no such task.
    pub fn inject_panics(&self, name: &str, times: u32) -> bool {
        let state = self.register().get(name).cloned();
        state.is_some_and(|state| {
            state.faults.inject(times);
            true
        })
    }

    fn register(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<State>>> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said.
pub(crate) fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".to_owned())
}

#[cfg(test)]
mod tests;
