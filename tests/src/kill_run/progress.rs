//! How far the writers are, and how far they may go: not past a kill that is due.

use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// Shared by writers and kills.
#[derive(Debug)]
pub(super) struct Progress {
    events: u64,
    /// How far writers may be ahead of the next kill.
    slack: u64,
    begun: AtomicU64,
    sent: watch::Sender<u64>,
    allowed: watch::Sender<u64>,
}

impl Progress {
    pub(super) fn new(events: u64, slack: u64) -> Self {
        let (sent, allowed) = (watch::Sender::new(0), watch::Sender::new(slack));
        Self { events, slack, begun: AtomicU64::new(0), sent, allowed }
    }

    /// The number of the next event, when it may be sent; none where all have been given out.
    pub(super) async fn next(&self) -> Option<u64> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        if number >= self.events {
            return None;
        }
        // The sender is ours: it is never closed.
        self.allowed.subscribe().wait_for(|allowed| number < *allowed).await.ok()?;
        Some(number)
    }

    /// An event was answered with 201.
    pub(super) fn sent(&self) {
        self.sent.send_modify(|sent| *sent += 1);
    }

    /// How many are sent.
    pub(super) fn so_far(&self) -> u64 {
        *self.sent.borrow()
    }

    /// Waits until so many are sent; writers go little further meanwhile.
    pub(super) async fn reach(&self, sent: u64) {
        self.allowed.send_replace(sent + self.slack);
        self.sent.subscribe().wait_for(|now| *now >= sent).await.ok();
    }

    /// No kill is left.
    pub(super) fn go_on(&self) {
        self.allowed.send_replace(u64::MAX);
    }
}
