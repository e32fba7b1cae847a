//! What a handler answers is what becomes of the row.

use super::support::{Bench, Letter, Note, Seen, endless, notes};
use chrono::Utc;
use sqlx::Connection;
use std::time::Duration;
use tenon_common::queue::{Claimed, Lost, Outcome, Registration, Registry};
use tenon_tests::eventually;

#[tokio::test]
async fn a_failed_job_waits_in_its_row_and_is_run_again() {
    let bench = Bench::new().await;
    bench.notes(1).await;
    let worker = bench
        .worker(Registry::new().register(notes(|_| Outcome::retry_in(Duration::from_secs(3600), "refused"))));
    let row =
        eventually("it has failed", async || Some(bench.row().await).filter(|row| row.attempts == 1)).await;
    assert_eq!(
        (row.status.as_str(), row.error(), row.waits, row.lock_by.as_deref()),
        ("Pending", "refused", true, None)
    );
    worker.stop().await;

    bench.execute("update apalis.jobs set run_at = now()").await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.job.attempt);
        if note.job.attempt == 2 {
            Outcome::RetryAt { error: "no".into(), at: Utc::now() }
        } else {
            Outcome::Done
        }
    })));
    bench.empty().await;
    assert_eq!(seen.all(), [2, 3]);
    worker.stop().await;
}

#[tokio::test]
async fn an_error_is_not_run_again_at_once() {
    let bench = Bench::new().await;
    bench.notes(1).await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker =
        bench.worker(Registry::new().register(Registration::<Note>::new(move |note: Claimed<Note>| {
            into.push(note.job.attempt);
            async { Outcome::from(Err("no")) }
        })));
    let row =
        eventually("it has failed", async || Some(bench.row().await).filter(|row| row.attempts == 1)).await;
    assert_eq!((row.status.as_str(), row.error(), row.waits), ("Pending", "no", true));
    // What comes meanwhile is no reason to look at it.
    bench.enqueue(None, &[Note { n: 1 }]).await;
    eventually("the second has failed too", async || {
        let rows = bench.rows().await;
        rows.len() == 2 && rows.iter().all(|row| row.attempts == 1 && row.waits)
    })
    .await;
    assert_eq!(seen.all(), [1, 1]);
    worker.stop().await;
}

#[tokio::test]
async fn the_last_attempt_that_fails_kills_the_job_and_keeps_it() {
    let bench = Bench::new().await;
    bench.notes(1).await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.job.attempt);
        Outcome::retry(format!("failure {}", note.job.attempt))
    })));
    let row = bench.killed().await;
    assert_eq!((row.attempts, row.error(), row.lock_by.as_deref()), (3, "failure 3", None));
    assert_eq!(seen.all(), [1, 2, 3]);
    worker.stop().await;
}

#[tokio::test]
async fn a_snooze_counts_as_no_attempt() {
    let bench = Bench::new().await;
    bench.notes(1).await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        let times = into.push(note.job.attempt);
        if times < 6 { Outcome::snooze(Duration::from_millis(10)) } else { Outcome::Done }
    })));
    bench.empty().await;
    assert_eq!(seen.all(), [1; 6]);
    worker.stop().await;
}

#[tokio::test]
async fn kill_keeps_the_row_and_discard_deletes_it() {
    let bench = Bench::new().await;
    bench.notes(2).await;
    let worker = bench.worker(Registry::new().register(notes(|note| match note.args.n {
        0 => Outcome::kill("for good"),
        _ => Outcome::Discard { reason: "its tenant is gone".into() },
    })));
    assert_eq!(bench.killed().await.error(), "for good");
    eventually("the other is gone", async || bench.rows().await.len() == 1).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_handler_completes_its_job_in_its_own_transaction() {
    let bench = Bench::new().await;
    bench.execute("create table effects (n bigint); grant insert on effects to public").await;
    bench.notes(2).await;
    let (url, taken, seen) = (bench.database.worker_url().to_owned(), bench.pool.clone(), Seen::new());
    let into = seen.clone();
    let handler = move |note: Claimed<Note>| {
        let (url, taken, into) = (url.clone(), taken.clone(), into.clone());
        async move {
            if note.args.n == 1 {
                // As a sweep and another worker's claim would.
                let steal = "update apalis.jobs set lock_by = 'another' where id = $1";
                sqlx::query(steal).bind(&*note.job.id).execute(&taken).await.unwrap();
            }
            let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
            let mut tx = connection.begin().await.unwrap();
            sqlx::query("insert into effects values ($1)").bind(note.args.n).execute(&mut *tx).await.unwrap();
            let completed = note.job.complete(&mut tx).await.unwrap();
            match completed {
                Ok(()) => tx.commit().await.unwrap(),
                Err(Lost) => tx.rollback().await.unwrap(),
            }
            into.push((note.args.n, completed));
            Outcome::AlreadyDone
        }
    };
    // Not swept: this is about the fence.
    let settings =
        tenon_common::queue::Settings { dead_after: Duration::from_secs(60), ..super::support::settings() };
    let worker = bench.worker_with(Registry::new().register(Registration::<Note>::new(handler)), settings);
    let mut done = seen.reaches(2).await;
    done.sort_by_key(|(n, _)| *n);
    assert_eq!(done, [(0, Ok(())), (1, Err(Lost))]);
    worker.stop().await;
    let effects: Vec<i64> = sqlx::query_scalar("select n from effects").fetch_all(&bench.pool).await.unwrap();
    assert_eq!(effects, [0]);
    assert_eq!(bench.row().await.lock_by.as_deref(), Some("another"));
}

#[tokio::test]
async fn a_slow_kind_leaves_room_for_others() {
    let bench = Bench::new().await;
    bench.notes(100).await;
    let (hanging, seen) = (Seen::new(), Seen::new());
    let into = seen.clone();
    let letters = Registration::<Letter>::new(move |letter: Claimed<Letter>| {
        into.push(letter.args.n);
        async { Outcome::Done }
    });
    let settings =
        tenon_common::queue::Settings { drain_deadline: Duration::ZERO, ..super::support::settings() };
    let worker = bench.worker_with(Registry::new().register(endless(&hanging)).register(letters), settings);
    hanging.reaches(4).await;
    bench.enqueue(None, &[Letter { n: 7 }]).await;
    assert_eq!(seen.reaches(1).await, [7]);
    let held: i64 = sqlx::query_scalar(
        "select count(*) from apalis.jobs where lock_by is not null and job_type = 'mail'",
    )
    .fetch_one(&bench.pool)
    .await
    .unwrap();
    assert_eq!(held, 4, "a kind that finishes nothing claims nothing ahead");
    worker.stop().await;
}
