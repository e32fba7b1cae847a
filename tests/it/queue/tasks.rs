//! Tasks of a worker that panic in the midst of their work: what they held is not lost, and nothing is done twice.

use super::support::{Bench, Note, Seen, notes, settings};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use tenon_common::queue::{
    Acked, Acknowledge, Claimed, Outcome, Prepare, Registration, Registry, Settings, ack,
};
use tenon_common::tasks::Tasks;
use tenon_tests::eventually;
use tokio::sync::Semaphore;

fn with(tasks: &Tasks) -> Settings {
    Settings { tasks: tasks.clone(), ..settings() }
}

#[tokio::test]
async fn an_acker_that_panics_again_and_again_loses_no_outcome_and_writes_none_twice() {
    let (bench, tasks, seen) = (Bench::new().await, Tasks::default(), Seen::new());
    let into = seen.clone();
    let registry = Registry::new().register(notes(move |note| {
        into.push(note.args.n);
        Outcome::Done
    }));
    let worker = bench.worker_with(registry, with(&tasks));
    for round in 0..4 {
        assert!(tasks.inject_panics("acker", 1));
        bench.enqueue(None, &(0..50).map(|n| Note { n: round * 50 + n }).collect::<Vec<_>>()).await;
        eventually("the acker is begun again", async || tasks.restarts("acker") > round.cast_unsigned())
            .await;
    }
    bench.empty().await;
    let mut ran = seen.all();
    ran.sort_unstable();
    assert_eq!(ran, (0..200).collect::<Vec<_>>());
    worker.stop().await;
}

#[tokio::test]
async fn what_becomes_of_a_job_is_written_though_the_worker_of_its_kind_panicked_meanwhile() {
    let (bench, tasks, seen) = (Bench::new().await, Tasks::default(), Seen::new());
    let (go_on, into) = (Arc::new(Semaphore::new(0)), seen.clone());
    let waits = Arc::clone(&go_on);
    let registration = Registration::new(move |note: Claimed<Note>| {
        let (waits, into) = (Arc::clone(&waits), into.clone());
        async move {
            into.push(note.args.n);
            waits.acquire().await.expect("never closed").forget();
            Outcome::Done
        }
    });
    let worker = bench.worker_with(Registry::new().register(registration.concurrency(2)), with(&tasks));
    bench.notes(2).await;
    seen.reaches(2).await;
    assert!(tasks.inject_panics("handlers/test-note", 1));
    eventually("it is begun again", async || tasks.restarts("handlers/test-note") == 1).await;
    go_on.add_permits(4);
    bench.empty().await;
    bench.notes(2).await;
    bench.empty().await;
    assert_eq!(seen.all().len(), 4, "none ran twice");
    worker.stop().await;
}

#[tokio::test]
async fn a_fetcher_that_panics_while_jobs_come_leaves_none_behind() {
    let (bench, tasks, seen) = (Bench::new().await, Tasks::default(), Seen::new());
    let into = seen.clone();
    let registry = Registry::new().register(notes(move |note| {
        into.push(note.args.n);
        Outcome::Done
    }));
    let worker = bench.worker_with(registry, with(&tasks));
    bench.notes(100).await;
    assert!(tasks.inject_panics("fetcher", 2));
    bench.notes(100).await;
    eventually("it is begun again", async || tasks.restarts("fetcher") == 2).await;
    bench.empty().await;
    assert_eq!(seen.all().len(), 200);
    worker.stop().await;
}

struct Nothing;

impl Prepare<Note> for Nothing {
    async fn prepare(&self, _: &mut [Claimed<Note>]) -> tenon_common::Result<Vec<(usize, Outcome)>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn jobs_whose_preparing_panics_have_failed_once_and_the_panic_is_counted() {
    let (bench, tasks, seen) = (Bench::new().await, Tasks::default(), Seen::new());
    let into = seen.clone();
    let registration = notes(move |note| {
        into.push(note.job.attempt);
        Outcome::Done
    });
    let worker = bench.worker_with(Registry::new().register(registration.prepare(Nothing)), with(&tasks));
    assert!(tasks.inject_panics("preparing", 1));
    bench.notes(1).await;
    bench.empty().await;
    assert_eq!((seen.all(), tasks.restarts("preparing")), (vec![2], 1));
    assert_eq!(tasks.away(), []);
    worker.stop().await;
}

/// Writes no book about 7: it panics.
struct Superstitious;

impl Acknowledge<Note> for Superstitious {
    type Record = i64;

    async fn acknowledge(
        &self,
        connection: &mut PgConnection,
        worker: &str,
        acked: &[Acked<'_, i64>],
    ) -> Result<(), sqlx::Error> {
        assert!(acked.iter().all(|acked| acked.record != Some(&7)), "not that number");
        let mut tx = connection.begin().await?;
        ack::write(&mut tx, worker, acked.iter().map(|acked| (acked.job, acked.settled))).await?;
        tx.commit().await
    }
}

#[tokio::test]
async fn of_a_batch_whose_acknowledgement_panics_only_the_offender_is_killed() {
    let (bench, tasks) = (Bench::new().await, Tasks::default());
    bench.notes(40).await;
    let registration = notes(|note| {
        note.record(note.args.n);
        Outcome::Done
    });
    let registry = Registry::new().register(registration.concurrency(50).acknowledge(Superstitious));
    let worker = bench.worker_with(registry, with(&tasks));
    let killed = bench.killed().await;
    assert!(killed.error().contains("panicked: not that number"), "{killed:?}");
    eventually("the others are done", async || bench.rows().await.len() == 1).await;
    assert!(tasks.restarts("acker/test-note") >= 4, "they are counted");
    worker.stop().await;
}

#[tokio::test]
async fn a_keeper_that_panics_says_again_that_the_worker_lives() {
    let (bench, tasks) = (Bench::new().await, Tasks::default());
    let worker = bench.worker_with(Registry::new().register(notes(|_| Outcome::Done)), with(&tasks));
    let last_seen = async || {
        let seen: Option<Option<chrono::DateTime<chrono::Utc>>> =
            sqlx::query_scalar("select max(last_seen) from apalis.workers")
                .fetch_optional(&bench.pool)
                .await
                .unwrap();
        seen.flatten()
    };
    let before = eventually("it has said so", last_seen).await;
    assert!(tasks.inject_panics("keeper", 1));
    eventually("it is begun again", async || tasks.restarts("keeper") == 1).await;
    let after =
        eventually("it says so again", async || last_seen().await.filter(|seen| *seen > before)).await;
    assert!(after - before < chrono::TimeDelta::seconds(20));
    worker.stop().await;
}
