//! Testing webhooks, their secrets and figures, and what disables them; through the real binaries.

mod signing_keys;

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Cluster, Receiver, Reply, TestDatabase, eventually};

fn path(webhook: &Value, rest: &str) -> String {
    format!("/webhooks/{}{rest}", text(webhook, "id"))
}

#[tokio::test]
async fn a_test_says_what_happened_and_leaves_nothing_behind() {
    let mut stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;

    let result: Value = stack.owner.post(&path(&webhook, "/test"), Value::Null).await.ok();
    assert_eq!((&result["delivered"], &result["outcome"]), (&json!(true), &json!("success")));
    let request = receiver.next().await;
    assert_eq!(request.header("webhook-id"), text(&result, "messageId"));
    assert_eq!(request.json()["type"], "webhook.test");
    let verifier = Webhook::new(text(&webhook, "secret")).expect("a secret");
    verifier
        .verify(&request.body, &crate::delivery::headers(&request))
        .expect("it is signed as deliveries are");

    receiver.then([Reply::status(500).body("no room")]);
    let result: Value = stack.owner.post(&path(&webhook, "/test"), Value::Null).await.ok();
    assert_eq!((&result["delivered"], &result["statusCode"]), (&json!(false), &json!(500)));
    assert_eq!(result["response"], "no room");
    receiver.stop().await;
    let result: Value = stack.owner.post(&path(&webhook, "/test"), Value::Null).await.ok();
    assert_eq!(result["outcome"], "connect");
    assert!(stack.deliveries(&webhook).await.is_empty(), "a test is no delivery");

    stack.worker.kill9().await;
    stack.owner.post(&path(&webhook, "/test"), Value::Null).await.refused(503, "DEPENDENCY_UNAVAILABLE");
    let left: i64 = sqlx::query_scalar("select count(*) from tenon.webhook_tests")
        .fetch_one(&mut stack.database.connect().await)
        .await
        .expect("the table can be read");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_rotated_secret_overlaps_with_the_one_before() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let old = text(&webhook, "secret").to_owned();

    let rotated: Value = stack.owner.post(&path(&webhook, "/rotate-secret"), json!({})).await.ok();
    let new = text(&rotated, "secret").to_owned();
    assert_ne!(new, old);
    assert_eq!(text(&rotated, "previousSecret"), old);
    let revealed: Value = stack.owner.get(&path(&webhook, "/secret")).await.ok();
    assert_eq!(revealed, rotated);
    assert_eq!(stack.owner.get(&path(&webhook, "")).await.ok::<Value>()["secret"], Value::Null);

    stack.contact("Grace").await;
    let overlapping = receiver.next().await;
    for secret in [&old, &new] {
        let verifier = Webhook::new(secret).expect("a secret");
        verifier.verify(&overlapping.body, &crate::delivery::headers(&overlapping)).expect("both sign");
    }
    assert_eq!(overlapping.header("x-webhook-signature").split(',').count(), 2);

    let _: Value = stack.owner.post(&path(&webhook, "/retire-secret"), Value::Null).await.ok();
    stack.contact("Ada").await;
    let after = receiver.next().await;
    let verifies = |secret: &str| {
        Webhook::new(secret).expect("a secret").verify(&after.body, &crate::delivery::headers(&after)).is_ok()
    };
    assert!(verifies(&new) && !verifies(&old));
}

#[tokio::test]
async fn a_secret_that_is_given_signs_alone() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let _: Value = stack.owner.post(&path(&webhook, "/rotate-secret"), json!({})).await.ok();
    let own = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";
    let _: Value = stack.owner.patch(&path(&webhook, ""), json!({"secret": own})).await.ok();
    let revealed: Value = stack.owner.get(&path(&webhook, "/secret")).await.ok();
    assert_eq!((&revealed["secret"], &revealed["previousSecret"]), (&json!(own), &Value::Null));
    stack.contact("Grace").await;
    let delivery = receiver.next().await;
    assert_eq!(delivery.header("webhook-signature").split(' ').count(), 1);
    let verifier = Webhook::new(own).expect("a secret");
    verifier.verify(&delivery.body, &crate::delivery::headers(&delivery)).expect("it signs");
    // What else is changed leaves an overlap alone.
    let _: Value = stack.owner.post(&path(&webhook, "/rotate-secret"), json!({})).await.ok();
    let _: Value = stack.owner.patch(&path(&webhook, ""), json!({"description": "Ours"})).await.ok();
    let revealed: Value = stack.owner.get(&path(&webhook, "/secret")).await.ok();
    assert_eq!(revealed["previousSecret"], own);
}

