//! The queue's and the fan-out's statements, of a worker with its own login, over many jobs that wait for later.

use clap::Parser;
use serde_json::{Value, json};
use tenon_common::Db;
use tenon_common::db::DbConfig;
use tenon_tests::app::SECRET_KEY;
use tenon_tests::{Receiver, Reply, TestApp, eventually, factory};
use tenon_worker::cli::Cli;
use tokio::sync::oneshot;

use super::capture::{self, Capture};
use super::data;
use super::snapshot::Snapshots;
use super::text::Plan;

/// The statements, by what nothing else has in it. A new one is a line here.
const STATEMENTS: &[(&str, &str)] = &[
    ("claim", "with recursive wanted as"),
    ("claim-of-the-oldest", "with picked as ("),
    ("fan-out-finds-webhooks", "held as materialized"),
    (
        "fan-out-makes-deliveries",
        "insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, next_attempt_at, job_id, unjudged)",
    ),
    ("deliveries-are-read", "unnest(tenants, webhooks, events) as wanted"),
    ("deliveries-are-finished", "with input as ("),
    ("deliveries-are-delivered", "with ended as ("),
    ("order-finds-places", "mine as materialized"),
    ("order-is-settled", "ours as materialized"),
    ("order-is-released", "where h.run_at = 'infinity'"),
];

/// Jobs of a hundred tenants that are due in an hour, and some that were given up.
const WAITING: &str = "
    insert into apalis.jobs (id, job_type, job, metadata, status, run_at, done_at)
    select 'old' || n, 'webhooks', '{}', ('kind=>deliver-webhook, lane=>' || n % 100)::hstore,
           case when n % 20 = 0 then 'Killed' else 'Pending' end, now() + interval '1 hour', now()
    from generate_series(1, 20000) n";

#[tokio::test]
async fn the_workers_statements_are_planned_as_written_down() {
    let app = TestApp::start().await;
    let facts = data::fill(&app).await;
    let mut administrator = app.connect().await;
    sqlx::raw_sql(WAITING).execute(&mut administrator).await.expect("jobs");
    data::steady(&mut administrator).await;
    if !capture::explain(&app, "the_workers_statements_are_planned_as_written_down").await {
        return;
    }
    // Of the large tenant: of one that the statistics do not know any plan is as good as another.
    let acme = app.with(&facts.admin);
    let mut receiver = Receiver::start().await;
    let listening = json!({"url": receiver.url("/hook"), "events": ["contact.created"]});
    acme.patch(&format!("/webhooks/{}", facts.webhook), listening).await.status(200);
    // One event is fanned out, and not what tenants did while they were made: a plan is for as many as come together.
    let before = "delete from apalis.jobs where kind = 'fan-out-event'";
    sqlx::raw_sql(before).execute(&mut administrator).await.expect("deleted");
    receiver.then([Reply::status(400).header("webhook-delivery", "abort-message")]);
    let contact: Value = acme.post("/connection/contacts", json!({"name": "Grace"})).await.created();

    let capture = Capture::start();
    let url = app.database().worker_url();
    let cli = Cli::try_parse_from([
        "tenon-worker",
        "--database-url",
        url,
        "--secret-key",
        SECRET_KEY,
        "--storage-url",
        app.database().files(),
        "--allow-local-webhooks",
        "run",
    ]);
    let config = DbConfig {
        url: url.to_owned(),
        max_connections: 4,
        acquire_timeout: std::time::Duration::from_secs(20),
        application_name: "plans",
    };
    let db = Db::connect_lazy(&config).expect("a pool");
    let worker = tenon_worker::run::build(db, &cli.expect("a command line")).expect("a worker");
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker.run(async move {
        stopped.await.ok();
    }));
    receiver.next().await.assert_event("contact.created", factory::id(&contact));
    // Sent again it comes by a claim of its own, and has to be read.
    let events = format!("/webhooks/{}/events", facts.webhook);
    let ended = async |status: &str, attempts: i64| {
        eventually("the attempt is written", async || {
            let newest = &acme.get(&events).await.json()["data"][0];
            newest["status"] == status && newest["attempts"] == attempts
        })
        .await;
    };
    ended("failed", 1).await;
    let event = acme.get(&events).await.json()["data"][0]["id"].as_str().expect("an id").to_owned();
    acme.post(&format!("{events}/{event}/resend"), Value::Null).await.status(200);
    receiver.next().await;
    ended("delivered", 2).await;
    // In order, an event makes room for the next one.
    acme.patch(&format!("/webhooks/{}", facts.webhook), json!({"ordering": "object"})).await.status(200);
    acme.post("/connection/contacts", json!({"name": "Ada"})).await.status(201);
    receiver.next().await;
    ended("delivered", 1).await;
    stop.send(()).expect("it works");
    working.await.expect("it stops");

    let plans = capture.plans();
    let mut snapshots = Snapshots::open("queue", &mut administrator).await;
    for (name, part) in STATEMENTS {
        // A function's statements all have its text; the lock that it begins with is not what is meant.
        let is_meant = |plan: &&Plan| plan.statement.contains(part) && !plan.text().contains("uuid_send");
        let plan = plans.iter().find(is_meant);
        let plan = plan.unwrap_or_else(|| panic!("{name}: no statement with {part:?}"));
        plan.assert_reads_by_index(name);
        snapshots.compare(
            name,
            &format!("of a worker: {name}"),
            std::slice::from_ref(plan),
            std::slice::from_ref(plan),
        );
    }
    snapshots.end();
}
