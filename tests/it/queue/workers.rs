//! Workers that die, that are taken for dead, that stop.

use super::support::{Bench, Note, Seen, endless, notes, settings};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tenon_common::queue::{Claimed, Outcome, Registration, Registry, Settings};
use tenon_tests::eventually;
use tokio::sync::Notify;

#[tokio::test]
async fn what_a_dead_worker_held_is_run_by_another() {
    let bench = Bench::new().await;
    bench.notes(10).await;
    let (held, seen) = (Seen::new(), Seen::new());
    let doomed = bench.mortal(Registry::new().register(endless(&held)));
    held.reaches(4).await;
    doomed.kill();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push((note.args.n, note.job.attempt));
        Outcome::Done
    })));
    bench.empty().await;
    let mut ran = seen.all();
    ran.sort_unstable();
    assert_eq!(ran, (0..10).map(|n| (n, 1)).collect::<Vec<_>>(), "and no attempt was counted for the dead");
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_workers_die_of_is_killed() {
    let bench = Bench::new().await;
    bench.notes(1).await;
    bench.execute("update apalis.jobs set orphaned = 4").await;
    let held = Seen::new();
    let doomed = bench.mortal(Registry::new().register(endless(&held)));
    held.reaches(1).await;
    doomed.kill();
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.args.n);
        Outcome::Done
    })));
    let row = bench.killed().await;
    assert_eq!((row.orphaned, row.error()), (5, "5 workers died while they held it"));
    assert_eq!(seen.all(), Vec::<i64>::new());
    worker.stop().await;
}

#[tokio::test]
async fn many_workers_run_each_job_once() {
    let bench = Bench::new().await;
    bench.notes(2000).await;
    let seen = Seen::new();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let into = seen.clone();
            bench.worker(Registry::new().register(notes(move |note| {
                into.push(note.args.n);
                Outcome::Done
            })))
        })
        .collect();
    bench.empty().await;
    let ran = seen.all();
    assert_eq!((ran.len(), ran.iter().collect::<HashSet<_>>().len()), (2000, 2000));
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn an_answer_about_a_job_that_another_holds_by_now_changes_nothing() {
    let bench = Bench::new().await;
    bench.notes(1).await;
    let (seen, go) = (Seen::new(), Arc::new(Notify::new()));
    let (into, wait) = (seen.clone(), Arc::clone(&go));
    let registration = Registration::<Note>::new(move |note: Claimed<Note>| {
        let (into, wait) = (into.clone(), Arc::clone(&wait));
        async move {
            into.push(note.args.n);
            wait.notified().await;
            Outcome::Done
        }
    });
    let patient = Settings { dead_after: Duration::from_secs(60), ..settings() };
    let worker = bench.worker_with(Registry::new().register(registration), patient);
    seen.reaches(1).await;
    bench.execute("update apalis.jobs set lock_by = 'another'").await;
    go.notify_one();
    // Its answer has been written when it has stopped.
    worker.stop().await;
    let row = bench.row().await;
    assert_eq!((row.status.as_str(), row.lock_by.as_deref()), ("Running", Some("another")));
}

#[tokio::test]
async fn a_worker_that_was_given_up_goes_on_under_another_name() {
    let bench = Bench::new().await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.job.worker.to_string());
        Outcome::Done
    })));
    bench.notes(1).await;
    assert_eq!(seen.reaches(1).await, std::slice::from_ref(&worker.name));
    bench.execute("delete from apalis.workers").await;
    eventually("it is back", async || {
        let workers: i64 =
            sqlx::query_scalar("select count(*) from apalis.workers").fetch_one(&bench.pool).await.unwrap();
        workers == 1
    })
    .await;
    bench.notes(1).await;
    assert_ne!(seen.reaches(2).await[1], worker.name);
    worker.stop().await;
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_handed_back() {
    let bench = Bench::new().await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.args.n);
        Outcome::Done
    })));
    sqlx::query(
        "insert into apalis.jobs (id, job_type, job, metadata, status, lock_by, lock_at)
         values ('lost', 'mail', '{\"n\": 5}', 'kind=>test-note', 'Running', $1, now() - interval '1 minute')",
    )
    .bind(&worker.name)
    .execute(&bench.pool)
    .await
    .unwrap();
    assert_eq!(seen.reaches(1).await, [5]);
    worker.stop().await;
}

#[tokio::test]
async fn a_stop_hands_back_what_has_not_ended_and_counts_nothing() {
    let bench = Bench::new().await;
    bench.notes(20).await;
    let seen = Seen::new();
    let hurried = Settings { drain_deadline: Duration::from_millis(100), ..settings() };
    let worker = bench.worker_with(Registry::new().register(endless(&seen)), hurried);
    seen.reaches(4).await;
    worker.stop().await;
    let rows = bench.rows().await;
    assert_eq!(rows.len(), 20);
    for row in rows {
        let facts = (row.status.as_str(), row.attempts, row.orphaned, row.lock_by.as_deref(), row.waits);
        assert_eq!(facts, ("Pending", 0, 0, None, false));
    }
    let workers: i64 =
        sqlx::query_scalar("select count(*) from apalis.workers").fetch_one(&bench.pool).await.unwrap();
    assert_eq!(workers, 0);
}

#[tokio::test]
async fn a_stop_waits_for_what_runs() {
    let bench = Bench::new().await;
    bench.notes(1).await;
    let (seen, go) = (Seen::new(), Arc::new(Notify::new()));
    let (into, wait) = (seen.clone(), Arc::clone(&go));
    let worker =
        bench.worker(Registry::new().register(Registration::<Note>::new(move |note: Claimed<Note>| {
            let (into, wait) = (into.clone(), Arc::clone(&wait));
            async move {
                into.push(note.args.n);
                wait.notified().await;
                Outcome::Done
            }
        })));
    seen.reaches(1).await;
    let stopping = tokio::spawn(worker.stop());
    bench.notes(1).await;
    go.notify_one();
    stopping.await.unwrap();
    // The first was finished and written, the second was not begun.
    assert_eq!((seen.all().len(), bench.row().await.status.as_str()), (1, "Pending"));
}
