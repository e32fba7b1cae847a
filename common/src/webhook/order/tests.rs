use proptest::prelude::*;

use super::*;

fn event(number: u128) -> EventId {
    EventId(Uuid::from_u128(number))
}

fn place(object: u128, version: i64, number: u128) -> Place {
    Place { object: Uuid::from_u128(object), version, event: event(number) }
}

fn places(all: &[Place]) -> Places {
    Places(all.iter().map(|place| (place.event, *place)).collect())
}

#[test]
fn a_job_is_put_off_with_what_comes_after_its_events_and_no_other() {
    // The second job waits for somebody else's; it has another object's event too, after which the third comes. The fourth is before it.
    let all = [place(1, 1, 10), place(2, 2, 20), place(3, 5, 30), place(3, 6, 40), place(3, 4, 50)];
    let told = [("one", 10), ("two", 20), ("two", 30), ("three", 40), ("four", 50)]
        .map(|(job, number)| Told { job, event: event(number) });
    let put_off = places(&all).put_off(&told, &HashSet::from([event(20)]));
    assert_eq!(put_off, HashSet::from(["two".to_owned(), "three".to_owned()]));
    assert!(places(&all).put_off(&told, &HashSet::new()).is_empty(), "nothing waits, nothing is put off");
}

#[test]
fn an_event_that_no_ordered_webhook_gets_waits_for_nothing() {
    let told = [Told { job: "one", event: event(1) }, Told { job: "one", event: event(2) }];
    assert!(places(&[place(1, 1, 1)]).put_off(&told, &HashSet::new()).is_empty());
    assert_eq!(places(&[place(1, 1, 1)]).of(event(2)), None);
}

proptest! {
    /// Two byte strings compare as the versions and events that they are made of.
    #[test]
    fn places_sort_in_the_database_as_here(
        one in (0i64.., any::<u128>()), other in (0i64.., any::<u128>()),
    ) {
        let [one, other] = [one, other].map(|(version, number)| place(7, version, number));
        prop_assert_eq!(one.at().cmp(&other.at()), one.cmp(&other));
    }

    /// What is fanned out of a batch leaves no earlier event of the same object behind in it.
    #[test]
    fn nothing_overtakes_what_is_put_off(
        events in prop::collection::vec((0u128..4, 1i64..6, 0usize..5), 1..20),
        waits in prop::collection::vec(any::<bool>(), 20),
    ) {
        const JOBS: [&str; 5] = ["a", "b", "c", "d", "e"];
        let all: Vec<Place> =
            events.iter().enumerate().map(|(n, (object, version, _))| place(*object, *version, n as u128)).collect();
        let told: Vec<Told<'_>> = events
            .iter()
            .enumerate()
            .map(|(n, (_, _, job))| Told { job: JOBS[*job], event: event(n as u128) })
            .collect();
        let waiting: HashSet<EventId> =
            (0..events.len()).filter(|n| waits[*n]).map(|n| event(n as u128)).collect();
        let put_off = places(&all).put_off(&told, &waiting);
        for (late, left) in told.iter().zip(&all).filter(|(told, _)| put_off.contains(told.job)) {
            for (done, made) in told.iter().zip(&all).filter(|(told, _)| !put_off.contains(told.job)) {
                prop_assert!(made.object != left.object || made < left, "{done:?} overtakes {late:?}");
            }
        }
        prop_assert!(told.iter().all(|told| !waiting.contains(&told.event) || put_off.contains(told.job)));
    }
}
