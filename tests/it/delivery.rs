//! From a change to its receiver, through the real binaries.

mod addresses;
mod attempts;
mod order;
mod receivers;
mod shaping;
mod switches;

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tenon_tests::stack::{SECRET_KEY, Stack, text};
use tenon_tests::{Client, Cluster, Program, Receiver, Reply, TestDatabase, eventually};

pub(crate) fn headers(request: &tenon_tests::receiver::Received) -> http::HeaderMap {
    ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .into_iter()
        .map(|name| {
            (http::HeaderName::from_static(name), request.header(name).parse().expect("a header's value"))
        })
        .collect()
}

#[tokio::test]
async fn a_delivery_is_signed_as_a_stock_library_verifies_it() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let contact = stack.contact("Grace").await;

    let delivery = receiver.next().await;
    delivery.assert_event("contact.created", text(&contact, "id"));
    let verifier = Webhook::new(text(&webhook, "secret")).expect("a secret");
    verifier.verify(&delivery.body, &headers(&delivery)).expect("verifies");
    verifier.verify(b"{}", &headers(&delivery)).expect_err("another body");

    let body = delivery.json();
    assert_eq!(delivery.header("webhook-id"), body["id"]);
    assert_eq!(body["data"], contact);
    assert_eq!(body["tenantId"], stack.tenant["tenantId"]);
    assert_eq!(body["object"], json!({"type": "contact", "id": contact["id"], "version": 1}));
    assert_eq!(body["event"], body["type"]);
    assert_eq!(delivery.header("x-webhook-attempt"), "1");
    assert_eq!(delivery.header("x-webhook-endpoint"), text(&webhook, "id"));
    assert!(delivery.header("x-webhook-signature").starts_with("sha256="));
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_and_its_attempts_are_shown() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.then_statuses([500, 302, 404]);
    let webhook = stack.webhook(&receiver, &["*"]).await;
    stack.contact("Grace").await;

    let mut ids = Vec::new();
    for attempt in ["1", "2", "3", "4"] {
        let delivery = receiver.next().await;
        assert_eq!(delivery.header("x-webhook-attempt"), attempt);
        ids.push(delivery.header("webhook-id").to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "one webhook-id over all attempts");

    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
    let path = format!("/webhooks/{}/events/{}", text(&webhook, "id"), ids[0]);
    let attempts: Vec<Value> = stack.owner.get(&format!("{path}/attempts")).await.ok();
    let outcomes: Vec<_> = attempts.iter().map(|attempt| text(attempt, "outcome")).collect();
    assert_eq!(outcomes, ["http_5xx", "http_3xx", "http_4xx", "success"]);
    let delivery: Value = stack.owner.get(&path).await.ok();
    assert_eq!(delivery["attempts"], 4);
    assert_eq!(delivery["payload"]["id"], delivery["id"]);
    assert_eq!(delivery["nextRetry"], Value::Null);
    assert_eq!(receiver.count(), 4, "delivered once");
}

