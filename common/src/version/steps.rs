//! The way from one version to another.

use serde_json::Value;

use crate::version::{Change, Query, Version};

/// The changes between two versions: requests go through them forward, answers and events back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps<'v>(pub(super) &'v [Version]);

impl<'v> Steps<'v> {
    /// Whether nothing lies between them.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether an operation looks different in one of them.
    #[must_use]
    pub fn concern(self, operation: &str) -> bool {
        self.forward().any(|change| change.concerns(operation))
    }

    /// Turns the query of a request of the earlier version into one of the later.
    pub fn query(self, operation: &str, query: &mut Query) {
        self.forward().for_each(|change| change.query(operation, query));
    }

    /// Turns the body of a request of the earlier version into one of the later.
    pub fn request(self, operation: &str, body: &mut Value) {
        self.forward().for_each(|change| change.request(operation, body));
    }

    /// Turns an answer of the later version into one of the earlier.
    pub fn answer(self, operation: &str, body: &mut Value) {
        self.back().for_each(|change| change.answer(operation, body));
    }

    /// Turns the body of an event of the later version into one of the earlier.
    pub fn event(self, kind: &str, body: &mut Value) {
        self.back().for_each(|change| change.event(kind, body));
    }

    /// What a place of a request of the later version is called in the earlier.
    #[must_use]
    pub fn place(self, operation: &str, pointer: &str) -> String {
        let before = |place: String, change: &dyn Change| change.place(operation, &place).unwrap_or(place);
        self.back().fold(pointer.to_owned(), before)
    }

    fn forward(self) -> impl Iterator<Item = &'v dyn Change> {
        self.0.iter().flat_map(|version| version.changes.iter().map(Box::as_ref))
    }

    fn back(self) -> impl Iterator<Item = &'v dyn Change> {
        self.0.iter().rev().flat_map(|version| version.changes.iter().rev().map(Box::as_ref))
    }
}
