//! Fair turns between lanes.

use super::support::{Bench, Note, Seen, notes, settings};
use chrono::{TimeDelta, Utc};
use std::collections::HashSet;
use tenon_common::job::EncodedJob;
use tenon_common::queue::{Outcome, Registry, Settings};
use uuid::Uuid;

#[tokio::test]
async fn small_lanes_do_not_wait_behind_a_large_one() {
    let bench = Bench::new().await;
    let large = Uuid::now_v7();
    for _ in 0..4 {
        bench.enqueue(Some(large), &vec![Note { n: 0 }; 5000]).await;
    }
    let small: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
    let one_each = small.iter().map(|lane| EncodedJob::new(&Note { n: 1 }, Some(*lane), None).unwrap());
    bench.insert(one_each.collect()).await;

    let seen = Seen::new();
    let into = seen.clone();
    let careful = Settings { max_ahead: 16, ..settings() };
    let worker = bench.worker_with(
        Registry::new().register(notes(move |note| {
            into.push(note.job.lane.unwrap());
            Outcome::Done
        })),
        careful,
    );
    let ran = seen.reaches(1000).await;
    let early: HashSet<Uuid> = ran.into_iter().take(1000).collect();
    assert!(
        small.iter().all(|lane| early.contains(lane)),
        "all small ones ran among the first thousand of 20,050"
    );
    worker.stop().await;
}

#[tokio::test]
async fn lanes_that_only_wait_do_not_hide_what_is_due() {
    let bench = Bench::new().await;
    let in_an_hour = Utc::now() + TimeDelta::hours(1);
    let waiting =
        (0..1000).map(|_| EncodedJob::new(&Note { n: 0 }, Some(Uuid::nil()), None).unwrap().at(in_an_hour));
    let mut jobs: Vec<EncodedJob> = waiting.collect();
    for (number, job) in jobs.iter_mut().enumerate() {
        job.metadata.insert("lane".into(), Some(format!("{number:08}")));
    }
    let last = EncodedJob { lane: None, ..EncodedJob::new(&Note { n: 1 }, Some(Uuid::max()), None).unwrap() };
    jobs.push(last);
    bench.insert(jobs).await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.args.n);
        Outcome::Done
    })));
    assert_eq!(seen.reaches(1).await, [1]);
    worker.stop().await;
}
