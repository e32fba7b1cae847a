//! What a receiver did not get is found and sent again by the API alone: replays, resends, and the lists that tell what is missing.

mod ends;
mod lists;
mod resends;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenon_tests::replay_run::{self, Options};
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Cluster, Receiver, Reply, eventually};

/// Before anything that happens here.
const SINCE: &str = "2020-01-01T00:00:00Z";

fn path(webhook: &Value, rest: &str) -> String {
    format!("/webhooks/{}{rest}", text(webhook, "id"))
}

/// A stack whose deliveries have one attempt, with a webhook for new contacts.
async fn one_attempt() -> (Stack, Receiver, Value) {
    let stack = Stack::with("0", Cluster::shared().await).await;
    let receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    (stack, receiver, webhook)
}

/// So many events fail, because the receiver answers 404; afterwards it takes everything.
async fn outage(stack: &Stack, receiver: &Receiver, webhook: &Value, events: usize) {
    receiver.always(|_| Reply::status(404));
    let items: Vec<Value> = (0..events).map(|number| json!({"name": format!("Contact {number}")})).collect();
    stack.owner.post("/connection/contacts/batch/create", json!({"items": items})).await.status(200);
    eventually("all have failed", async || statuses(stack, webhook).await == vec!["failed"; events]).await;
    receiver.always(|_| Reply::status(204));
}

async fn statuses(stack: &Stack, webhook: &Value) -> Vec<String> {
    let deliveries = stack.deliveries(webhook).await;
    deliveries.iter().map(|delivery| text(delivery, "status").to_owned()).collect()
}

async fn replay(stack: &Stack, webhook: &Value, body: Value) -> Value {
    let answer = stack.owner.post(&path(webhook, "/replay"), body).await.status(202);
    let replay = answer.json()["data"].clone();
    let location = format!("/api/v1{}", path(webhook, &format!("/replays/{}", text(&replay, "id"))));
    assert_eq!(answer.header("location"), location);
    replay
}

async fn preview(stack: &Stack, webhook: &Value, body: Value) -> Value {
    stack.owner.post(&path(webhook, "/replay/preview"), body).await.ok()
}

async fn progress(stack: &Stack, webhook: &Value, replay: &Value) -> Value {
    stack.owner.get(&path(webhook, &format!("/replays/{}", text(replay, "id")))).await.ok()
}

/// The replay once it has ended.
async fn ended(stack: &Stack, webhook: &Value, replay: &Value) -> Value {
    eventually("the replay has ended", async || {
        let now = progress(stack, webhook, replay).await;
        match ["ready", "running"].contains(&text(&now, "state")) {
            true => Err(now.to_string()),
            false => Ok(now),
        }
    })
    .await
}

/// Selected, enqueued, skipped, gone, delivered, failed, pending.
fn counts(replay: &Value) -> Value {
    let all = ["selected", "enqueued", "skipped", "gone", "delivered", "failed", "pending"];
    Value::Array(all.map(|count| replay[count].clone()).to_vec())
}

async fn count(stack: &Stack, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&mut stack.database.connect().await).await.expect("a number")
}

async fn change(stack: &Stack, statement: &'static str) -> u64 {
    let done = sqlx::query(statement).execute(&mut stack.database.connect().await).await.expect("changed");
    done.rows_affected()
}

#[tokio::test]
async fn those_that_failed_in_an_outage_are_replayed_each_once_though_the_worker_is_killed() {
    let options = Options { events: 300, failed: 60, kills: 2, rate: 40, seed: rand::random() };
    let account = replay_run::run(&options).await.unwrap_or_else(|error| panic!("{error:#}"));
    eprintln!("{account}");
    assert!(account.is_clean(), "{account}");
}

