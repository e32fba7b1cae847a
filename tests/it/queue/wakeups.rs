//! Idle workers hear of what comes. They poll once a minute here, so that a wake-up that is lost fails a test by its bound.

use super::support::{Bench, Note, Seen, notes, settings};
use std::sync::Arc;
use std::time::Duration;
use tenon_common::db::Wake;
use tenon_common::queue::{Claimed, Outcome, Registration, Registry, Settings};
use tenon_tests::eventually;
use tokio::sync::Barrier;

const WORKERS: usize = 6;

/// None takes more than its handlers can begin with, which others would have to wait for.
fn patient() -> Settings {
    Settings { poll_every: Duration::from_secs(60), max_ahead: 0, ..settings() }
}

/// Workers that listen, and have nothing to do.
async fn idle(bench: &Bench, registry: impl Fn() -> Registry) -> Vec<super::support::Running> {
    let workers = (0..WORKERS).map(|_| bench.worker_with(registry(), patient())).collect();
    eventually("all workers listen", async || {
        let listening: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and query like 'LISTEN%' and state = 'idle'",
        )
        .fetch_one(&bench.pool)
        .await
        .unwrap();
        listening == WORKERS as i64
    })
    .await;
    workers
}

#[tokio::test]
async fn idle_workers_are_all_woken_by_one_insert() {
    let bench = Bench::new().await;
    // A job ends when each of the workers has one.
    let all = Arc::new(Barrier::new(WORKERS));
    let workers = idle(&bench, || {
        let all = Arc::clone(&all);
        Registry::new().register(Registration::<Note>::new(move |_: Claimed<Note>| {
            let all = Arc::clone(&all);
            async move {
                all.wait().await;
                Outcome::Done
            }
        }))
    })
    .await;
    for _ in 0..5 {
        bench.notes(WORKERS as i64).await;
        bench.empty().await;
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn each_of_many_single_inserts_is_heard_of() {
    let bench = Bench::new().await;
    let seen = Seen::new();
    let workers = idle(&bench, || {
        let into = seen.clone();
        Registry::new().register(notes(move |note| {
            into.push(note.args.n);
            Outcome::Done
        }))
    })
    .await;
    for n in 0..200 {
        bench.enqueue(None, &[Note { n }]).await;
        seen.reaches(n as usize + 1).await;
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn what_is_told_after_the_commit_is_heard_of_too() {
    let bench = Bench::new().await;
    let seen = Seen::new();
    let workers = idle(&bench, || {
        let into = seen.clone();
        Registry::new().register(notes(move |note| {
            into.push(note.args.n);
            Outcome::Done
        }))
    })
    .await;
    let wake = Wake::start(&bench.pool, &tenon_common::tasks::Tasks::default());
    for n in 0..100 {
        let mut tx = bench.pool.begin_with("BEGIN; SET LOCAL app.notify = 'off'").await.unwrap();
        tenon_common::job::enqueue(&mut tx, None, &Note { n }).await.unwrap();
        tx.commit().await.unwrap();
        wake.touch(tenon_common::job::Queue::Mail);
        seen.reaches(n as usize + 1).await;
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_retry_and_a_snooze_come_back_without_a_notification() {
    let bench = Bench::new().await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker_with(
        Registry::new().register(notes(move |note| match into.push(note.job.attempt) {
            1 => Outcome::retry_in(Duration::from_millis(100), "once"),
            2 => Outcome::snooze(Duration::from_millis(100)),
            _ => Outcome::Done,
        })),
        patient(),
    );
    bench.notes(1).await;
    bench.empty().await;
    assert_eq!(seen.all(), [1, 2, 2]);
    worker.stop().await;
}

#[tokio::test]
async fn where_nobody_can_listen_the_poll_finds_jobs() {
    let bench = Bench::new().await;
    let seen = Seen::new();
    let into = seen.clone();
    // A pooler in transaction mode, say; here nobody is there at all.
    let deaf = Settings { direct_url: Some("postgres://nobody@127.0.0.1:1/nowhere".into()), ..settings() };
    let worker = bench.worker_with(
        Registry::new().register(notes(move |note| {
            into.push(note.args.n);
            Outcome::Done
        })),
        deaf,
    );
    for n in 0..5 {
        bench.enqueue(None, &[Note { n }]).await;
        seen.reaches(n as usize + 1).await;
    }
    worker.stop().await;
}
