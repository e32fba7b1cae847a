//! What became of an attempt, and what that makes of the job's row.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// What a handler answers. The job's row is made to say it before the job can run again.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done: the row is deleted.
    Done,
    /// Done, and the handler has deleted the row itself ([`JobRef::complete`](super::JobRef::complete)): nothing is written.
    AlreadyDone,
    /// Failed: run again after the delay, or after the kind's own backoff. The last attempt that fails kills the job.
    Retry {
        /// What went wrong, kept with the row.
        error: String,
        /// From when the outcome is written.
        delay: Option<Duration>,
    },
    /// Failed: run again at that time. The last attempt that fails kills the job.
    RetryAt {
        /// What went wrong, kept with the row.
        error: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// Not now: run again after the delay. Counts as no attempt, whatever their number.
    Snooze {
        /// How long, by the database's clock: this worker's may be set.
        delay: Duration,
    },
    /// Failed, and would fail again: the row is kept as `Killed`, for a person to look at.
    Kill {
        /// What went wrong, kept with the row.
        error: String,
    },
    /// No longer wanted: the row is deleted.
    Discard {
        /// Why, for the log.
        reason: String,
    },
    /// Handed back as if it had never been claimed: the worker is stopping.
    Release,
}

impl Outcome {
    /// Failed: run again after the kind's backoff.
    pub fn retry(error: impl std::fmt::Display) -> Self {
        Self::Retry { error: error.to_string(), delay: None }
    }

    /// Failed: run again after this long.
    pub fn retry_in(delay: Duration, error: impl std::fmt::Display) -> Self {
        Self::Retry { error: error.to_string(), delay: Some(delay) }
    }

    /// Failed for good.
    pub fn kill(error: impl std::fmt::Display) -> Self {
        Self::Kill { error: error.to_string() }
    }

    /// Not now.
    pub fn snooze(delay: Duration) -> Self {
        Self::Snooze { delay }
    }
}

impl<E: std::fmt::Display> From<Result<(), E>> for Outcome {
    /// An error is retried after the kind's backoff.
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(error) => Self::retry(error),
        }
    }
}

/// What an outcome makes of the row.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// Deleted.
    Gone,
    /// Nothing to write.
    Untouched,
    /// `Pending` again.
    Again {
        /// When.
        due: Due,
        /// Whether the attempt counts.
        counted: bool,
        /// What went wrong; none leaves the earlier error.
        error: Option<String>,
    },
    /// `Killed`.
    Killed {
        /// Why.
        error: String,
        /// Whether the attempt counts.
        counted: bool,
    },
}

/// When a job that goes back is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Due {
    /// This long after the database writes it.
    In(Duration),
    /// At that time.
    At(DateTime<Utc>),
    /// When it was due before.
    Unchanged,
}

impl Outcome {
    /// What it makes of the row of a job whose attempt `attempt` of `max_attempts` this was.
    pub fn settle(&self, attempt: i32, max_attempts: i32, backoff: impl FnOnce(i32) -> Duration) -> Settled {
        let failed = |error: &String, due: Due| {
            let error = printable(error);
            if attempt >= max_attempts {
                Settled::Killed { error, counted: true }
            } else {
                Settled::Again { due, counted: true, error: Some(error) }
            }
        };
        match self {
            Self::Done | Self::Discard { .. } => Settled::Gone,
            Self::AlreadyDone => Settled::Untouched,
            Self::Retry { error, delay } => failed(error, Due::In(delay.unwrap_or_else(|| backoff(attempt)))),
            Self::RetryAt { error, at } => failed(error, Due::At(*at)),
            Self::Snooze { delay } => Settled::Again { due: Due::In(*delay), counted: false, error: None },
            Self::Release => Settled::Again { due: Due::Unchanged, counted: false, error: None },
            Self::Kill { error } => Settled::Killed { error: printable(error), counted: true },
        }
    }
}

/// An error's text as a row keeps it: the first 4 KiB, without the NUL that the database cannot store.
pub(super) fn printable(error: &str) -> String {
    let end = error.floor_char_boundary(4096);
    error[..end].replace('\0', "\u{fffd}")
}

/// What a kind waits after attempt `attempt` where it does not say: 5 s, 10 s, 20 s … an hour, and up to a tenth more, so
/// that what failed together does not come back together.
pub fn default_backoff(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or_default().min(10);
    let seconds = (5_u64 << doublings).min(3600);
    Duration::from_secs(seconds).mul_f64(1.0 + rand::random::<f64>() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_that_fails_kills() {
        let outcome = Outcome::retry_in(Duration::from_secs(2), "no");
        let settle = |attempt| outcome.settle(attempt, 5, default_backoff);
        let again = Settled::Again {
            due: Due::In(Duration::from_secs(2)),
            counted: true,
            error: Some("no".to_owned()),
        };
        assert_eq!(settle(4), again);
        assert_eq!(settle(5), Settled::Killed { error: "no".to_owned(), counted: true });
    }

    #[test]
    fn a_snooze_never_kills_and_goes_by_the_databases_clock() {
        let outcome = Outcome::snooze(Duration::from_secs(1));
        let again = Settled::Again { due: Due::In(Duration::from_secs(1)), counted: false, error: None };
        assert_eq!(outcome.settle(9, 5, default_backoff), again);
    }

    #[test]
    fn the_backoff_doubles_up_to_an_hour() {
        for (attempt, seconds) in [(1, 5.0), (2, 10.0), (5, 80.0), (11, 3600.0), (100, 3600.0)] {
            let delay = default_backoff(attempt).as_secs_f64();
            assert!((seconds..=seconds * 1.1).contains(&delay), "{attempt}: {delay}");
        }
    }
}
