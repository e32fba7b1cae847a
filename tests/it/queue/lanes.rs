//! Lanes that may not have as much as there is room for: in one worker, and in all of them together.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::support::{Bench, Note, Seen, notes};
use tenon_common::job::EncodedJob;
use tenon_common::queue::{Admission, Claimed, Outcome, Registration, Registry};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Ten of each lane, two of the one that hangs.
struct Two(String);

impl Admission for Two {
    fn usual(&self) -> usize {
        10
    }

    fn limit(&self, lane: &str) -> usize {
        if lane == self.0 { 2 } else { 10 }
    }

    fn limited(&self) -> Vec<Arc<str>> {
        vec![self.0.as_str().into()]
    }
}

fn notes_of(tenant: Uuid, part: Uuid, count: i64, n: i64) -> Vec<EncodedJob> {
    let note = |_| EncodedJob::new(&Note { n }, Some(tenant), None).unwrap().apart(part);
    (0..count).map(note).collect()
}

#[tokio::test]
async fn of_a_lane_that_hangs_no_more_is_held_than_it_may_have_and_others_go_on() {
    let bench = Bench::new().await;
    let (tenant, hanging, quick) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    bench.insert(notes_of(tenant, hanging, 300, 0)).await;
    bench.insert(notes_of(tenant, quick, 100, 1)).await;
    let (seen, gate) = (Seen::new(), Arc::new(Semaphore::new(0)));
    let (into, closed) = (seen.clone(), Arc::clone(&gate));
    let handler = Registration::<Note>::new(move |note: Claimed<Note>| {
        let (into, closed) = (into.clone(), Arc::clone(&closed));
        async move {
            if note.args.n == 0 {
                closed.acquire().await.unwrap().forget();
            }
            into.push(note.args.n);
            Outcome::Done
        }
    });
    let lane = format!("{tenant}/{hanging}");
    let worker = bench.worker(Registry::new().register(handler.concurrency(50).admission(Two(lane.clone()))));
    assert_eq!(seen.reaches(100).await, vec![1; 100], "the other lane is done first");
    let held = "select count(*) from apalis.jobs where lock_by is not null and lane = $1";
    let held: i64 = sqlx::query_scalar(held).bind(lane).fetch_one(&bench.pool).await.unwrap();
    assert_eq!(held, 2);
    gate.add_permits(300);
    seen.reaches(400).await;
    bench.empty().await;
    worker.stop().await;
}

#[tokio::test]
async fn three_workers_together_hold_no_more_of_a_lane_than_it_may_have() {
    let bench = Bench::new().await;
    let (tenant, part) = (Uuid::now_v7(), Uuid::now_v7());
    keeps(&bench, tenant, part, None, Some(4)).await;
    bench.insert(notes_of(tenant, part, 80, 0)).await;
    let (running, most, done) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)), Seen::new());
    let worker = || {
        let (running, most, done) = (Arc::clone(&running), Arc::clone(&most), done.clone());
        let handler = Registration::<Note>::new(move |_note: Claimed<Note>| {
            let (running, most, done) = (Arc::clone(&running), Arc::clone(&most), done.clone());
            async move {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                running.fetch_sub(1, SeqCst);
                done.push(0);
                Outcome::Done
            }
        });
        bench.worker(Registry::new().register(handler.concurrency(50).admission(Two(String::new()))))
    };
    let workers = [worker(), worker(), worker()];
    done.reaches(80).await;
    assert_eq!(most.load(SeqCst), 4);
    bench.empty().await;
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn three_workers_together_begin_no_more_of_a_lane_in_a_second_than_it_may_have() {
    let bench = Bench::new().await;
    let (tenant, part) = (Uuid::now_v7(), Uuid::now_v7());
    keeps(&bench, tenant, part, Some(100), None).await;
    bench.insert(notes_of(tenant, part, 120, 0)).await;
    let began = Seen::new();
    let worker = || {
        let into = began.clone();
        let handler = notes(move |_| {
            into.push(Instant::now());
            Outcome::Done
        });
        bench.worker(Registry::new().register(handler.concurrency(50).admission(Two(String::new()))))
    };
    let before = Instant::now();
    let workers = [worker(), worker(), worker()];
    let mut began = began.reaches(120).await;
    began.sort_unstable();
    // What begins late, on a machine that is busy, makes none begin early: the times are a hundredth of a second apart from the first on.
    let slack = Duration::from_millis(10);
    let time = |number: usize| before + Duration::from_millis(10) * u32::try_from(number).unwrap();
    let early = began.iter().enumerate().filter(|(number, at)| **at + slack < time(*number));
    assert_eq!(early.count(), 0, "{:?}", began.iter().map(|at| *at - before).collect::<Vec<_>>());
    bench.empty().await;
    for worker in workers {
        worker.stop().await;
    }
}

async fn keeps(bench: &Bench, tenant: Uuid, part: Uuid, per_second: Option<i32>, at_once: Option<i32>) {
    sqlx::query("insert into apalis.lanes (lane, max_per_second, max_concurrency) values ($1, $2, $3)")
        .bind(format!("{tenant}/{part}"))
        .bind(per_second)
        .bind(at_once)
        .execute(&bench.pool)
        .await
        .unwrap();
}
