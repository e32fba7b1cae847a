//! The plans of hot queries, as the application's own logins get them, beside the plans that are written down in `plans/snapshots`:
//! whoever changes a statement, a policy or an index sees in the difference what it does to the database.
//!
//! The statements are the running application's: PostgreSQL itself tells the plan of each as a notice (auto_explain), of those inside
//! functions too. The tenant has so many rows that the planner's choice is the real one; rows, statistics and the planner's settings
//! are the same in every run. To write the plans down anew:
//!
//! ```sh
//! TENON_WRITE_PLANS=1 cargo test -p tenon-tests --test it plans::
//! ```
//!
//! A new hot query is a line in `plans/hot.rs`.

mod capture;
mod data;
mod hot;
mod housekeeping;
mod queue;
mod snapshot;
mod text;

use std::sync::Arc;

use tenon_api::app::App;
use tenon_common::Db;
use tenon_common::db::DbConfig;
use tenon_common::secret::MasterKey;
use tenon_common::tasks::Tasks;
use tenon_tests::app::SECRET_KEY;
use tenon_tests::{Client, Served, TestApp};

use capture::Capture;
use data::Facts;
use hot::Hot;
use snapshot::Snapshots;

/// So often a statement is run until its connection has settled on a plan: PostgreSQL compares after five.
const UNTIL_SETTLED: usize = 7;

/// The API on one connection, whose statements tell their plans.
async fn serve(app: &TestApp) -> (Served, Db) {
    let config = DbConfig {
        url: app.database().app_url().to_owned(),
        max_connections: 1,
        acquire_timeout: std::time::Duration::from_secs(20),
        application_name: "plans",
    };
    let db = Db::connect_lazy(&config).expect("a pool");
    let master = MasterKey::parse(SECRET_KEY).expect("the key of the tests");
    let addresses = tenon_common::receiver::address::AddressPolicy::local();
    let state =
        App::load(db.clone(), app.database().storage(), master, addresses, Vec::new(), &Tasks::default())
            .await
            .expect("the API loads");
    let documents = tenon_api::spec().expect("the API's document");
    (Served::start(tenon_api::build(Arc::new(state), &documents)).await, db)
}

/// The plans of a query's statements: when they are new to the connection, and once it has settled.
async fn plans(capture: &Capture, client: &Client, hot: &Hot) -> (Vec<text::Plan>, Vec<text::Plan>) {
    let mut runs = Vec::new();
    for run in 0..UNTIL_SETTLED {
        capture.forget();
        let path = hot.path.replace("{run}", &run.to_string());
        let body = hot.body.as_ref().map(|body| {
            serde_json::from_str(&body.to_string().replace("{run}", &run.to_string())).expect("JSON")
        });
        let answer = client.send(hot.method.clone(), &path, body).await;
        assert!(answer.status.is_success(), "{}: {answer}", hot.name);
        runs.push(capture.plans());
        assert!(!runs[run].is_empty(), "{}: no statement told its plan", hot.name);
    }
    (runs.swap_remove(0), runs.pop().unwrap_or_default())
}

#[tokio::test]
async fn the_hot_queries_of_the_api_are_planned_as_written_down() {
    let app = TestApp::start().await;
    let facts: Facts = data::fill(&app).await;
    if !capture::explain(&app, "the_hot_queries_of_the_api_are_planned_as_written_down").await {
        return;
    }
    let capture = Capture::start();
    let (served, db) = serve(&app).await;
    let client = |credential: &str| Client::new(&format!("{}/api/v1", served.url())).with_bearer(credential);
    let (admin, agent) = (client(&facts.admin), client(&facts.agent));
    let mut snapshots = Snapshots::open("api", &mut app.connect().await).await;
    for hot in hot::queries(&admin, &facts).await {
        let client = if hot.by_agent { &agent } else { &admin };
        let (first, settled) = plans(&capture, client, &hot).await;
        if !hot.reads_all {
            for plan in first.iter().chain(&settled) {
                plan.assert_reads_by_index(&hot.name);
            }
        }
        snapshots.compare(&hot.name, &hot.asked(), &first, &settled);
    }
    db.close().await;
    snapshots.end();
}

/// The days of a test's rows, so that they are the same in every run.
fn instant(minutes: i64) -> String {
    let day = chrono::DateTime::from_timestamp(1_767_225_600, 0).expect("2026-01-01");
    (day - chrono::TimeDelta::minutes(minutes)).to_rfc3339()
}
