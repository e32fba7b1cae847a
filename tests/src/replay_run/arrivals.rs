//! The receiver's book, and whether it is away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Reply;
use crate::receiver::Received;

/// What a receiver may take: long enough for deliveries to be under way when the worker is killed.
const ANSWER: Duration = Duration::from_millis(3);

#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    is_away: bool,
    /// How often each `webhook-id` was taken, of requests with the header of a replay and of the others.
    replayed: HashMap<String, u64>,
    others: HashMap<String, u64>,
}

impl Arrivals {
    /// Answers a request: 404 in an outage, as a receiver does that was deployed wrongly.
    pub(super) fn answer(&self, request: &Received) -> Reply {
        let text =
            |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if book.is_away {
            return Reply::status(404);
        }
        let id = text("webhook-id").to_owned();
        let of = if text("x-webhook-replay") == "true" { &mut book.replayed } else { &mut book.others };
        *of.entry(id).or_default() += 1;
        Reply::status(204).after(ANSWER)
    }

    pub(super) fn set_away(&self, is_away: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_away = is_away;
    }

    pub(super) fn replayed(&self) -> HashMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replayed.clone()
    }

    pub(super) fn others(&self) -> HashMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).others.clone()
    }
}
