//! The worker's.

use clap::Parser;
use serde_json::{Value, json};
use tenon_tests::app::SECRET_KEY;
use tenon_tests::eventually::equal;
use tenon_tests::{Receiver, Tenant, TestApp, eventually, factory};
use tenon_worker::cli::Cli;
use tenon_worker::run::live;

use super::Program;

/// All of them.
const NAMES: &[&str] = &[
    "acker",
    "acker/deliver-webhook",
    "acker/replay-webhook",
    "acker/revert-import",
    "acker/run-export",
    "acker/run-import",
    "acker/validate-import",
    "fetcher",
    "handlers/deliver-webhook",
    "handlers/end-export",
    "handlers/end-import",
    "handlers/end-replay",
    "handlers/fan-out-event",
    "handlers/replay-webhook",
    "handlers/resume-tenant",
    "handlers/revert-import",
    "handlers/run-export",
    "handlers/run-import",
    "handlers/test-webhook",
    "handlers/validate-import",
    "health",
    "housekeeping/audit-entries",
    "housekeeping/deliveries",
    "housekeeping/exports",
    "housekeeping/idempotency-keys",
    "housekeeping/imports",
    "housekeeping/killed-jobs",
    "housekeeping/old-partitions",
    "housekeeping/partitions-ahead",
    "housekeeping/records",
    "housekeeping/replays",
    "housekeeping/stalled-deliveries",
    "housekeeping/tenant-files",
    "housekeeping/tenants",
    "housekeeping/uploads",
    "housekeeping/webhook-states",
    "keeper",
    "listener",
    "operations",
    "preparing",
    "sampler",
    "sealer",
    "sinks",
];

/// Those that an event on its way to a receiver, its entry in the trail and its seal go through, or that say that they work.
const ON_THE_WAY: &[&str] = &[
    "fetcher",
    "acker",
    "acker/deliver-webhook",
    "handlers/fan-out-event",
    "handlers/deliver-webhook",
    "keeper",
    "listener",
    "sampler",
    "sealer",
    "sinks",
    "operations",
];

async fn worker(app: &TestApp) -> Program {
    let (url, files) = (app.database().worker_url().to_owned(), app.database().files().to_owned());
    Program::start(|tasks, listener, stop| async move {
        let cli = Cli::try_parse_from([
            "tenon-worker",
            "--database-url",
            &url,
            "--secret-key",
            SECRET_KEY,
            "--storage-url",
            &files,
            "--allow-local-webhooks",
            "--retry-schedule",
            "0,0.1,0.1,0.1",
            "--sweep-every",
            "0.2",
            "--audit-seal-every",
            "0.1",
            "--audit-sink-every",
            "0.1",
            "run",
        ])
        .expect("a command line");
        live(&cli, &tasks, listener, stop).await
    })
    .await
}

/// A contact is made; its event is delivered, and its entry in the audit trail sealed.
async fn goes_on(app: &TestApp, owner: &Tenant, webhook: &Value, receiver: &mut Receiver) {
    let contact: Value = owner.admin().post("/connection/contacts", json!({"name": "Grace"})).await.created();
    receiver.next().await.assert_event("contact.created", factory::id(&contact));
    let events = format!("/webhooks/{}/events", factory::id(webhook));
    eventually("it is delivered", async || {
        owner.admin().get(&events).await.json()["data"][0]["status"] == "delivered"
    })
    .await;
    let mut admin = app.connect().await;
    eventually("its entry is sealed", async || {
        let sealed: bool = sqlx::query_scalar(
            "select exists (select from tenon.audit_events e join tenon.audit_seals s
                                on s.tenant_id = e.tenant_id and s.audit_event_id = e.id
                            where e.resource_id = $1::uuid)",
        )
        .bind(factory::id(&contact))
        .fetch_one(&mut admin)
        .await
        .expect("asked");
        sealed
    })
    .await;
}

#[tokio::test]
async fn every_task_of_the_worker_that_panics_is_told_of_and_begun_again_and_the_work_goes_on() {
    let app = TestApp::start().await;
    let owner = app.tenant("acme").await;
    let mut receiver = Receiver::start().await;
    let body = json!({"url": receiver.url("/hook"), "events": ["contact.created"]});
    let webhook: Value = owner.admin().post("/webhooks", body).await.created();
    let worker = worker(&app).await;
    worker.assert_named(NAMES);
    goes_on(&app, &owner, &webhook, &mut receiver).await;

    for name in ON_THE_WAY {
        worker.ends(name).await;
        goes_on(&app, &owner, &webhook, &mut receiver).await;
    }
    let rest = NAMES.iter().copied().filter(|name| !ON_THE_WAY.contains(name) && *name != "preparing");
    let rest: Vec<&str> = rest.collect();
    worker.end_together(&rest).await;
    goes_on(&app, &owner, &webhook, &mut receiver).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_whose_tasks_panic_all_at_once_loses_nothing_that_was_under_way() {
    let app = TestApp::start().await;
    let owner = app.tenant("acme").await;
    let receiver = Receiver::start().await;
    let body = json!({"url": receiver.url("/hook"), "events": ["contact.created"]});
    owner.admin().post("/webhooks", body).await.status(201);
    let worker = worker(&app).await;
    let contacts: Vec<Value> = (0..100).map(|n| json!({"name": format!("Grace {n}")})).collect();
    owner.admin().post("/connection/contacts/batch/create", json!({"items": contacts})).await.status(200);
    let all: Vec<&str> = NAMES.iter().copied().filter(|name| *name != "preparing").collect();
    worker.end_together(&all).await;
    let mut admin = app.connect().await;
    eventually("all of them are delivered, and no job is left", async || {
        let open: (i64, i64) = sqlx::query_as(
            "select (select count(*) from tenon.deliveries where status = 'delivered'),
                    (select count(*) from apalis.jobs)",
        )
        .fetch_one(&mut admin)
        .await
        .expect("asked");
        equal(open, (100, 0))
    })
    .await;
    worker.stop().await;
}
