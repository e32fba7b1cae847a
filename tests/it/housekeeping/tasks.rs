//! The tasks of a worker: how often, who does them, and what is seen of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use tenon_common::Error;
use tenon_tests::stack::Stack;
use tenon_tests::{Client, Cluster, Process, TestDatabase, eventually};
use tenon_worker::housekeeping::{Batch, Outcome, Run, Task};

use super::{behind, count, means, run};

const EXPIRED: &str = "
    insert into tenon.idempotency_keys (tenant_id, key_hash, answer, expires_at)
    select t.id, decode(lpad(to_hex(n), 64, '0'), 'hex'), '', now() + make_interval(hours => case when n <= 3 then -1 else 1 end)
    from tenon.tenants t, generate_series(1, 5) n";

/// A worker that looks five times a second.
async fn busy(database: &TestDatabase) -> Process {
    Stack::worker(database, "0").env("TENON_HOUSEKEEPING_EVERY", "0.2").start().await
}

async fn metrics(worker: &Process) -> String {
    Client::new(&worker.operations_url()).get("/metrics").await.text()
}

/// The value of a series.
fn value(metrics: &str, series: &str) -> f64 {
    let found = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {series} in {metrics}"))
}

#[tokio::test]
async fn a_worker_does_every_task_by_itself_and_shows_it() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    Stack::tenant(&database, "Acme").await;
    let mut admin = database.connect().await;
    behind(&mut admin, EXPIRED).await;
    let worker = busy(&database).await;
    let keys = "select count(*) from tenon.idempotency_keys";
    eventually("what has expired is removed", async || count(&mut database.connect().await, keys).await == 2)
        .await;
    let series = |name: &str, labels: &str| format!("{name}{{task=\"idempotency-keys\"{labels}}}");
    let removed = series("tenon_housekeeping_removed_total", "");
    let done = series("tenon_housekeeping_runs_total", ",outcome=\"done\"");
    let last = series("tenon_housekeeping_last_success_timestamp_seconds", "");
    eventually("it is counted", async || value(&metrics(&worker).await, &removed) == 3.0).await;
    let first = metrics(&worker).await;
    eventually("the next run removes nothing, and succeeds", async || {
        let now = metrics(&worker).await;
        value(&now, &done) > value(&first, &done) && value(&now, &last) > value(&first, &last)
    })
    .await;
    let now = metrics(&worker).await;
    assert_eq!(value(&now, &removed), 3.0);
    assert!(value(&now, &series("tenon_housekeeping_duration_seconds_count", "")) >= 2.0, "{now}");
    // What has nothing to do is seen too.
    for task in ["tenants", "killed-jobs", "partitions-ahead"] {
        assert_eq!(value(&now, &format!("tenon_housekeeping_removed_total{{task=\"{task}\"}}")), 0.0);
    }
}

#[tokio::test]
async fn one_worker_at_a_time_does_a_task() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let (one, other) = (means(&database), means(&database));
    let task = |name| Task::steps(name, Duration::ZERO, |_| async { Ok(Batch { removed: 1, more: false }) });
    let lock = one.db.try_lock("tenon housekeeping test").await.expect("asked").expect("nobody has it");
    assert_eq!(run(&other, &task("test")).await, Run { outcome: Outcome::Busy, removed: 0 });
    assert_eq!(run(&other, &task("another")).await, Run { outcome: Outcome::Done, removed: 1 });
    lock.release().await;
    assert_eq!(run(&other, &task("test")).await, Run { outcome: Outcome::Done, removed: 1 });
    // Whoever dies has it no more.
    drop(one.db.try_lock("tenon housekeeping test").await.expect("asked").expect("nobody has it"));
    eventually("it is free", async || run(&other, &task("test")).await.outcome == Outcome::Done).await;
}

#[tokio::test]
async fn full_batches_are_followed_at_once_and_a_failure_ends_the_run() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let means = means(&database);
    let left = Arc::new(AtomicI64::new(25));
    let task = {
        let left = Arc::clone(&left);
        Task::batches("test", Duration::from_secs(600), 10, move |_, most| {
            let before = left.load(Relaxed);
            let removed = before.min(i64::from(most));
            left.store(before - removed, Relaxed);
            async move { if before == 999 { Err(Error::FileMissing) } else { Ok(removed) } }
        })
    };
    assert_eq!(run(&means, &task).await, Run { outcome: Outcome::Done, removed: 25 });
    assert_eq!(left.load(Relaxed), 0);
    left.store(1009, Relaxed);
    assert_eq!(run(&means, &task).await, Run { outcome: Outcome::Failed, removed: 10 });
    left.store(7, Relaxed);
    assert_eq!(run(&means, &task).await, Run { outcome: Outcome::Done, removed: 7 }, "the next run goes on");
}
