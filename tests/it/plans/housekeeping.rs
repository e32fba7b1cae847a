//! How the housekeeping finds what is due among much that is not, with the worker's login.

use clap::Parser;
use sqlx::{Connection, PgConnection};
use tenon_common::Db;
use tenon_common::db::DbConfig;
use tenon_tests::TestApp;
use tenon_worker::cli::Cli;
use tenon_worker::housekeeping::{self, Means, Outcome};
use tokio::sync::Semaphore;

use super::capture::{self, Capture};
use super::data;
use super::snapshot::Snapshots;

/// The statements, by what nothing else has in it. A new one is a line here.
const STATEMENTS: &[(&str, &str)] = &[
    ("records-are-found", "select r.tenant_id, r.id, r.deleted_at from tenon.contacts r"),
    (
        "records-are-locked",
        "from tenon.contacts where tenant_id = $1 and id = any ($2) and (deleted_at < now()",
    ),
    ("records-are-removed", "delete from tenon.contacts where"),
    ("deliveries-are-removed", "with due as materialized"),
    ("killed-jobs-are-removed", "select k.id from apalis.jobs k"),
    ("imports-are-found", "select i.tenant_id, i.id from tenon.imports i"),
    ("imports-are-counted", "select i.state, count(*) from tenon.imports i"),
];

/// A little of everything that is due: deleted contacts, deliveries, jobs, an import.
const DUE: &str = "
    update tenon.contacts set deleted_at = updated_at - interval '40 days', delete_batch_id = id where name like 'Contact 1_';
    insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status)
    select w.tenant_id, w.id, tenon.first_event_id(now() - interval '40 days' + n * interval '1 second'), gen_random_uuid(), 'x', 'delivered'
    from tenon.webhooks w, generate_series(1, 3) n;
    insert into apalis.jobs (id, job_type, job, metadata, status, run_at, done_at)
    select 'old' || n, 'webhooks', '{}', ('kind=>deliver-webhook, lane=>' || n % 100)::hstore,
           case when n % 20 = 0 then 'Killed' else 'Pending' end, now() + interval '1 hour', now() - n * interval '1 minute'
    from generate_series(1, 30000) n;
    insert into tenon.imports (tenant_id, id, object, state, dry_run, options, file_bytes, file_key, role, created_at, created_by, updated_at,
                               updated_by, revert_until, cleared_at)
    select t.id, gen_random_uuid(), 'contacts', 'succeeded', false,
           '{\"object\": \"contacts\", \"mode\": \"create\"}', 1, 'none', 'ADMIN', now() - interval '20 days', 'system', now() - interval '10 days',
           'system', now() - interval '5 days', case when n > 2 then now() end
    from tenon.tenants t, generate_series(1, 12) n";

#[tokio::test]
async fn the_housekeeping_finds_what_is_due_by_index() {
    let app = TestApp::start().await;
    data::fill(&app).await;
    let mut administrator = app.connect().await;
    sqlx::raw_sql(DUE).execute(&mut administrator).await.expect("due");
    data::steady(&mut administrator).await;
    if !capture::explain(&app, "the_housekeeping_finds_what_is_due_by_index").await {
        return;
    }
    let mut worker = PgConnection::connect(app.database().worker_url()).await.expect("connected");
    let capture = Capture::start();
    let config = DbConfig {
        url: app.database().worker_url().to_owned(),
        max_connections: 2,
        acquire_timeout: std::time::Duration::from_secs(20),
        application_name: "plans",
    };
    let means = Means { db: Db::connect_lazy(&config).expect("a pool"), storage: app.database().storage() };
    let cli = Cli::try_parse_from(["tenon-worker", "run"]).expect("a command line");
    for task in housekeeping::tasks::of(&cli) {
        if ["records", "deliveries", "killed-jobs", "imports"].contains(&task.name) {
            let run = housekeeping::run(&means, &task, &Semaphore::new(1)).await;
            assert_eq!(run.outcome, Outcome::Done, "{}", task.name);
            assert!(run.removed > 0, "{} has done nothing", task.name);
        }
    }
    sqlx::query("select * from tenon.imports_at_work()").execute(&mut worker).await.expect("counted");
    let plans = capture.plans();
    let mut snapshots = Snapshots::open("housekeeping", &mut administrator).await;
    for (name, part) in STATEMENTS {
        let plan = plans.iter().find(|plan| plan.statement.contains(part));
        let plan = plan.unwrap_or_else(|| panic!("{name}: no statement with {part:?}"));
        plan.assert_reads_by_index(name);
        let plan = std::slice::from_ref(plan);
        snapshots.compare(name, &format!("of a worker: {name}"), plan, plan);
    }
    snapshots.end();
}
