//! How many deliveries to a webhook are claimed: those that can be sent soon. What a receiver that hangs, or is paused, has waiting stays
//! in the database, and costs nothing there.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tenon_common::queue::Admission;
use uuid::Uuid;

use super::breaker::Breaker;
use super::concurrency::Wanted;
use super::turns::Turns;

/// Says how much of a webhook's lane this worker may hold.
#[derive(Clone)]
pub struct Lanes {
    turns: Arc<Turns>,
    breaker: Arc<Breaker>,
    /// The last delivery of each webhook that is sent to.
    known: Cache<Uuid, Wanted>,
    /// Those of which one was put off.
    put_off: Arc<Mutex<HashSet<(Uuid, Uuid)>>>,
}

impl Lanes {
    /// Knows of no webhook.
    pub fn new(turns: Arc<Turns>, breaker: Arc<Breaker>) -> Self {
        let known = Cache::builder().max_capacity(100_000).time_to_idle(Duration::from_secs(15 * 60)).build();
        Self { turns, breaker, known, put_off: Arc::default() }
    }

    /// A delivery is to be sent.
    pub fn meet(&self, wanted: Wanted) {
        let webhook = wanted.address.webhook;
        let is_same = |known: Wanted| {
            known.address == wanted.address && known.max_concurrency == wanted.max_concurrency
        };
        if !self.known.get(&webhook).is_some_and(is_same) {
            self.known.insert(webhook, wanted);
        }
    }

    /// One could not be sent now: until they can, no more are claimed.
    pub fn put_off(&self, wanted: Wanted) {
        self.lock().insert((wanted.tenant, wanted.address.webhook));
    }

    fn limit_of(&self, webhook: Uuid) -> usize {
        let Some(wanted) = self.known.get(&webhook) else { return self.usual() };
        self.breaker.allowance(wanted.address).unwrap_or_else(|| self.turns.limit(wanted))
    }

    /// Nothing panics while it is held, so a poisoned lock cannot be.
    fn lock(&self) -> MutexGuard<'_, HashSet<(Uuid, Uuid)>> {
        self.put_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission for Lanes {
    fn usual(&self) -> usize {
        self.turns.usual()
    }

    fn limit(&self, lane: &str) -> usize {
        let webhook = lane.rsplit('/').next().and_then(|webhook| webhook.parse().ok());
        webhook.map_or_else(|| self.usual(), |webhook| self.limit_of(webhook))
    }

    fn limited(&self) -> Vec<Arc<str>> {
        let usual = self.usual();
        let mut put_off = self.lock();
        put_off.retain(|(_, webhook)| self.limit_of(*webhook) < usual);
        put_off.iter().map(|(tenant, webhook)| format!("{tenant}/{webhook}").into()).collect()
    }
}
