//! Inserting: in a tenant's transaction, at a time, once.

use super::support::{Bench, Note, Seen, notes};
use chrono::{TimeDelta, Utc};
use sqlx::{Connection, Executor};
use tenon_common::job::{self, EncodedJob};
use tenon_common::queue::{Outcome, Registry};
use uuid::Uuid;

#[tokio::test]
async fn the_api_adds_jobs_of_its_tenant_and_the_worker_runs_them() {
    let bench = Bench::new().await;
    let (tenant, seen) = (Uuid::now_v7(), Seen::new());
    let into = seen.clone();
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push((note.args.n, note.job.lane, note.job.attempt));
        Outcome::Done
    })));
    let mut app = bench.as_app(tenant).await;
    job::enqueue_many(&mut app, Some(tenant), &[Note { n: 1 }, Note { n: 2 }], None).await.unwrap();
    let mut ran = seen.reaches(2).await;
    ran.sort();
    assert_eq!(ran, [(1, Some(tenant), 1), (2, Some(tenant), 1)]);
    bench.empty().await;
    worker.stop().await;
}

#[tokio::test]
async fn the_api_cannot_add_another_tenants_jobs_or_read_any() {
    let bench = Bench::new().await;
    let mut app = bench.as_app(Uuid::now_v7()).await;
    for lane in [Some(Uuid::now_v7()), None] {
        let refused = job::enqueue(&mut app, lane, &Note { n: 1 }).await.unwrap_err();
        assert!(format!("{refused:?}").contains("row-level security"), "{refused:?}");
    }
    let refused = app.execute("select * from apalis.jobs").await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
}

#[tokio::test]
async fn a_taken_idempotency_key_leaves_the_transaction_whole() {
    let bench = Bench::new().await;
    let tenant = Uuid::now_v7();
    let mut app = bench.as_app(tenant).await;
    let once = || EncodedJob::new(&Note { n: 1 }, Some(tenant), None).unwrap().once("nightly");
    let mut tx = app.begin().await.unwrap();
    assert_eq!(job::insert(&mut tx, [once()]).await.unwrap(), 1);
    assert_eq!(job::insert(&mut tx, [once()]).await.unwrap(), 0);
    job::enqueue(&mut tx, Some(tenant), &Note { n: 2 }).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bench.rows().await.len(), 2);
}

#[tokio::test]
async fn a_job_of_a_later_time_waits_for_it() {
    let bench = Bench::new().await;
    let seen = Seen::new();
    let into = seen.clone();
    let later =
        EncodedJob::new(&Note { n: 1 }, None, None).unwrap().at(Utc::now() + TimeDelta::milliseconds(700));
    let never = EncodedJob::new(&Note { n: 2 }, None, None).unwrap().at(Utc::now() + TimeDelta::hours(1));
    bench.insert(vec![later, never]).await;
    let worker = bench.worker(Registry::new().register(notes(move |note| {
        into.push((note.args.n, Utc::now() >= note.job.run_at));
        Outcome::Done
    })));
    assert_eq!(seen.reaches(1).await, [(1, true)]);
    worker.stop().await;
    let row = bench.row().await;
    assert!(row.waits && row.status == "Pending");
}

#[tokio::test]
async fn a_statement_notifies_once_and_only_of_what_is_due() {
    let bench = Bench::new().await;
    let mut listener = sqlx::postgres::PgListener::connect(bench.database.admin_url()).await.unwrap();
    listener.listen("tenon_jobs").await.unwrap();
    let later = EncodedJob::new(&Note { n: 0 }, None, None).unwrap().at(Utc::now() + TimeDelta::hours(1));
    bench.insert(vec![later]).await;
    bench.notes(100).await;
    bench.execute("begin; set local app.notify = 'off'; insert into apalis.jobs (id, job_type, job) values ('x', 'quiet', ''); commit").await;
    bench.execute("notify tenon_jobs, 'end'").await;
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "end") {
        heard.push(listener.recv().await.unwrap().payload().to_owned());
    }
    assert_eq!(heard, ["mail", "end"]);
}

#[tokio::test]
async fn apalis_can_still_push_and_fetch() {
    let bench = Bench::new().await;
    bench
        .execute(
            "insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, metadata, idempotency_key)
             select unnest(array['01A', '01B']), 'mail', unnest(array['{}', '{}']::bytea[]), 'Pending', 0, 25, now(), 0, '', null",
        )
        .await;
    let fetched: Vec<String> = sqlx::query_scalar("select id from apalis.get_jobs('somebody', 'mail', 1)")
        .fetch_all(&bench.pool)
        .await
        .unwrap();
    assert_eq!(fetched, ["01A"]);
}
