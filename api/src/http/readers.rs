//! What all readers of the feed share: who tells them of changes, and how many there may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenon_common::Db;
use tenon_common::feed::Tail;
use tenon_common::id::TenantId;
use tenon_common::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use crate::http::code::Code;
use crate::http::refusal::Refusal;

/// What the feed needs beside the database; one per process.
#[derive(Debug)]
pub struct Changes {
    /// Tells of what is new.
    pub tail: Tail,
    /// How many may wait.
    pub most: Most,
    /// After so long a silence a stream's credential is looked at, and its client sent a comment: the server notices by its writes
    /// alone that a client is gone.
    pub heartbeat: Duration,
    /// The server is on its way out: nobody is waited with any more.
    pub ended: CancellationToken,
    waiting: Arc<Waiting>,
}

/// How many readers may wait or stream at once.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Of a tenant.
    pub of_tenant: u32,
    /// Of all.
    pub in_all: u32,
}

impl Default for Most {
    fn default() -> Self {
        Self { of_tenant: 20, in_all: 1000 }
    }
}

#[derive(Debug, Default)]
struct Waiting(Mutex<HashMap<TenantId, u32>>);

/// The right to wait, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    waiting: Arc<Waiting>,
    tenant: TenantId,
}

impl Changes {
    /// Nobody reads yet.
    pub fn new(db: Db, tasks: &Tasks) -> Self {
        Self {
            tail: Tail::new(db, tasks),
            most: Most::default(),
            heartbeat: Duration::from_secs(5),
            ended: CancellationToken::new(),
            waiting: Arc::default(),
        }
    }

    /// A seat for a reader of a tenant, or why there is none.
    pub fn seat(&self, tenant: TenantId) -> Result<Seat, Refusal> {
        let mut waiting = self.waiting.lock();
        if waiting.get(&tenant).is_some_and(|readers| *readers >= self.most.of_tenant) {
            let words = format!(
                "The organization has {} readers of changes that wait, which is the most",
                self.most.of_tenant
            );
            return Err(Refusal::because(Code::RateLimited, words)
                .detail("policy", "readers")
                .retry_after(5));
        }
        if waiting.values().sum::<u32>() >= self.most.in_all {
            let words = "This server has as many readers of changes as it can have";
            return Err(Refusal::because(Code::DependencyUnavailable, words).retry_after(5));
        }
        *waiting.entry(tenant).or_default() += 1;
        metrics::gauge!("tenon_changes_readers").increment(1.0);
        Ok(Seat { waiting: Arc::clone(&self.waiting), tenant })
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock();
        if let Some(readers) = waiting.get_mut(&self.tenant) {
            *readers -= 1;
            if *readers == 0 {
                waiting.remove(&self.tenant);
            }
        }
        metrics::gauge!("tenon_changes_readers").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use tenon_common::db::DbConfig;

    use super::*;

    #[tokio::test]
    async fn there_are_so_many_seats_for_a_tenant_and_for_all() {
        let config = DbConfig {
            url: "postgres://nobody@localhost/nothing".to_owned(),
            max_connections: 1,
            acquire_timeout: Duration::from_secs(1),
            application_name: "test",
        };
        let mut changes = Changes::new(Db::connect_lazy(&config).expect("a pool"), &Tasks::default());
        changes.most = Most { of_tenant: 2, in_all: 3 };
        let [one, two, three] = [TenantId::new(), TenantId::new(), TenantId::new()];
        let seats = [changes.seat(one).expect("free"), changes.seat(one).expect("free")];
        assert_eq!(changes.seat(one).expect_err("full").code, Code::RateLimited);
        let last = changes.seat(two).expect("free");
        assert_eq!(changes.seat(three).expect_err("full").code, Code::DependencyUnavailable);
        drop(seats);
        let again = changes.seat(three).expect("free again");
        drop((last, again));
        assert!(changes.waiting.lock().is_empty());
    }
}
