//! What a worker has claimed and no handler has begun: it waits in the local queue, behind handlers that are slow.

use super::support::{Bench, Note, Seen, settings};
use std::collections::HashSet;
use std::time::Duration;
use tenon_common::job::EncodedJob;
use tenon_common::queue::{Claimed, Outcome, Registration, Registry, Settings};
use tenon_tests::eventually;
use uuid::Uuid;

const JOBS: i64 = 20;

/// One batch of one lane runs at a time, and there is room for twenty jobs: those of other lanes wait.
async fn jobs_of_many_lanes(bench: &Bench) {
    let job = |n| EncodedJob::new(&Note { n }, Some(Uuid::now_v7()), None).unwrap();
    bench.insert((0..JOBS).map(job).collect()).await;
}

fn one_at_a_time(seen: &Seen<i64>, takes: Duration) -> Registration<Note> {
    let seen = seen.clone();
    Registration::batch(JOBS as usize, move |batch: Vec<Claimed<Note>>| {
        for note in &batch {
            seen.push(note.args.n);
        }
        async move {
            tokio::time::sleep(takes).await;
            vec![Outcome::Done; batch.len()]
        }
    })
}

async fn held(bench: &Bench) -> i64 {
    sqlx::query_scalar("select count(*) from apalis.jobs where lock_by is not null")
        .fetch_one(&bench.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_waits_behind_slow_handlers_is_not_given_up_and_what_is_done_is_written() {
    let bench = Bench::new().await;
    jobs_of_many_lanes(&bench).await;
    let seen = Seen::new();
    // The last one has waited for five times as long as it takes to be dead.
    let takes = settings().dead_after / 4;
    let worker = bench.worker(Registry::new().register(one_at_a_time(&seen, takes)));
    seen.reaches(1).await;
    assert_eq!(held(&bench).await, JOBS, "all are claimed, one runs");
    let others = Seen::new();
    let other = bench.worker(Registry::new().register(one_at_a_time(&others, takes)));
    for done in 1..JOBS as usize {
        seen.reaches(done + 1).await;
        let left = JOBS - done as i64;
        eventually("what is done is deleted while others wait", async || held(&bench).await <= left).await;
    }
    bench.empty().await;
    assert_eq!(seen.all().into_iter().collect::<HashSet<_>>().len(), JOBS as usize);
    assert_eq!((seen.all().len(), others.all()), (JOBS as usize, vec![]), "each was started once");
    worker.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_deploy_counts_no_attempt_of_what_was_claimed_and_not_begun() {
    let bench = Bench::new().await;
    jobs_of_many_lanes(&bench).await;
    let hurried = Settings { drain_deadline: Duration::from_millis(100), ..settings() };
    // More deploys than the job has attempts, or may be orphaned.
    for _ in 0..6 {
        let seen = Seen::new();
        let registry = Registry::new().register(one_at_a_time(&seen, Duration::from_secs(3600)));
        let worker = bench.worker_with(registry, hurried.clone());
        seen.reaches(1).await;
        assert_eq!(held(&bench).await, JOBS, "all are claimed, one runs");
        worker.stop().await;
        let rows = bench.rows().await;
        assert_eq!(rows.len(), JOBS as usize);
        for row in rows {
            let facts = (row.status.as_str(), row.attempts, row.orphaned, row.lock_by.as_deref());
            assert_eq!(facts, ("Pending", 0, 0, None));
        }
    }
}
