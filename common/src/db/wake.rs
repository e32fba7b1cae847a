//! Waking workers after the commit, for busy writers.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::job::{CHANNEL, Queue};
use crate::tasks::Tasks;

/// A pause after each notification; what comes meanwhile shares the next one.
const GAP: Duration = Duration::from_millis(1);

/// Tells workers of new jobs, for writers that insert with `set local app.notify = 'off'`.
///
/// PostgreSQL lets transactions that notify commit one after the other, each with its own flush of the log. A server with
/// many small writes notifies from here instead, in transactions that have nothing to flush.
#[derive(Clone, Debug)]
pub struct Wake {
    due: Arc<Due>,
}

#[derive(Debug, Default)]
struct Due {
    /// A bit for each queue.
    queues: AtomicU8,
    stir: Notify,
    /// The last clone is dropped.
    ended: CancellationToken,
}

impl Wake {
    /// Starts the task that notifies. It ends when the last clone is dropped.
    pub fn start(pool: &PgPool, tasks: &Tasks) -> Self {
        let due = Arc::<Due>::default();
        let (pool, weak) = (pool.clone(), Arc::downgrade(&due));
        let mut is_first = true;
        tokio::spawn(tasks.named("wake").run(due.ended.clone(), move || {
            // What an earlier run was about to tell is not known.
            if !std::mem::replace(&mut is_first, false)
                && let Some(due) = weak.upgrade()
            {
                Queue::ALL.into_iter().for_each(|queue| due.touch(queue));
            }
            notify(pool.clone(), weak.clone())
        }));
        Self { due }
    }

    /// Something is due in the queue: call it after the commit.
    pub fn touch(&self, queue: Queue) {
        self.due.touch(queue);
    }
}

impl Due {
    fn touch(&self, queue: Queue) {
        if self.queues.fetch_or(1 << queue as u8, Relaxed) == 0 {
            self.stir.notify_one();
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        // The task sees whether anybody is left.
        self.due.stir.notify_one();
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

async fn notify(pool: PgPool, due: Weak<Due>) {
    while let Some(strong) = due.upgrade() {
        let set = strong.queues.swap(0, Relaxed);
        if set == 0 {
            if Arc::strong_count(&strong) == 1 {
                return;
            }
            strong.stir.notified().await;
            continue;
        }
        drop(strong);
        let queues: Vec<&str> =
            Queue::ALL.into_iter().filter(|queue| set & (1 << *queue as u8) != 0).map(Queue::name).collect();
        let told = sqlx::query("select pg_notify($1, queue) from unnest($2::text[]) as queue")
            .bind(CHANNEL)
            .bind(queues)
            .execute(&pool)
            .await;
        if let Err(error) = told {
            tracing::debug!(%error, "workers cannot be woken; they poll every second");
        }
        tokio::time::sleep(GAP).await;
    }
}
