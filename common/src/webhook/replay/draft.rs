//! What a caller says of a replay, and what is left of it once it was checked.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::error::{Error, FieldError, Result};
use crate::webhook::matching::{Matching, Meant};
use crate::wire;

/// Deliveries a second where nothing is said.
const RATE: i32 = 100;

/// What a caller says of a replay, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct ReplayDraft {
    /// Which events. `since` is required; `until` is now where it is absent or later.
    pub meant: Meant,
    /// Only those that were not delivered and will not be; defaults to true.
    pub only_failed: Option<bool>,
    /// Those too that there is no delivery for; defaults to false.
    pub include_never_attempted: Option<bool>,
    /// Deliveries that begin within a second, 1 to 1,000; 100 if absent.
    pub rate_per_second: Option<i32>,
}

/// A replay to make.
#[derive(Clone, Debug)]
pub struct NewReplay {
    pub(super) since: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    pub(super) events: Option<Vec<String>>,
    pub(super) object_type: Option<String>,
    pub(super) object_id: Option<Uuid>,
    pub(super) only_failed: bool,
    pub(super) include_never_attempted: bool,
    pub(super) rate_per_second: i32,
    pub(super) matching: Matching,
}

impl ReplayDraft {
    /// Reads what was said; all that is wrong at once.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(self) -> Result<NewReplay> {
        let now = wire::now();
        let mut errors = Vec::new();
        match self.meant.since {
            None => errors.push(FieldError::new("since", "REQUIRED", "Since is required")),
            Some(since) if since >= now => {
                errors.push(FieldError::new("since", "OUT_OF_RANGE", "Must be in the past"));
            }
            Some(_) => {}
        }
        let rate = self.rate_per_second.unwrap_or(RATE);
        if !(1..=1000).contains(&rate) {
            errors.push(FieldError::new("ratePerSecond", "OUT_OF_RANGE", "Must be 1 to 1000"));
        }
        // What is to come is not in it: the events are those that are there.
        let until = self.meant.until.filter(|until| *until < now);
        let meant = Meant { until, ..self.meant };
        let matching = match meant.clone().check() {
            Ok(matching) => matching,
            Err(Error::Invalid(more)) => {
                errors.extend(more);
                Matching::default()
            }
            Err(other) => return Err(other),
        };
        let (Some(since), true) = (meant.since, errors.is_empty()) else {
            return Err(Error::Invalid(errors));
        };
        Ok(NewReplay {
            since,
            until: until.unwrap_or(now),
            events: meant.events,
            object_type: meant.object_type,
            object_id: meant.object_id,
            only_failed: self.only_failed.unwrap_or(true),
            include_never_attempted: self.include_never_attempted.unwrap_or(false),
            rate_per_second: rate,
            matching,
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn all_that_is_wrong_with_a_replay_is_told_at_once() {
        let later = Some(Utc::now() + TimeDelta::hours(1));
        let meant = Meant { since: later, object_type: Some("table".to_owned()), ..Meant::default() };
        let draft = ReplayDraft { meant, rate_per_second: Some(0), ..ReplayDraft::default() };
        let Err(Error::Invalid(errors)) = draft.check() else { panic!("it was taken") };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/since", "/ratePerSecond", "/objectType"]);
        assert!(ReplayDraft::default().check().is_err());
    }

    #[test]
    fn what_is_to_come_bounds_nothing() {
        let since = Some(Utc::now() - TimeDelta::hours(1));
        let until = Some(Utc::now() + TimeDelta::hours(1));
        let meant = Meant { since, until, ..Meant::default() };
        let new = ReplayDraft { meant, ..ReplayDraft::default() }.check().expect("a replay");
        assert!(new.until <= Utc::now() && new.matching.below.is_none() && new.matching.from.is_some());
        assert!(new.only_failed && !new.include_never_attempted && new.rate_per_second == RATE);
    }
}
