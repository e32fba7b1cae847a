//! Removes what has served its time, and keeps partitions ahead of the calendar. A task is a line in [`tasks`]. None takes input: each
//! looks at the whole state, so that a run that was missed costs nothing, the next one does its work.
//!
//! Every worker has all tasks, and does one batch at a time; a lock in the database lets one worker at a time do a task. A batch is short
//! and commits by itself: whoever is killed in the middle of one loses that batch, and whoever comes next does it.

mod run;
mod task;
pub mod tasks;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tenon_common::Db;
use tenon_common::storage::Storage;
use tenon_common::tasks::Tasks;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use run::{Outcome, Run, run};
pub use task::{Batch, Task};

/// Batches at once in this process: each takes two connections, of which handlers have use too.
const AT_ONCE: usize = 1;
/// Workers that are started together do not begin together.
const BEGIN_WITHIN: Duration = Duration::from_secs(2);
/// However often a task is to be done, it lets others have their turn.
const AT_LEAST: Duration = Duration::from_millis(50);
/// After a failure a task is not left alone for longer.
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);

/// What tasks may use.
#[derive(Clone, Debug)]
pub struct Means {
    /// The database.
    pub db: Db,
    /// The storage of files.
    pub storage: Storage,
}

/// Does the tasks, each now and every so often, for as long as it is polled. Each is a task of the program too: what ends one of them ends
/// no other.
pub fn keep(means: Means, tasks: Vec<Task>, program: &Tasks) -> impl Future<Output = ()> + Send + use<> {
    run::describe(&tasks);
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let repeated = tasks.into_iter().map(|task| {
        let named = program.named(format!("housekeeping/{}", task.name));
        let (means, task, turns) = (means.clone(), Arc::new(task), Arc::clone(&turns));
        let begin = move || repeat(means.clone(), Arc::clone(&task), Arc::clone(&turns));
        named.run(CancellationToken::new(), begin)
    });
    let repeated: Vec<_> = repeated.collect();
    async move {
        join_all(repeated).await;
    }
}

async fn repeat(means: Means, task: Arc<Task>, turns: Arc<Semaphore>) {
    tokio::time::sleep(BEGIN_WITHIN.min(task.every).mul_f64(rand::random())).await;
    loop {
        let pause = match run(&means, &task, &turns).await.outcome {
            Outcome::Done | Outcome::Busy => task.every,
            Outcome::Failed => task.every.min(AFTER_A_FAILURE),
        };
        // A tenth more or less, so that workers do not keep step.
        tokio::time::sleep(pause.max(AT_LEAST).mul_f64(0.9 + rand::random::<f64>() / 5.0)).await;
    }
}
