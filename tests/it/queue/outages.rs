//! A database that goes away under the workers.

use super::support::{Bench, Seen, notes};
use std::collections::HashSet;
use std::time::Duration;
use tenon_common::queue::{Outcome, Registry};
use tenon_tests::{Cluster, Profile, eventually};

#[tokio::test]
async fn connections_that_break_lose_nothing() {
    let bench = Bench::new().await;
    bench.notes(3000).await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.args.n);
        Outcome::Done
    })));
    for part in 1..=5 {
        seen.reaches(part * 400).await;
        bench
            .execute(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid() and usename like '%worker%'",
            )
            .await;
    }
    let all = eventually("all have run", async || {
        let ran: HashSet<i64> = seen.all().into_iter().collect();
        (ran.len() == 3000).then_some(ran)
    })
    .await;
    assert_eq!(all.len(), 3000);
    // A claim whose answer was lost is missed after 10 s.
    bench.empty().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_is_waited_for() {
    let cluster = Cluster::private(Profile::Test).await.unwrap();
    let bench = Bench::on(&cluster).await;
    bench.notes(200).await;
    let seen = Seen::new();
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.args.n);
        std::thread::sleep(Duration::from_millis(1));
        Outcome::Done
    })));
    seen.reaches(20).await;
    cluster.stop().await.unwrap();
    cluster.start_again().await.unwrap();
    let bench = Bench { pool: sqlx::PgPool::connect_lazy(bench.database.admin_url()).unwrap(), ..bench };
    bench.empty().await;
    assert_eq!(seen.all().into_iter().collect::<HashSet<_>>().len(), 200);
    bench.notes(1).await;
    bench.empty().await;
    worker.stop().await;
    drop(bench);
}
