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

#[tokio::test]
async fn no_error_of_the_database_ends_a_worker() {
    let bench = Bench::new().await;
    // Every other claim or acknowledgement is refused: not allowed, no room, a conflict, a deadlock, cancelled, broken, and with
    // a code that PostgreSQL itself does not know.
    bench
        .execute(
            "create sequence statements;
             grant usage on sequence statements to public;
             create function refuse() returns trigger language plpgsql as $$
             declare
                 codes text[] := array['42501', '53100', '40001', '40P01', '57014', 'XX001', 'ZZ999'];
                 number integer := nextval('statements');
             begin
                 if number % 2 = 0 and number <= 80 then
                     raise exception 'refused' using errcode = codes[1 + number / 2 % 7];
                 end if;
                 return null;
             end $$;
             create trigger refuse after update or delete on apalis.jobs for each statement execute function refuse()",
        )
        .await;
    bench.notes(100).await;
    let worker = bench.worker(Registry::new().register(notes(|_| Outcome::Done)));
    bench.empty().await;
    eventually("all were refused in turn", async || {
        let statements: i64 =
            sqlx::query_scalar("select last_value from statements").fetch_one(&bench.pool).await.unwrap();
        if statements > 80 { Ok(()) } else { Err(statements.to_string()) }
    })
    .await;
    bench.notes(1).await;
    bench.empty().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_table_that_is_away_and_back_is_waited_for() {
    let bench = Bench::new().await;
    let (seen, errors) =
        (Seen::new(), "select xact_rollback from pg_stat_database where datname = current_database()");
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push(note.args.n);
        Outcome::Done
    })));
    bench.notes(1).await;
    seen.reaches(1).await;
    let count = async || sqlx::query_scalar::<_, i64>(errors).fetch_one(&bench.pool).await.unwrap();
    let before = count().await;
    bench.execute("alter table apalis.jobs rename to elsewhere").await;
    eventually("statements have failed", async || count().await > before + 5).await;
    bench.execute("alter table apalis.elsewhere rename to jobs").await;
    bench.notes(1).await;
    bench.empty().await;
    worker.stop().await;
}
