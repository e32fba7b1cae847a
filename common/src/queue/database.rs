//! How the queue's own statements meet the database: planned for a table that grows and empties, and patient with outages.

use std::time::Duration;

use sqlx::{PgPool, Postgres, Transaction};

/// Begins a transaction for the queue's statements, in one round trip.
///
/// The table is empty one minute and has a million rows the next, and a plan is kept meanwhile: so only the plans that go by
/// an index are allowed, planned once. JIT would compile for longer than the statements run.
pub(super) async fn begin(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    pool.begin_with(
        "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off; \
         SET LOCAL plan_cache_mode = force_generic_plan",
    )
    .await
}

/// As [`begin`], for what may be forgotten in a crash of the database: a claim that is lost is a job that still waits.
pub(super) async fn begin_relaxed(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    pool.begin_with(
        "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off; \
         SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL synchronous_commit = off",
    )
    .await
}

/// Whether the error is about what was written (a value that does not fit, a constraint, an exception raised by a function):
/// the same again would fail again, and a part of it may not.
pub(crate) fn is_about_data(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| ["22", "23", "44", "P0"].iter().any(|class| code.starts_with(class))),
        sqlx::Error::Encode(_) => true,
        _ => false,
    }
}

/// Growing pauses between tries: 50 ms, doubled up to 5 s.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let pause =
            Duration::from_millis(50).saturating_mul(1 << self.failures.min(7)).min(Duration::from_secs(5));
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// After a success.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether the last failure is worth a line: the first, then each time the pause is at its longest.
    pub(super) fn is_news(&self) -> bool {
        self.failures == 1 || self.failures.is_multiple_of(8)
    }
}
