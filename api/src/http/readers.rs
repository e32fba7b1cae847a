//! What all readers of the feed share: who tells them of changes, and how many there may be.

use std::time::Duration;

use tenon_common::Db;
use tenon_common::feed::Tail;
use tenon_common::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use crate::http::seats::Seats;

/// What the feed needs beside the database; one per process.
#[derive(Debug)]
pub struct Changes {
    /// Tells of what is new.
    pub tail: Tail,
    /// Of those who wait.
    pub seats: Seats,
    /// After so long a silence a stream's credential is looked at, and its client sent a comment: the server notices by its writes
    /// alone that a client is gone.
    pub heartbeat: Duration,
    /// The server is on its way out: nobody is waited with any more.
    pub ended: CancellationToken,
}

impl Changes {
    /// Nobody reads yet.
    pub fn new(db: Db, tasks: &Tasks) -> Self {
        Self {
            tail: Tail::new(db, tasks),
            seats: Seats::new("readers of changes that wait", "tenon_changes_readers"),
            heartbeat: Duration::from_secs(5),
            ended: CancellationToken::new(),
        }
    }
}
