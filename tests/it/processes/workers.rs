//! Real workers: told to stop, killed, two at a time.

use std::time::Duration;

use serde_json::{Value, json};
use tenon_tests::process::Signal;
use tenon_tests::stack::{SECRET_KEY, Stack, text};
use tenon_tests::{Client, Cluster, Program, Receiver, Reply, TestDatabase, eventually};

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

/// By the defaults a worker is dead after 20 s, and looked for every 5.
#[tokio::test]
async fn with_default_settings_a_killed_worker_is_made_up_for_within_30_seconds() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).start().await;
    let mut worker = Program::worker()
        .env("TENON_DATABASE_URL", database.worker_url())
        .env("TENON_SECRET_KEY", SECRET_KEY)
        .env("TENON_ALLOW_LOCAL_WEBHOOKS", "true")
        .start()
        .await;
    let tenant = Stack::tenant(&database, "Acme").await;
    let owner = Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
    let mut receiver = Receiver::start().await;
    receiver.then([Reply::hang()]);
    let body = json!({"url": receiver.url("/hook"), "events": ["contact.created"]});
    owner.post("/webhooks", body).await.status(201);
    owner.post("/connection/contacts", json!({"name": "Grace"})).await.status(201);
    let first = receiver.next().await;

    worker.kill9().await;
    worker.start_again().await;
    let second = receiver.next_within(Duration::from_secs(30)).await;
    let second = second.unwrap_or_else(|| panic!("not within 30 s:\n{}", worker.log_tail()));
    assert_eq!(second.header("webhook-id"), first.header("webhook-id"));
    assert_eq!(second.header("x-webhook-attempt"), "1", "what nobody knows the end of is no attempt");
}

#[tokio::test]
async fn a_delivery_that_workers_die_of_has_failed_and_can_be_sent_again() {
    let mut stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.then([Reply::hang()]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    receiver.next().await;
    sqlx::query("update apalis.jobs set orphaned = 4")
        .execute(&mut stack.database.connect().await)
        .await
        .expect("the job can be changed");
    stack.worker.kill9().await;
    stack.worker.start_again().await;

    eventually("it is given up", async || stack.newest(&webhook).await["status"] == "failed").await;
    let delivery = stack.newest(&webhook).await;
    assert_eq!((&delivery["attempts"], receiver.count()), (&json!(1), 1));
    let path = format!("/webhooks/{}/events/{}", text(&webhook, "id"), text(&delivery, "id"));
    let attempts: Vec<Value> = stack.owner.get(&format!("{path}/attempts")).await.ok();
    assert_eq!(attempts[0]["outcome"], "interrupted");
    assert_eq!(delivery["lastError"], "5 workers died while they held it");
    stack.owner.post(&format!("{path}/resend"), Value::Null).await.status(200);
    receiver.next().await;
    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
}

#[tokio::test]
async fn a_worker_that_was_taken_for_dead_changes_nothing_when_it_comes_back() {
    let mut stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    // The first answer is read when the other worker holds the delivery and waits for the second.
    receiver.then([
        Reply::status(500).after(Duration::from_millis(500)),
        Reply::status(204).after(Duration::from_secs(3)),
    ]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    receiver.next().await;
    stack.worker.signal(Signal::SIGSTOP);
    let _other = Stack::worker(&stack.database, "0,0.2").start().await;
    receiver.next().await;
    stack.worker.signal(Signal::SIGCONT);
    eventually("it goes on under another name", async || stack.worker.log().contains("given up for dead"))
        .await;
    stack.worker.signal(Signal::SIGTERM);
    assert!(stack.worker.wait().await.success(), "{}", stack.worker.log_tail());

    eventually("the other has delivered it", async || stack.newest(&webhook).await["status"] == "delivered")
        .await;
    let delivery = stack.newest(&webhook).await;
    let path = format!("/webhooks/{}/events/{}/attempts", text(&webhook, "id"), text(&delivery, "id"));
    let attempts: Vec<Value> = stack.owner.get(&path).await.ok();
    let outcomes: Vec<_> = attempts.iter().map(|attempt| text(attempt, "outcome")).collect();
    assert_eq!((outcomes, receiver.count()), (vec!["interrupted", "success"], 2));
}

#[tokio::test]
async fn two_workers_send_each_event_once() {
    let stack = Stack::start().await;
    let other = Stack::worker(&stack.database, "0,0.2").start().await;
    let receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    for n in 0..200 {
        stack.contact(&format!("Contact {n}")).await;
    }
    eventually("all are delivered", async || {
        let deliveries = stack.deliveries(&webhook).await;
        deliveries.len() == 200 && deliveries.iter().all(|delivery| delivery["status"] == "delivered")
    })
    .await;
    let mut ids: Vec<String> =
        receiver.all().iter().map(|request| request.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 200);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 200, "each came once");
    for worker in [&stack.worker, &other] {
        let metrics = Client::new(&worker.operations_url()).get("/metrics").await.text();
        let done = metrics.lines().filter(|line| {
            line.starts_with("tenon_jobs_total{") && line.contains("outcome=\"ok\"") && !line.ends_with(" 0")
        });
        assert!(done.count() > 0, "both have worked: {metrics}");
    }
}