#[tokio::test]
async fn what_a_webhook_was_not_there_for_is_brought_once_as_the_preview_says() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let before = stack.contact("Before the webhook").await;
    let other = json!({"name": "Not subscribed"});
    stack.owner.post("/connection/companies", other).await.status(201);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Gathered").await;
    let gathered = receiver.next().await;
    assert!(gathered.headers.get("x-webhook-replay").is_none(), "{gathered}");
    eventually("it is delivered", async || statuses(&stack, &webhook).await == ["delivered"]).await;
    let _: Value = stack.owner.patch(&path(&webhook, ""), json!({"active": false})).await.ok();
    let meanwhile = stack.contact("While disabled").await;

    let asked = json!({"since": SINCE, "includeNeverAttempted": true});
    let disabled = preview(&stack, &webhook, asked.clone()).await;
    assert_eq!(disabled["selected"], 2, "{disabled}");
    stack.owner.post(&path(&webhook, "/replay"), asked.clone()).await.refused(409, "STATE_CONFLICT");
    let _: Value = stack.owner.post(&path(&webhook, "/enable"), Value::Null).await.ok();
    let enabled = preview(&stack, &webhook, asked.clone()).await;
    assert_eq!(enabled, disabled);
    assert_eq!(enabled["groups"], json!([{"event": "contact.created", "status": "none", "events": 2}]));
    assert_eq!(preview(&stack, &webhook, json!({"since": SINCE})).await["selected"], 0);
    assert_eq!(receiver.count(), 1, "a preview sends nothing");

    let begun = replay(&stack, &webhook, asked.clone()).await;
    assert_eq!((&begun["selected"], &begun["ratePerSecond"]), (&json!(2), &json!(100)));
    let mut brought = BTreeSet::new();
    for _ in 0..2 {
        let request = receiver.next().await;
        assert_eq!(request.header("x-webhook-replay"), "true");
        assert_eq!(request.header("x-webhook-attempt"), "1");
        brought.insert(request.json()["data"]["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(brought, BTreeSet::from([&before, &meanwhile].map(|contact| text(contact, "id").to_owned())));
    let ended = ended(&stack, &webhook, &begun).await;
    assert_eq!(
        (text(&ended, "state"), counts(&ended)),
        ("succeeded", json!([2, 2, 0, 0, 2, 0, 0])),
        "{ended}"
    );
    assert_eq!(preview(&stack, &webhook, asked).await["selected"], 0, "they are there by now");
    let all = preview(&stack, &webhook, json!({"since": SINCE, "onlyFailed": false})).await;
    let delivered = json!([{"event": "contact.created", "status": "delivered", "events": 3}]);
    assert_eq!((&all["groups"], &all["last"]), (&delivered, &stack.newest(&webhook).await["id"]));

    // What somebody sends again is no replay's any more.
    let resend = path(&webhook, &format!("/events/{}/resend", text(&enabled, "last")));
    let _: Value = stack.owner.post(&resend, Value::Null).await.ok();
    let again = receiver.next().await;
    assert_eq!(again.header("webhook-id"), text(&enabled, "last"));
    assert!(again.headers.get("x-webhook-replay").is_none(), "{again}");
    assert_eq!(receiver.count(), 4);
}

#[tokio::test]
async fn a_replay_that_cannot_be_is_refused_with_all_reasons() {
    let (stack, _receiver, webhook) = one_attempt().await;
    let wrong = json!({
        "since": "2999-01-01T00:00:00Z", "events": ["contact.*", "contact.made"], "objectType": "table"
    });
    let refused = stack.owner.post(&path(&webhook, "/replay"), wrong).await.refused(400, "VALIDATION_ERROR");
    let details = refused.json()["details"].clone();
    for field in ["since", "events.1", "objectType"] {
        assert!(details[field].is_string(), "{field}: {refused}");
    }
    let wrong = json!({"since": SINCE, "until": SINCE});
    let refused = stack.owner.post(&path(&webhook, "/replay"), wrong).await.refused(400, "VALIDATION_ERROR");
    assert!(refused.json()["details"]["until"].is_string(), "{refused}");
    for wrong in
        [json!({}), json!({"since": SINCE, "ratePerSecond": 0}), json!({"since": SINCE, "events": []})]
    {
        stack.owner.post(&path(&webhook, "/replay"), wrong).await.refused(400, "VALIDATION_ERROR");
    }
    assert_eq!(count(&stack, "select count(*) from tenon.webhook_replays").await, 0);
}

#[tokio::test]
async fn a_replay_asked_for_twice_under_one_key_is_one() {
    let (stack, receiver, webhook) = one_attempt().await;
    outage(&stack, &receiver, &webhook, 3).await;
    let keyed = stack.owner.with_header("idempotency-key", "once");
    let body = json!({"since": SINCE, "events": ["contact.*"]});
    let first: Value = keyed.post(&path(&webhook, "/replay"), body.clone()).await.accepted();
    let second: Value = keyed.post(&path(&webhook, "/replay"), body).await.accepted();
    assert_eq!(first, second);
    let ended = ended(&stack, &webhook, &first).await;
    assert_eq!((text(&ended, "state"), counts(&ended)), ("succeeded", json!([3, 3, 0, 0, 3, 0, 0])));
    let listed: Vec<Value> = stack.owner.get(&path(&webhook, "/replays")).await.ok();
    assert_eq!(listed, [ended]);
}
