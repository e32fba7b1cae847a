use super::*;
use crate::webhook::Outcome;

const ONE: Address = address(1);
const TWO: Address = address(2);

const fn address(webhook: u128) -> Address {
    Address { webhook: Uuid::from_u128(webhook), version: 1 }
}

fn failure() -> AttemptResult {
    AttemptResult::failed(Outcome::Connect, "connection refused")
}

fn answered(status: u16, retry_after: Option<u64>) -> AttemptResult {
    AttemptResult {
        status: Some(status),
        retry_after: retry_after.map(Duration::from_secs),
        ..AttemptResult::failed(Outcome::of_status(status), "")
    }
}

fn breaker() -> Breaker {
    Breaker::new(Settings { failures: 3, ..Settings::default() })
}

/// Seconds from `now` to the time that a delivery is put off to; `None` if it may go.
fn wait(breaker: &Breaker, webhook: Address, now: Instant) -> Option<f64> {
    match breaker.may_send_at(webhook, now) {
        Decision::Go => None,
        Decision::SnoozeUntil(until) => Some((until - now).as_secs_f64()),
    }
}

fn fail(breaker: &Breaker, times: u32, now: Instant) {
    for _ in 0..times {
        breaker.record_at(ONE, &failure(), now);
    }
}

#[test]
fn failures_in_a_row_pause_one_webhook_alone() {
    let (breaker, now) = (breaker(), Instant::now());
    fail(&breaker, 2, now);
    assert_eq!(wait(&breaker, ONE, now), None);
    fail(&breaker, 1, now);
    assert_eq!(wait(&breaker, ONE, now), Some(5.0));
    assert_eq!(wait(&breaker, TWO, now), None);
    assert_eq!(breaker.paused(), 1);
}

#[test]
fn any_answer_between_starts_the_count_again() {
    let (breaker, now) = (breaker(), Instant::now());
    for status in [200, 302, 404] {
        fail(&breaker, 2, now);
        breaker.record_at(ONE, &answered(status, None), now);
    }
    fail(&breaker, 2, now);
    assert_eq!(wait(&breaker, ONE, now), None);
}

#[test]
fn those_put_off_come_back_one_after_another() {
    let (breaker, now) = (breaker(), Instant::now());
    fail(&breaker, 3, now);
    assert_eq!(wait(&breaker, ONE, now), Some(5.0));
    assert_eq!(wait(&breaker, ONE, now), Some(5.005));
    let last = (0..10_000).filter_map(|_| wait(&breaker, ONE, now)).last();
    assert_eq!(last, Some(15.0));
}

#[test]
fn one_probe_at_a_time_and_longer_pauses() {
    let (breaker, mut now) = (breaker(), Instant::now());
    fail(&breaker, 3, now);
    for pause in [5, 10, 20, 40, 60, 60] {
        now += Duration::from_secs(pause);
        assert_eq!(wait(&breaker, ONE, now), None, "the probe after {pause} s");
        assert_eq!(wait(&breaker, ONE, now), Some(1.0), "others wait for it");
        breaker.record_at(ONE, &failure(), now);
        assert!(wait(&breaker, ONE, now).is_some());
    }
}

#[test]
fn a_probe_that_succeeds_ends_it() {
    let (breaker, now) = (breaker(), Instant::now());
    fail(&breaker, 3, now);
    let later = now + Duration::from_secs(5);
    assert_eq!(wait(&breaker, ONE, later), None);
    breaker.record_at(ONE, &answered(204, None), later);
    assert_eq!(wait(&breaker, ONE, later), None);
    assert_eq!(breaker.paused(), 0);
    assert!(breaker.lock().is_empty());
}

#[test]
fn a_lost_probe_is_followed_by_another() {
    let (breaker, now) = (breaker(), Instant::now());
    fail(&breaker, 3, now);
    let probe = now + Duration::from_secs(5);
    assert_eq!(wait(&breaker, ONE, probe), None);
    assert!(wait(&breaker, ONE, probe + Duration::from_secs(44)).is_some());
    assert_eq!(wait(&breaker, ONE, probe + Duration::from_secs(45)), None);
}

#[test]
fn retry_after_pauses_at_once_and_within_bounds() {
    let (breaker, now) = (breaker(), Instant::now());
    breaker.record_at(ONE, &answered(429, Some(30)), now);
    assert_eq!(wait(&breaker, ONE, now), Some(30.0));
    breaker.record_at(TWO, &answered(503, Some(86_400)), now);
    assert_eq!(wait(&breaker, TWO, now), Some(900.0));
    // The receiver knows best, when it asks for less than the usual pause too.
    let three = address(3);
    breaker.record_at(three, &answered(429, Some(1)), now);
    assert_eq!(wait(&breaker, three, now), Some(1.0));
}

#[test]
fn late_results_do_not_prolong_a_pause_unless_they_say_so() {
    let (breaker, now) = (breaker(), Instant::now());
    fail(&breaker, 13, now);
    assert_eq!(wait(&breaker, ONE, now), Some(5.0));
    breaker.record_at(ONE, &answered(503, Some(20)), now);
    assert_eq!(wait(&breaker, ONE, now), Some(20.005));
}

#[test]
fn what_is_remembered_is_bounded() {
    let breaker = Breaker::new(Settings { failures: 2, remembered: 10, ..Settings::default() });
    let now = Instant::now();
    // Ten that are paused stay; single failures of a hundred others are forgotten in their favour.
    for webhook in 0..110 {
        for _ in 0..if webhook < 10 { 2 } else { 1 } {
            breaker.record_at(address(webhook), &failure(), now);
        }
        assert!(breaker.lock().len() <= 10);
    }
    assert_eq!(breaker.paused(), 10);
    // An hour without news later there is room again.
    breaker.record_at(address(500), &failure(), now + STALE);
    assert_eq!(breaker.lock().len(), 1);
}

#[test]
fn a_changed_or_enabled_webhook_starts_afresh() {
    let (breaker, now) = (breaker(), Instant::now());
    let next = Address { version: 2, ..ONE };
    breaker.record_at(ONE, &answered(503, Some(120)), now);
    assert_eq!(wait(&breaker, ONE, now), Some(120.0));
    assert_eq!(wait(&breaker, next, now), None);
    // What was under way to the one before says nothing of this one.
    fail(&breaker, 2, now);
    breaker.record_at(next, &failure(), now);
    fail(&breaker, 3, now);
    breaker.record_at(ONE, &answered(503, Some(120)), now);
    assert_eq!(wait(&breaker, next, now), None);
    assert_eq!(breaker.paused(), 0);
    breaker.record_at(ONE, &answered(204, None), now);
    for _ in 0..2 {
        breaker.record_at(next, &failure(), now);
    }
    assert_eq!(wait(&breaker, next, now), Some(5.0), "three failures of its own");
    assert_eq!(wait(&breaker, ONE, now), None, "read before the change: it goes where it went");
}
