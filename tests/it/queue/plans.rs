//! How the database goes about the queue's statements, however large the table.

use super::support::{Bench, Seen, notes, settings};
use std::time::Duration;
use tenon_common::queue::{Outcome, Registry, Settings};
use tenon_tests::eventually;

/// What was counted of the table of jobs: scans of all of it, and scans of its indexes.
async fn scans(bench: &Bench) -> (i64, i64) {
    sqlx::query_as(
        "select seq_scan, idx_scan from pg_stat_user_tables where schemaname = 'apalis' and relname = 'jobs'",
    )
    .fetch_one(&bench.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn no_statement_of_a_worker_scans_the_table() {
    let bench = Bench::new().await;
    bench
        .execute(
            "insert into apalis.jobs (id, job_type, job, metadata, status, run_at, done_at)
             select 'old' || n, 'mail', '{}', ('kind=>test-note, lane=>' || n % 100)::hstore,
                    case when n % 2 = 0 then 'Killed' else 'Pending' end, now() + interval '1 hour', now()
             from generate_series(1, 50000) n",
        )
        .await;
    // Of a worker that is dead: the sweep has something to do.
    bench
        .execute(
            "insert into apalis.jobs (id, job_type, job, metadata, status, lock_by, lock_at)
             values ('orphan', 'mail', '{\"n\": 2000}', 'kind=>test-note', 'Running', 'nobody', now() - interval '1 minute')",
        )
        .await;
    bench.execute("analyze apalis.jobs").await;
    bench.notes(2000).await;
    let (seen, before) = (Seen::new(), scans(&bench).await);
    let into = seen.clone();
    let busy = Settings { sample_every: Duration::from_millis(50), ..settings() };
    let worker = bench.worker_with(
        Registry::new().register(notes(move |note| {
            into.push(note.args.n);
            match note.args.n % 10 {
                0 if note.args.n < 2000 && note.job.attempt == 1 => Outcome::retry_in(Duration::ZERO, "once"),
                1 => Outcome::kill("for good"),
                _ => Outcome::Done,
            }
        })),
        busy,
    );
    seen.reaches(2201).await;
    // Its connections tell what they did when they close.
    worker.stop().await;
    let after = eventually("the worker's scans are counted", async || {
        let after = scans(&bench).await;
        (after.1 - before.1 > 100).then_some(after)
    })
    .await;
    assert_eq!(after.0, before.0, "the whole table was scanned");
}

#[tokio::test]
async fn no_index_of_the_queue_is_there_twice() {
    let bench = Bench::new().await;
    let twice: Vec<String> = sqlx::query_scalar(
        "select string_agg(indexrelid::regclass::text, ', ')
         from pg_index where indrelid in ('apalis.jobs'::regclass, 'apalis.workers'::regclass)
         group by indrelid, indkey, indclass, coalesce(indpred::text, ''), coalesce(indexprs::text, '')
         having count(*) > 1",
    )
    .fetch_all(&bench.pool)
    .await
    .unwrap();
    assert_eq!(twice, Vec::<String>::new());
}
