//! How many rows became of what.

use serde::Serialize;

/// What became of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// New records.
    pub created: i64,
    /// Changed records.
    pub updated: i64,
    /// Records that said the same already.
    pub unchanged: i64,
    /// Rows that were left out.
    pub skipped: i64,
    /// Rows that were refused.
    pub failed: i64,
}

impl Counts {
    /// Both together.
    pub(super) fn plus(self, more: Self) -> Self {
        Self {
            created: self.created + more.created,
            updated: self.updated + more.updated,
            unchanged: self.unchanged + more.unchanged,
            skipped: self.skipped + more.skipped,
            failed: self.failed + more.failed,
        }
    }
}
