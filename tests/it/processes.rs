//! What is lost when a process dies: nothing.

use std::time::Duration;

use tenon_tests::kill_run::{self, Options};
use tenon_tests::process::Signal;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Profile, Receiver, Reply, eventually};

#[tokio::test]
async fn kills_of_the_worker_the_api_and_postgresql_lose_no_event() {
    let options =
        Options { events: 600, worker_kills: 4, api_kills: 2, database_kills: 1, seed: rand::random() };
    let account = kill_run::run(&options).await.unwrap_or_else(|error| panic!("{error:#}"));
    eprintln!("{account}");
    assert!(account.is_clean() && account.sent == 600, "{account}");
    assert!(account.repeated < 300, "{account}");
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_ends_what_it_has_begun() {
    let mut stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(204).after(Duration::from_millis(700)));
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    receiver.next().await;
    stack.worker.signal(Signal::SIGTERM);
    assert!(stack.worker.wait().await.success(), "{}", stack.worker.log_tail());
    assert_eq!(stack.newest(&webhook).await["status"], "delivered");
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn an_outage_of_the_database_ends_neither_program_and_loses_nothing() {
    let cluster = Cluster::private(Profile::Dev).await.unwrap_or_else(|error| panic!("{error}"));
    let mut stack = Stack::with("0,0.2,0.2,0.2,0.2,0.2,0.2,60", &cluster).await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Before").await;
    receiver.next().await;

    cluster.kill().await.unwrap_or_else(|error| panic!("{error}"));
    let refused = stack.owner.get("/connection/contacts").await.refused(503, "DEPENDENCY_UNAVAILABLE");
    assert!(!refused.header("retry-after").is_empty());
    let probe = Client::new(&stack.worker.operations_url());
    eventually("the worker is not ready", async || probe.get("/readyz").await.status == 503).await;
    probe.get("/livez").await.status(200);
    cluster.start_again().await.unwrap_or_else(|error| panic!("{error}"));

    let contact = eventually("the API writes again", async || {
        stack
            .owner
            .try_send(
                "POST".parse().expect("a method"),
                "/connection/contacts",
                Some(serde_json::json!({"name": "After"})),
            )
            .await
            .ok()
            .filter(|answer| answer.status == 201)
    })
    .await;
    let contact: serde_json::Value = contact.created();
    receiver.next().await.assert_event("contact.created", text(&contact, "id"));
    eventually("both are delivered", async || {
        stack.deliveries(&webhook).await.iter().filter(|delivery| delivery["status"] == "delivered").count()
            == 2
    })
    .await;
    assert!(matches!(stack.worker.try_wait(), Ok(None)), "the worker is the same process");
    drop(stack);
}
