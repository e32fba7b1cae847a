//! PostgreSQL away under the real API and worker.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tenon_tests::process::is_running;
use tenon_tests::stack::Stack;
use tenon_tests::{Client, Cluster, Profile, Receiver, Reply, TestDatabase, eventually};

/// Long enough for the outage to begin while an attempt is under way.
const ANSWER: Duration = Duration::from_millis(500);

#[tokio::test]
async fn an_outage_of_a_second_ends_neither_program_and_loses_nothing() {
    outage(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn an_outage_of_a_minute_ends_neither_program_and_loses_nothing() {
    outage(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn programs_that_start_before_their_database_wait_for_it() {
    let cluster = Cluster::private(Profile::Test).await.unwrap_or_else(|error| panic!("{error}"));
    let database = TestDatabase::create(&cluster).await;
    cluster.stop().await.unwrap_or_else(|error| panic!("{error}"));
    let back = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cluster.start_again().await.unwrap_or_else(|error| panic!("{error}"));
    };
    let (api, worker) = (Stack::api(&database), Stack::worker(&database, "0"));
    let (api, worker, ()) = tokio::join!(api.start(), worker.start(), back);
    for program in [&api, &worker] {
        let probe = Client::new(&program.operations_url());
        eventually("it is ready", async || probe.get("/readyz").await.status == 200).await;
    }
}

/// As after a restart of the database that nobody was awake for.
#[tokio::test]
async fn connections_that_died_while_nobody_used_them_cost_no_request() {
    let stack = Stack::with("0", Cluster::shared().await).await;
    let asked = async || {
        let requests = (0..16).map(|_| stack.owner.get("/connection/contacts?limit=1"));
        futures::future::join_all(requests).await.into_iter().for_each(|answer| drop(answer.status(200)));
    };
    asked().await;
    let mut connection = stack.database.connect().await;
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
               where datname = current_database() and application_name = 'tenon-api'";
    let ended: i64 = sqlx::query_scalar(end).fetch_one(&mut connection).await.expect("they end");
    assert!(ended > 1, "{ended}");
    let begun = Instant::now();
    eventually("they have been idle for a while", async || begun.elapsed() > Duration::from_secs(2)).await;
    asked().await;
}

async fn outage(length: Duration) {
    let cluster = Cluster::private(Profile::Dev).await.unwrap_or_else(|error| panic!("{error}"));
    let stack = Stack::with("0,0.2,0.2,0.2,0.2,0.2,0.2,60", &cluster).await;
    let processes = [stack.api.id(), stack.worker.id()];
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    receiver.always(|_| Reply::status(204).after(ANSWER));
    stack.contact("Under way").await;
    receiver.next().await;

    let begun = Instant::now();
    cluster.kill().await.unwrap_or_else(|error| panic!("{error}"));
    let refused = stack.owner.get("/connection/contacts").await.refused(503, "DEPENDENCY_UNAVAILABLE");
    assert!(!refused.header("retry-after").is_empty());
    let probes = [&stack.api, &stack.worker].map(|process| Client::new(&process.operations_url()));
    for probe in &probes {
        eventually("it is not ready", async || probe.get("/readyz").await.status == 503).await;
    }
    while begun.elapsed() < length {
        for probe in &probes {
            probe.get("/livez").await.status(200);
        }
        stack.owner.get("/connection/contacts").await.refused(503, "DEPENDENCY_UNAVAILABLE");
        tokio::time::sleep(length.saturating_sub(begun.elapsed()).min(Duration::from_secs(1))).await;
    }
    cluster.start_again().await.unwrap_or_else(|error| panic!("{error}"));

    let path = "/connection/contacts";
    eventually("the API writes again", async || {
        let answer = stack.owner.try_send(reqwest::Method::POST, path, Some(json!({"name": "After"}))).await;
        answer.is_ok_and(|answer| answer.status == 201)
    })
    .await;
    for probe in &probes {
        eventually("it is ready", async || probe.get("/readyz").await.status == 200).await;
    }
    let contacts: Vec<Value> = stack.owner.get("/connection/contacts?limit=200").await.ok();
    eventually("all are delivered", async || {
        let deliveries = stack.deliveries(&webhook).await;
        let delivered = deliveries.iter().filter(|delivery| delivery["status"] == "delivered").count();
        (delivered == contacts.len()).then_some(()).ok_or(format!("{deliveries:?}"))
    })
    .await;
    let came: HashSet<String> =
        receiver.all().iter().map(|request| request.header("webhook-id").to_owned()).collect();
    assert_eq!(came.len(), contacts.len());
    assert!(
        processes.iter().all(|pid| is_running(pid.cast_signed())),
        "both are the processes that they were"
    );
}
