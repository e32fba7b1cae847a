//! The receiver's book.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::receiver::Received;

/// How often each `webhook-id` was taken, for each path.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<HashMap<String, HashMap<String, u64>>>>);

impl Arrivals {
    pub(super) fn note(&self, request: &Received) {
        let id = request.headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or("(none)");
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *book.entry(request.path.clone()).or_default().entry(id.to_owned()).or_default() += 1;
    }

    /// What came to a path, and how often.
    pub(super) fn of(&self, path: &str) -> HashMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned().unwrap_or_default()
    }
}