#[tokio::test]
async fn a_receiver_that_was_away_gets_it_once_it_is_back() {
    let stack = Stack::with("0,0.3,0.3,0.3,0.3,0.3,0.3,0.3,60", Cluster::shared().await).await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    receiver.stop().await;
    stack.contact("Grace").await;
    eventually("two attempts have failed", async || {
        let newest = stack.newest(&webhook).await;
        let pending = newest["status"] == "pending" && newest["nextRetry"].is_string();
        pending && newest["attempts"].as_i64() >= Some(2)
    })
    .await;
    receiver.start_again().await;
    receiver.next().await;
    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn what_is_given_up_can_be_sent_again() {
    let stack = Stack::with("0,0.1", Cluster::shared().await).await;
    let mut receiver = Receiver::start().await;
    receiver.then_statuses([500, 500]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    let first = receiver.next().await.header("webhook-id").to_owned();
    receiver.next().await;
    eventually("it is given up", async || stack.newest(&webhook).await["status"] == "failed").await;

    let resend = format!("/webhooks/{}/events/{first}/resend", text(&webhook, "id"));
    let again: Value = stack.owner.post(&resend, Value::Null).await.ok();
    assert_eq!(again["status"], "pending");
    let third = receiver.next().await;
    assert_eq!(third.header("webhook-id"), first);
    assert_eq!(third.header("x-webhook-attempt"), "1", "the schedule has begun again");
    eventually("it is delivered", async || {
        let delivery = stack.newest(&webhook).await;
        delivery["status"] == "delivered" && delivery["attempts"] == 3
    })
    .await;
}

#[tokio::test]
async fn only_subscribed_events_after_the_webhook_are_delivered() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    stack.contact("Before").await;
    stack.webhook(&receiver, &["contact.updated"]).await;
    let contact = stack.contact("After").await;
    let path = format!("/connection/contacts/{}", text(&contact, "id"));
    let _: Value = stack.owner.patch(&path, json!({"email": "new@example.com"})).await.ok();
    let delivery = receiver.next().await;
    delivery.assert_event("contact.updated", text(&contact, "id"));
    let body = delivery.json();
    assert_eq!((&body["changedFields"], &body["previous"]), (&json!(["email"]), &json!({"email": null})));
    assert_eq!(body["object"]["version"], 2);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_new_webhook_gets_the_very_next_event() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    for webhooks in 1..=5 {
        let body = json!({"url": receiver.url(&format!("/{webhooks}")), "events": ["contact.created"]});
        stack.owner.post("/webhooks", body).await.status(201);
        let contact = stack.contact("Grace").await;
        let mut paths = Vec::new();
        for _ in 0..webhooks {
            let request = receiver.next().await;
            request.assert_event("contact.created", text(&contact, "id"));
            paths.push(request.path);
        }
        paths.sort_unstable();
        assert_eq!(paths, (1..=webhooks).map(|n| format!("/{n}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn disabling_pauses_and_enabling_sends_what_was_paused() {
    let stack = Stack::with("0,0.2,0.2,0.2,0.2,0.2,0.2,60", Cluster::shared().await).await;
    let mut receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(503));
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let path = format!("/webhooks/{}", text(&webhook, "id"));
    stack.contact("Grace").await;
    receiver.next().await;

    let disabled: Value =
        stack.owner.put(&path, json!({"active": false, "events": ["contact.created"]})).await.ok();
    assert_eq!((&disabled["active"], &disabled["url"]), (&json!(false), &webhook["url"]));
    assert_eq!(stack.newest(&webhook).await["status"], "paused");
    stack.contact("Not gathered").await;

    receiver.always(|_| Reply::status(204));
    let _: Value = stack.owner.patch(&path, json!({"active": true})).await.ok();
    eventually("what was paused is delivered", async || {
        stack.newest(&webhook).await["status"] == "delivered"
    })
    .await;
    assert_eq!(stack.deliveries(&webhook).await.len(), 1, "a disabled webhook gathers nothing");

    receiver.always(|_| Reply::status(503));
    stack.contact("Cancelled").await;
    eventually("it is pending", async || stack.deliveries(&webhook).await.len() == 2).await;
    stack.owner.delete(&path).await.no_content();
    stack.owner.get(&path).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn webhooks_may_not_go_to_this_machine_unless_that_is_allowed() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Program::api()
        .env("TENON_DATABASE_URL", database.app_url())
        .env("TENON_SECRET_KEY", SECRET_KEY)
        .start()
        .await;
    let tenant = Stack::tenant(&database, "Acme").await;
    let owner = Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
    for (url, reason) in [
        ("http://example.com/hook", "not_https"),
        ("https://127.0.0.1/hook", "private_address"),
        ("https://localhost/hook", "private_address"),
        ("https://169.254.169.254/latest/meta-data", "private_address"),
        ("https://[::ffff:10.0.0.1]/hook", "private_address"),
        ("https://example.com:22/hook", "port_not_allowed"),
        ("https://user:password@example.com/hook", "credentials_in_url"),
        ("https://{tenant}.invalid/hook", "placeholder_in_url"),
        ("https://tenant.invalid/hook", "reserved_name"),
        ("https://a..b/hook", "invalid_host_name"),
        ("https:example.com/hook", "would_be_rewritten"),
    ] {
        let answer = owner.post("/webhooks", json!({"url": url, "events": ["contact.created"]})).await;
        let answer = answer.refused(422, "WEBHOOK_URL_REJECTED");
        assert_eq!(answer.json()["details"]["reason"], reason, "{url}");
    }
    let unresolved = "https://no-such-host.example.com";
    let created: Value =
        owner.post("/webhooks", json!({"url": unresolved, "events": ["contact.created"]})).await.created();
    assert_eq!(
        created["warnings"].as_array().map(Vec::len),
        Some(1),
        "a name that does not resolve is a warning"
    );
    assert_eq!(created["url"], unresolved, "it is kept as it was sent");

    // An address that would be taken no longer can still be disabled.
    let statement = "update tenon.webhooks set url = 'https://old.invalid/hook'";
    sqlx::raw_sql(statement).execute(&mut database.connect().await).await.expect("an address of old");
    let path = format!("/webhooks/{}", text(&created, "id"));
    let disabled: Value = owner.patch(&path, json!({"active": false})).await.ok();
    assert_eq!((&disabled["active"], &disabled["url"]), (&json!(false), &json!("https://old.invalid/hook")));
    let other = json!({"url": "https://new.invalid/hook"});
    owner.patch(&path, other).await.refused(422, "WEBHOOK_URL_REJECTED");
}

#[tokio::test]
async fn no_secret_is_written_to_a_log() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    receiver.next().await;
    let logs = stack.api.log() + &stack.worker.log();
    let key = text(&stack.tenant, "apiKey");
    for secret in [text(&webhook, "secret"), &key[24..], text(&stack.tenant, "password"), SECRET_KEY] {
        assert!(!logs.contains(secret), "a secret is in the log");
    }
    assert!(logs.contains("\"request_id\""), "the log has requests in it");
}
