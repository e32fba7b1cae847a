//! What is lost when a process dies: nothing.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tenon_tests::process::Signal;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Profile, Receiver, Reply, eventually};

/// How often each `webhook-id` came, by the contact that it is about.
fn received(receiver: &Receiver) -> HashMap<String, HashMap<String, usize>> {
    let mut by_contact: HashMap<String, HashMap<String, usize>> = HashMap::new();
    for request in receiver.all() {
        let contact = request.json()["object"]["id"].as_str().unwrap_or_default().to_owned();
        *by_contact
            .entry(contact)
            .or_default()
            .entry(request.header("webhook-id").to_owned())
            .or_default() += 1;
    }
    by_contact
}

#[tokio::test]
async fn a_worker_killed_three_times_loses_nothing() {
    let mut stack = Stack::start().await;
    let receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(204).after(Duration::from_millis(2)));
    stack.webhook(&receiver, &["contact.created"]).await;
    let mut written = HashSet::new();
    for number in 0..500 {
        let contact = stack.contact(&format!("Contact {number}")).await;
        written.insert(text(&contact, "id").to_owned());
        if [100, 250, 400].contains(&number) {
            stack.worker.kill9().await;
            stack.worker.start_again().await;
        }
    }
    eventually::within(Duration::from_secs(60), "every event has arrived", async || {
        received(&receiver).len() == written.len()
    })
    .await;
    let received = received(&receiver);
    assert_eq!(received.keys().cloned().collect::<HashSet<_>>(), written);
    assert!(received.values().all(|ids| ids.len() == 1), "repeats carry the same webhook-id");
    let repeated: usize = received.values().flat_map(HashMap::values).map(|count| count - 1).sum();
    let summary =
        format!("500 written, {} received, {repeated} repeated, 0 lost, under 3 kills", receiver.count());
    eprintln!("{summary}");
    assert!(repeated < 500, "{summary}");
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
