//! Handlers that take more than their job with them: a thread, a process.

use super::support::{Bench, Letter, Note, Seen, settings};
use std::collections::HashSet;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tenon_common::queue::{Claimed, Outcome, Registration, Registry};
use tokio::process::{Child, Command};

/// A process of its own that dies of the note 13.
fn mortal(bench: &Bench) -> Child {
    Command::new(env!("CARGO_BIN_EXE_mortal"))
        .args([bench.database.worker_url(), "13"])
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_job_that_kills_its_process_is_killed_and_the_others_go_on() {
    let bench = Bench::new().await;
    bench.notes(200).await;
    let (mut deaths, end) = (0, Instant::now() + Duration::from_secs(60));
    let mut worker = mortal(&bench);
    let row = loop {
        assert!(Instant::now() < end, "after {deaths} deaths {:?}", bench.rows().await);
        if worker.try_wait().unwrap().is_some() {
            deaths += 1;
            worker = mortal(&bench);
        }
        let mut rows = bench.rows().await;
        if rows.len() == 1 && rows[0].status == "Killed" {
            break rows.remove(0);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((deaths, row.orphaned), (5, 5));
    assert_eq!((row.attempts, row.error()), (1, "5 workers died while they held it"));
    // The worker lives on without it.
    bench.enqueue(None, &[Note { n: 1 }]).await;
    tenon_tests::eventually("the next one is done", async || bench.rows().await.len() == 1).await;
    drop(worker.stdin.take());
    assert!(worker.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_stops_neither_the_heartbeat_nor_other_jobs() {
    let bench = Bench::new().await;
    let (blocked, letters) = (Seen::new(), Seen::new());
    let registry = || {
        let (blocked, letters) = (blocked.clone(), letters.clone());
        let notes = Registration::<Note>::new(move |note: Claimed<Note>| {
            blocked.push(note.args.n);
            std::thread::sleep(settings().dead_after * 4);
            async { Outcome::Done }
        });
        let letters = Registration::<Letter>::new(move |letter: Claimed<Letter>| {
            letters.push(letter.args.n);
            async { Outcome::Done }
        });
        Registry::new().register(notes).register(letters)
    };
    let worker = bench.worker(registry());
    bench.notes(1).await;
    blocked.reaches(1).await;
    for n in 0..50 {
        bench.enqueue(None, &[Letter { n }]).await;
        letters.reaches(n as usize + 1).await;
    }
    // Who would run the job again, if its worker were taken for dead.
    let other = bench.worker(registry());
    bench.empty().await;
    assert_eq!(blocked.all(), [0], "it ran once");
    assert_eq!(letters.all().into_iter().collect::<HashSet<_>>().len(), 50);
    worker.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn handlers_that_block_every_thread_do_not_stop_the_heartbeat() {
    let bench = Bench::new().await;
    let blocked = Seen::new();
    let registry = || {
        let blocked = blocked.clone();
        Registry::new().register(Registration::<Note>::new(move |note: Claimed<Note>| {
            blocked.push(note.args.n);
            std::thread::sleep(settings().dead_after * 4);
            async { Outcome::Done }
        }))
    };
    // It has one thread.
    let worker = bench.mortal(registry());
    bench.notes(1).await;
    blocked.reaches(1).await;
    let other = bench.worker(registry());
    bench.empty().await;
    assert_eq!(blocked.all(), [0], "it ran once");
    worker.kill();
    other.stop().await;
}
