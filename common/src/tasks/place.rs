//! Where a task is: at its work, or away.

use std::time::{Duration, Instant};

/// The pause after the first failure; it doubles with each that follows.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A run that lasted so long was no failure to begin: what comes after it is a first one again.
const SETTLED: Duration = Duration::from_secs(60);

/// Where a task is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// It has not begun, or has ended as it was told to.
    #[default]
    Idle,
    /// It works; after failures in a row it is believed to once it has done so for a while.
    Working { since: Instant, believed_after: Duration, last: String },
    /// It has ended, and is not begun again yet.
    Away { reason: String },
}

impl Place {
    /// Why it is to be called away, if it is.
    pub(super) fn away(&self, now: Instant) -> Option<&str> {
        match self {
            Self::Idle => None,
            Self::Away { reason } => Some(reason),
            Self::Working { since, believed_after, last } => {
                (now.saturating_duration_since(*since) < *believed_after).then_some(last)
            }
        }
    }
}

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct Failures(u32);

impl Failures {
    /// One more, of a run that lasted so long; the pause before the next.
    pub(super) fn add(&mut self, lasted: Duration) -> Duration {
        if lasted >= SETTLED {
            self.0 = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.0.min(16)).min(LONGEST_PAUSE);
        self.0 = self.0.saturating_add(1);
        pause
    }

    /// Whether it fails again and again.
    pub(super) fn are_many(&self) -> bool {
        self.0 > 1
    }
}
