use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::place::{Failures, Place};
use super::*;

/// Waits for something that is on its way.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_task_that_panics_is_named_and_begun_again_and_keeps_what_is_outside_of_its_run() {
    let (tasks, stop, runs) = (Tasks::default(), CancellationToken::new(), Arc::new(AtomicU32::new(0)));
    let (counted, stopped) = (Arc::clone(&runs), stop.clone());
    let running = tokio::spawn(tasks.named("one").run(stop.clone(), move || {
        counted.fetch_add(1, SeqCst);
        stopped.clone().cancelled_owned()
    }));
    until(|| runs.load(SeqCst) == 1).await;
    assert_eq!((tasks.away(), tasks.restarts("one")), (vec![], 0));
    assert!(tasks.inject_panics("one", 1));
    until(|| !tasks.away().is_empty()).await;
    let away = tasks.away().remove(0);
    assert_eq!(away.to_string(), "the task one is away: it panicked: a panic that a test has asked for");
    until(|| runs.load(SeqCst) == 2).await;
    assert_eq!((tasks.away(), tasks.restarts("one")), (vec![], 1));
    stop.cancel();
    running.await.expect("it ends when it is told to");
    assert!(!tasks.inject_panics("another", 1), "nobody has that name");
}

#[tokio::test]
async fn a_task_that_ends_by_itself_is_begun_again() {
    let (tasks, stop) = (Tasks::default(), CancellationToken::new());
    let running = tokio::spawn(tasks.named("short").run(stop.clone(), || async {}));
    until(|| tasks.restarts("short") >= 3).await;
    assert_eq!(tasks.away()[0].reason, "ended by itself");
    stop.cancel();
    running.await.expect("the last run ends after the stop");
    assert_eq!(tasks.away(), []);
}

#[tokio::test]
async fn a_run_that_panics_after_the_stop_is_followed_by_one_that_finishes() {
    let (tasks, stop, left) = (Tasks::default(), CancellationToken::new(), AtomicU32::new(2));
    stop.cancel();
    tasks
        .named("last")
        .run(stop, || async {
            assert!(left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err(), "not yet");
        })
        .await;
    assert_eq!(tasks.restarts("last"), 2);
}

#[tokio::test]
async fn a_task_that_is_given_up_in_its_pause_is_not_away() {
    let tasks = Tasks::default();
    let running = tokio::spawn(tasks.named("one").run(CancellationToken::new(), || async { panic!("oh") }));
    until(|| !tasks.away().is_empty()).await;
    running.abort();
    assert!(running.await.is_err(), "aborted");
    assert_eq!(tasks.away(), []);
}

#[tokio::test]
async fn a_piece_of_work_that_panics_is_told_of_and_counted() {
    let tasks = Tasks::default();
    let task = tasks.named("pieces");
    assert_eq!(task.piece(async { 7 }).await, Ok(7));
    assert_eq!(task.piece(async { panic!("{}", "oh") }).await, Err::<(), _>("oh".to_owned()));
    assert_eq!(tasks.restarts("pieces"), 1);
}

#[test]
fn the_pause_grows_to_half_a_minute_and_is_short_again_after_a_minute_of_work() {
    let mut failures = Failures::default();
    let pauses: Vec<u128> = (0..12).map(|_| failures.add(Duration::ZERO).as_millis()).collect();
    assert_eq!(pauses[..4], [100, 200, 400, 800]);
    assert_eq!(pauses[10..], [30_000, 30_000]);
    assert!(failures.are_many());
    assert_eq!(failures.add(Duration::from_secs(60)).as_millis(), 100);
    assert!(!failures.are_many());
}

#[test]
fn one_that_fails_again_and_again_is_away_until_it_has_worked_for_a_while() {
    let since = Instant::now();
    let working =
        Place::Working { since, believed_after: Duration::from_secs(3), last: "panicked".to_owned() };
    assert_eq!(working.away(since + Duration::from_secs(2)), Some("panicked"));
    assert_eq!(working.away(since + Duration::from_secs(3)), None);
    let first = Place::Working { since, believed_after: Duration::ZERO, last: String::new() };
    assert_eq!(first.away(since), None);
}
