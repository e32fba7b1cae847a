//! A run of a task: batches until nothing is left, counted and timed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tenon_common::Result;
use tokio::sync::Semaphore;

use super::{Batch, Means, Task};

/// A run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What became of it.
    pub outcome: Outcome,
    /// How much it removed.
    pub removed: i64,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left to do.
    Done,
    /// Another worker is at it.
    Busy,
    /// A batch failed; those before it stand.
    Failed,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Done, Self::Busy, Self::Failed];

    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

/// Does a task until nothing is left to do. Each batch waits for its turn, so that a long run holds up no other task.
pub async fn run(means: &Means, task: &Task, turns: &Semaphore) -> Run {
    let (mut removed, mut worked) = (0, std::time::Duration::ZERO);
    let outcome = loop {
        let Ok(_turn) = turns.acquire().await else { break Outcome::Busy };
        let began = Instant::now();
        let batch = alone(means, task).await;
        worked += began.elapsed();
        match batch {
            Ok(None) => break Outcome::Busy,
            Ok(Some(batch)) => {
                count(task, batch);
                removed += batch.removed;
                if !batch.more {
                    break Outcome::Done;
                }
            }
            Err(error) => {
                tracing::warn!(task = task.name, %error, "housekeeping failed; will go on later");
                break Outcome::Failed;
            }
        }
    };
    if removed > 0 {
        tracing::info!(task = task.name, removed, "housekeeping is done");
    }
    note(task, outcome, worked);
    Run { outcome, removed }
}

/// A batch, unless another worker is at the same task.
async fn alone(means: &Means, task: &Task) -> Result<Option<Batch>> {
    let Some(lock) = means.db.try_lock(&format!("tenon housekeeping {}", task.name)).await? else {
        return Ok(None);
    };
    let batch = task.batch(means).await;
    lock.release().await;
    batch.map(Some)
}

fn count(task: &Task, batch: Batch) {
    metrics::counter!("tenon_housekeeping_removed_total", "task" => task.name)
        .increment(batch.removed.unsigned_abs());
}

fn note(task: &Task, outcome: Outcome, worked: std::time::Duration) {
    metrics::counter!("tenon_housekeeping_runs_total", "task" => task.name, "outcome" => outcome.name())
        .increment(1);
    if outcome == Outcome::Busy {
        return;
    }
    metrics::histogram!("tenon_housekeeping_duration_seconds", "task" => task.name).record(worked);
    if outcome == Outcome::Done
        && let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH)
    {
        metrics::gauge!("tenon_housekeeping_last_success_timestamp_seconds", "task" => task.name)
            .set(now.as_secs_f64());
    }
}

/// Shows every task from the beginning, whether it has run or not.
pub(super) fn describe(tasks: &[Task]) {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!("tenon_housekeeping_removed_total", "What tasks of the housekeeping have removed");
    describe_counter!("tenon_housekeeping_runs_total", "Runs of tasks, by what became of them");
    describe_gauge!(
        "tenon_housekeeping_last_success_timestamp_seconds",
        Unit::Seconds,
        "When this worker last did all of a task"
    );
    describe_histogram!(
        "tenon_housekeeping_duration_seconds",
        Unit::Seconds,
        "How long runs worked, without waiting"
    );
    for task in tasks {
        count(task, Batch { removed: 0, more: false });
        for outcome in Outcome::ALL {
            metrics::counter!("tenon_housekeeping_runs_total", "task" => task.name, "outcome" => outcome.name())
                .increment(0);
        }
    }
}
