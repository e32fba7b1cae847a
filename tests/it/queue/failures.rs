//! Handlers that panic or hang, and rows that cannot be run.

use super::support::{Bench, Note, Seen, notes};
use std::time::Duration;
use tenon_common::queue::{Claimed, Outcome, Registration, Registry};

#[tokio::test]
async fn a_panic_is_a_failed_attempt_and_nobody_elses_concern() {
    let bench = Bench::new().await;
    bench.notes(5).await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        assert!(note.args.n != 2, "two is not a number of ours");
        into.push(note.args.n);
        Outcome::Done
    })));
    let row = bench.killed().await;
    assert_eq!((row.attempts, row.error()), (3, "panicked: two is not a number of ours"));
    let mut ran = seen.reaches(4).await;
    ran.sort_unstable();
    assert_eq!(ran, [0, 1, 3, 4]);
    worker.stop().await;
    assert_eq!(bench.rows().await.len(), 1);
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_stopped() {
    let bench = Bench::new().await;
    bench.notes(1).await;
    let hanging = Registration::<Note>::new(|_: Claimed<Note>| std::future::pending())
        .timeout(Duration::from_millis(50))
        .backoff(|_| Duration::ZERO);
    let worker = bench.worker(Registry::new().register(hanging));
    let row = bench.killed().await;
    assert_eq!((row.attempts, row.error()), (3, "still running after 0.05 s"));
    worker.stop().await;
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_is_killed() {
    let bench = Bench::new().await;
    bench
        .execute(
            "insert into apalis.jobs (id, job_type, job, metadata) values
             ('not a ulid', 'mail', 'not json', 'kind=>test-note'), ('other', 'mail', '{\"m\": 1}', 'kind=>test-note')",
        )
        .await;
    bench.notes(1).await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.args.n);
        Outcome::Done
    })));
    seen.reaches(1).await;
    tenon_tests::eventually("both are killed", async || {
        let rows = bench.rows().await;
        rows.len() == 2 && rows.iter().all(|row| row.status == "Killed")
    })
    .await;
    for row in bench.rows().await {
        assert!(row.error().starts_with("the payload cannot be read: "), "{row:?}");
    }
    worker.stop().await;
}

#[tokio::test]
async fn an_id_is_any_text() {
    let bench = Bench::new().await;
    bench
        .execute(
            "insert into apalis.jobs (id, job_type, job, metadata)
             select id, 'mail', '{\"n\": 1}', 'kind=>test-note' from unnest(array['not a ulid', '', '1', 'ä', repeat('9', 300)]) id",
        )
        .await;
    let worker = bench.worker(Registry::new().register(notes(|_| Outcome::Done)));
    bench.empty().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_kind_that_nobody_knows_is_killed_in_the_queues_of_the_worker() {
    let bench = Bench::new().await;
    bench
        .execute(
            "insert into apalis.jobs (id, job_type, job, metadata) values
             ('a', 'mail', '{}', 'kind=>unheard-of'), ('b', 'exports', '{}', 'kind=>anothers')",
        )
        .await;
    let worker = bench.worker(Registry::new().register(notes(|_| Outcome::Done)));
    assert_eq!(bench.killed().await.error(), "no worker knows the kind unheard-of");
    worker.stop().await;
    let statuses: Vec<String> = bench.rows().await.into_iter().map(|row| row.status).collect();
    assert_eq!(statuses, ["Killed", "Pending"]);
}