#[tokio::test]
async fn figures_tell_what_deliveries_came_to() {
    let stack = Stack::with("0,0.1", Cluster::shared().await).await;
    let receiver = Receiver::start().await;
    receiver.then_statuses([204, 500, 500]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    for (name, status) in [("Delivered", "delivered"), ("Failed", "failed")] {
        stack.contact(name).await;
        eventually("it has ended", async || stack.newest(&webhook).await["status"] == status).await;
    }
    let stats: Value = stack.owner.get(&path(&webhook, "/stats")).await.ok();
    assert_eq!((&stats["delivered"], &stats["failed"], &stats["pending"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!((&stats["attempts"], &stats["failures"]), (&json!(3), &json!(2)));
    assert!(stats["failingSince"].is_string() && stats["durationP50Ms"].is_number());
    stack.owner.get(&path(&webhook, "/stats?hours=0")).await.refused(400, "VALIDATION_ERROR");

    stack.contact("Delivered again").await;
    eventually("a success ends the row of failures", async || {
        let stats: Value = stack.owner.get(&path(&webhook, "/stats")).await.ok();
        stats["failingSince"].is_null() && stats["failures"] == 0
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_sent_nothing_more() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let mut watcher = Receiver::start().await;
    receiver.always(|_| Reply::status(410));
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.webhook(&watcher, &["webhook.endpoint.disabled"]).await;
    stack.contact("Grace").await;

    let told = watcher.next().await;
    told.assert_event("webhook.endpoint.disabled", text(&webhook, "id"));
    assert_eq!(told.json()["data"]["disabledReason"], "receiver_asked");
    let disabled: Value = stack.owner.get(&path(&webhook, "")).await.ok();
    assert_eq!((&disabled["active"], &disabled["disabledReason"]), (&json!(false), &json!("receiver_asked")));
    eventually("its attempt is counted", async || stack.newest(&webhook).await["attempts"] == 1).await;
    assert_eq!(stack.newest(&webhook).await["status"], "paused");
    stack.contact("Not gathered").await;

    receiver.always(|_| Reply::status(204));
    let enabled: Value = stack.owner.post(&path(&webhook, "/enable"), Value::Null).await.ok();
    assert_eq!((&enabled["active"], &enabled["disabledReason"]), (&json!(true), &Value::Null));
    assert!(
        enabled["warnings"][0].as_str().is_some_and(|warning| warning.starts_with("1 events")),
        "{enabled}"
    );
    eventually("what was paused is delivered", async || {
        stack.newest(&webhook).await["status"] == "delivered"
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_fails_for_too_long_is_warned_of_and_disabled() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).start().await;
    let worker = Stack::worker(&database, "0,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05")
        .env("TENON_WEBHOOK_DISABLE_AFTER", "1")
        .env("TENON_WEBHOOK_DISABLE_FAILURES", "8")
        .env("TENON_WEBHOOK_REVIEW_EVERY", "0.1")
        .start()
        .await;
    let tenant = Stack::tenant(&database, "Acme").await;
    let owner =
        tenon_tests::Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
    let stack = Stack { api, worker, owner, tenant, database };
    let receiver = Receiver::start().await;
    let mut watcher = Receiver::start().await;
    receiver.always(|_| Reply::status(500));
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.webhook(&watcher, &["webhook.endpoint.failing", "webhook.endpoint.disabled"]).await;
    for name in ["Grace", "Ada"] {
        stack.contact(name).await;
    }
    let warned = watcher.next().await;
    warned.assert_event("webhook.endpoint.failing", text(&webhook, "id"));
    loop {
        let told = watcher.next().await;
        if told.json()["type"] == "webhook.endpoint.disabled" {
            assert_eq!(told.json()["data"]["disabledReason"], "failing");
            break;
        }
    }
    assert_eq!(stack.owner.get(&path(&webhook, "")).await.ok::<Value>()["disabledReason"], "failing");
}

#[tokio::test]
async fn a_receiver_says_when_to_come_back() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    receiver.then([Reply::retry_after(3600)]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    eventually("the attempt has ended", async || stack.newest(&webhook).await["attempts"] == 1).await;
    let delivery = stack.newest(&webhook).await;
    let attempts: Vec<Value> =
        stack.owner.get(&path(&webhook, &format!("/events/{}/attempts", text(&delivery, "id")))).await.ok();
    let instant = |value: &Value, field: &str| {
        chrono::DateTime::parse_from_rfc3339(text(value, field)).expect("an instant")
    };
    let wait = instant(&delivery, "nextRetry") - instant(&attempts[0], "startedAt");
    assert!(wait >= chrono::Duration::seconds(3600), "{wait}");
}
