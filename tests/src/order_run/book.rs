//! The receiver's book.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::receiver::Received;

/// What came, and whether too early.
#[derive(Debug, Clone, Default)]
pub(super) struct Book(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
pub(super) struct Entries {
    /// The versions of each object that were taken.
    taken: HashMap<String, BTreeSet<u64>>,
    /// Requests.
    pub(super) requests: u64,
    /// Events that were taken.
    pub(super) events: u64,
    /// Requests with an event that had been taken before.
    pub(super) repeated: u64,
    /// Requests with an event before which not all of its object had been taken.
    pub(super) early: u64,
}

impl Book {
    /// A request that is taken or not.
    pub(super) fn note(&self, request: &Received, is_taken: bool) {
        let body = request.json();
        let object = body["object"]["id"].as_str().unwrap_or_default();
        self.entries().note(object, body["object"]["version"].as_u64().unwrap_or_default(), is_taken);
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Versions of an object count from 1, and each has an event.
    fn note(&mut self, object: &str, version: u64, is_taken: bool) {
        let taken = self.taken.entry(object.to_owned()).or_default();
        let before = taken.range(..version).count() as u64;
        self.requests += 1;
        self.repeated += u64::from(taken.contains(&version));
        self.early += u64::from(before + 1 < version);
        self.events += u64::from(is_taken && taken.insert(version));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_its_time_is_seen_and_what_comes_again_is_not_taken_for_it() {
        let mut entries = Entries::default();
        let requests =
            [("a", 1, true), ("a", 2, false), ("b", 1, true), ("a", 2, true), ("a", 1, true), ("b", 3, true)];
        for (object, version, is_taken) in requests {
            entries.note(object, version, is_taken);
        }
        let Entries { requests, events, repeated, early, .. } = entries;
        assert_eq!((requests, events, repeated, early), (6, 4, 1, 1));
    }
}
