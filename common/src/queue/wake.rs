//! Waking workers after the commit, for busy writers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;

use crate::job::Queue;

/// A pause after each notification; what comes meanwhile shares the next one.
const GAP: Duration = Duration::from_millis(1);

/// Tells workers of new jobs, for writers that insert with `set local app.notify = 'off'`.
///
/// PostgreSQL lets transactions that notify commit one after the other, each with its own flush of the log. A server with
/// many small writes notifies from here instead, in transactions that have nothing to flush.
#[derive(Clone, Debug)]
pub struct Wake {
    due: Arc<(AtomicU8, Notify)>,
}

impl Wake {
    /// Starts the task that notifies. It ends when the last clone is dropped.
    pub fn start(pool: &PgPool) -> Self {
        let due = Arc::new((AtomicU8::new(0), Notify::new()));
        tokio::spawn(notify(pool.clone(), Arc::downgrade(&due)));
        Self { due }
    }

    /// Something is due in the queue: call it after the commit.
    pub fn touch(&self, queue: Queue) {
        if self.due.0.fetch_or(1 << queue as u8, Relaxed) == 0 {
            self.due.1.notify_one();
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        // The task sees whether anybody is left.
        self.due.1.notify_one();
    }
}

async fn notify(pool: PgPool, due: std::sync::Weak<(AtomicU8, Notify)>) {
    while let Some(strong) = due.upgrade() {
        let set = strong.0.swap(0, Relaxed);
        if set == 0 {
            if Arc::strong_count(&strong) == 1 {
                return;
            }
            strong.1.notified().await;
            continue;
        }
        drop(strong);
        let queues: Vec<&str> =
            Queue::ALL.into_iter().filter(|queue| set & (1 << *queue as u8) != 0).map(Queue::name).collect();
        let told = sqlx::query("select pg_notify($1, queue) from unnest($2::text[]) as queue")
            .bind(super::listener::CHANNEL)
            .bind(queues)
            .execute(&pool)
            .await;
        if let Err(error) = told {
            tracing::debug!(%error, "workers cannot be woken; they poll every second");
        }
        tokio::time::sleep(GAP).await;
    }
}
