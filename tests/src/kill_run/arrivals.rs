//! The receiver's book.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::receiver::Received;

/// What has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    /// How often each `webhook-id` came.
    times: HashMap<String, u64>,
    /// When an id last came that had not come before.
    last_new: Option<Instant>,
}

impl Arrivals {
    pub(super) fn note(&self, request: &Received) {
        let id = request.headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or("(none)");
        let mut book = self.book();
        let times = book.times.entry(id.to_owned()).or_default();
        *times += 1;
        if *times == 1 {
            book.last_new = Some(Instant::now());
        }
    }

    /// How many different ids have come.
    pub(super) fn count(&self) -> usize {
        self.book().times.len()
    }

    pub(super) fn times(&self) -> HashMap<String, u64> {
        self.book().times.clone()
    }

    pub(super) fn last_new(&self) -> Option<Instant> {
        self.book().last_new
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
