//! Places in timelines. An activity's is its time and id. An event's is its id, which begins with its time in milliseconds, so that
//! the index of events by their ids is one by their times too.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::page::SortKey;

/// Before everything that there is.
pub(super) fn beginning() -> SortKey {
    SortKey { at: DateTime::from_timestamp_millis(253_402_300_799_999).unwrap_or_default(), id: Uuid::max() }
}

/// The milliseconds that an event's id begins with.
fn millis_of(id: Uuid) -> u64 {
    u64::try_from(id.as_u128() >> 80).unwrap_or_default()
}

/// When an event was written.
pub(super) fn time_of(id: Uuid) -> DateTime<Utc> {
    let millis = i64::try_from(millis_of(id)).unwrap_or_default();
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// The first id of an instant.
fn first_of(millis: u64) -> Uuid {
    Uuid::from_u128(u128::from(millis & 0xffff_ffff_ffff) << 80)
}

/// An event comes after a place in the timeline, which goes back in time, if its id is smaller than this one.
pub(super) fn first_id_not_before(place: SortKey) -> Uuid {
    let micros = u64::try_from(place.at.timestamp_micros()).unwrap_or_default();
    let millis = micros / 1000;
    // Of the events of the place's own millisecond its id decides; all of them come after a place between two milliseconds.
    match micros % 1000 {
        0 => place.id.clamp(first_of(millis), first_of(millis + 1)),
        _ => first_of(millis + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_bound_parts_what_comes_before_from_what_comes_after(
            millis in 1_700_000_000_000_u64..1_700_000_000_010,
            rest in any::<u128>(),
            micros in 1_700_000_000_000_000_i64..1_700_000_000_010_000,
            other in any::<u128>(),
            own in any::<bool>(),
        ) {
            let id_at = |millis: u64, rest: u128| Uuid::from_u128((u128::from(millis) << 80) | (rest >> 48));
            let event = id_at(millis, rest);
            let at = DateTime::from_timestamp_micros(micros).expect("in range");
            // The place of an activity whose id is anything, or of an event whose id has its time.
            let place = match own {
                true => SortKey { at: at - chrono::TimeDelta::microseconds(micros % 1000),
                                  id: id_at(u64::try_from(micros / 1000).expect("positive"), other) },
                false => SortKey { at, id: Uuid::from_u128(other) },
            };
            let follows = (time_of(event), event) < (place.at, place.id);
            prop_assert_eq!(follows, event < first_id_not_before(place));
        }
    }

    #[test]
    fn every_event_comes_after_the_beginning() {
        assert!(Uuid::now_v7() < first_id_not_before(beginning()));
    }
}
