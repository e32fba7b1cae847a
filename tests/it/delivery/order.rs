//! Webhooks that get the events of an object one after the other, and those with a schedule of their own.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_common::webhook::order;
use tenon_tests::app::connect;
use tenon_tests::order_run;
use tenon_tests::receiver::Received;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Receiver, Reply, eventually};

/// After the first attempt the next one is so far off that a test does not see it.
const FAR_OFF: &str = "0,3000";

fn path(webhook: &Value, rest: &str) -> String {
    format!("/webhooks/{}{rest}", text(webhook, "id"))
}

/// A webhook for contacts, with an order or not.
async fn webhook(stack: &Stack, receiver: &Receiver, ordering: &str, schedule: &str) -> Value {
    let body = json!({
        "url": receiver.url("/hook"),
        "events": ["contact.created", "contact.updated"],
        "ordering": ordering,
        "retrySchedule": schedule,
    });
    stack.owner.post("/webhooks", body).await.created()
}

/// A contact that comes to have this version: as many events.
async fn contact(owner: &Client, version: i64) -> Value {
    let contact = owner.post("/connection/contacts", json!({"name": "Grace"})).await.created();
    for version in 2..=version {
        change(owner, &contact, version).await;
    }
    contact
}

async fn change(owner: &Client, contact: &Value, version: i64) {
    let path = format!("/connection/contacts/{}", text(contact, "id"));
    owner.patch(&path, json!({"title": format!("Version {version}")})).await.status(200);
}

fn version(request: &Received) -> i64 {
    request.json()["object"]["version"].as_i64().expect("a version")
}

/// The versions that came, in the order in which they did.
fn versions(receiver: &Receiver) -> Vec<i64> {
    receiver.all().iter().map(version).collect()
}

/// Of each delivery, the oldest first: its status, and whether a next attempt is due.
async fn stands(stack: &Stack, webhook: &Value) -> Vec<(String, bool)> {
    let mut deliveries = stack.deliveries(webhook).await;
    deliveries.reverse();
    let stands = |delivery: &Value| (text(delivery, "status").to_owned(), delivery["nextRetry"].is_string());
    deliveries.iter().map(stands).collect()
}

async fn stand(stack: &Stack, webhook: &Value, expected: &[(&str, bool)]) {
    let expected: Vec<_> = expected.iter().map(|(status, is_due)| ((*status).to_owned(), *is_due)).collect();
    eventually(&format!("they stand so: {expected:?}"), async || stands(stack, webhook).await == expected)
        .await;
}

#[tokio::test]
async fn the_events_of_an_object_come_in_their_order_through_failures_and_a_killed_worker() {
    let options = order_run::Options {
        objects: 10,
        events: 20,
        fail_in: 7,
        workers: 2,
        kills: 1,
        waiting: false,
        unordered: false,
    };
    let account = order_run::run(&options).await.unwrap_or_else(|error| panic!("{error:#}"));
    assert!(account.is_clean(), "{account}");
}

#[tokio::test]
async fn a_later_event_waits_until_the_earlier_one_is_delivered_or_given_up() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.then([
        Reply::status(500),
        Reply::status(400).header("webhook-delivery", "abort-message"),
        Reply::status(204),
    ]);
    let webhook = webhook(&stack, &receiver, "object", FAR_OFF).await;
    contact(&stack.owner, 3).await;
    receiver.next().await;
    stand(&stack, &webhook, &[("pending", true), ("pending", false), ("pending", false)]).await;

    // What waits for the schedule goes to another address at once; what waits for it does not.
    let moved = json!({"url": receiver.url("/moved")});
    stack.owner.patch(&path(&webhook, ""), moved).await.status(200);
    stand(&stack, &webhook, &[("failed", false), ("delivered", false), ("delivered", false)]).await;
    assert_eq!(versions(&receiver), [1, 1, 2, 3]);
    assert_eq!(receiver.next().await.path, "/moved");
}

#[tokio::test]
async fn disabled_and_enabled_the_order_holds() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.then_statuses([500]);
    let webhook = webhook(&stack, &receiver, "object", FAR_OFF).await;
    let contact = contact(&stack.owner, 3).await;
    receiver.next().await;
    stand(&stack, &webhook, &[("pending", true), ("pending", false), ("pending", false)]).await;
    stack.owner.patch(&path(&webhook, ""), json!({"active": false})).await.status(200);
    stand(&stack, &webhook, &[("paused", false); 3]).await;
    stack.owner.post(&path(&webhook, "/enable"), Value::Null).await.status(200);
    change(&stack.owner, &contact, 4).await;
    stand(&stack, &webhook, &[("delivered", false); 4]).await;
    assert_eq!(versions(&receiver), [1, 1, 2, 3, 4]);
}

#[tokio::test]
async fn what_is_sent_again_takes_the_place_of_its_event() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.then([
        Reply::status(400).header("webhook-delivery", "abort-message"),
        Reply::status(500),
        Reply::status(204).after(Duration::from_millis(500)),
    ]);
    let webhook = webhook(&stack, &receiver, "object", FAR_OFF).await;
    contact(&stack.owner, 3).await;
    let first = receiver.next().await.header("webhook-id").to_owned();
    receiver.next().await;
    eventually("the second has failed once", async || {
        let deliveries = stack.deliveries(&webhook).await;
        deliveries.len() == 3 && deliveries[1]["attempts"] == 1
    })
    .await;
    stand(&stack, &webhook, &[("failed", false), ("pending", true), ("pending", false)]).await;
    stack.owner.post(&path(&webhook, &format!("/events/{first}/resend")), Value::Null).await.status(200);
    receiver.next().await;
    let held = stands(&stack, &webhook).await.into_iter().skip(1).collect::<Vec<_>>();
    let waits = ("pending".to_owned(), false);
    assert_eq!(held, [waits.clone(), waits], "the second waits for the first again");
    stand(&stack, &webhook, &[("delivered", false); 3]).await;
    assert_eq!(versions(&receiver), [1, 2, 1, 2, 3]);
}

#[tokio::test]
async fn an_order_may_begin_and_end_while_deliveries_wait() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    receiver.always(|request| Reply::status(if version(request) == 1 { 500 } else { 503 }));
    let webhook = webhook(&stack, &receiver, "none", FAR_OFF).await;
    contact(&stack.owner, 2).await;
    stand(&stack, &webhook, &[("pending", true), ("pending", true)]).await;
    eventually("both were tried", async || {
        stack.deliveries(&webhook).await.iter().all(|delivery| delivery["attempts"] == 1)
    })
    .await;
    stack.owner.patch(&path(&webhook, ""), json!({"ordering": "object"})).await.status(200);
    stand(&stack, &webhook, &[("pending", true), ("pending", false)]).await;

    // Nobody ends it in another tenant's name.
    let mut other = PgConnection::connect(stack.database.app_url()).await.expect("the API's login");
    sqlx::query("select set_config('app.tenant_id', gen_random_uuid()::text, false)")
        .execute(&mut other)
        .await
        .expect("set");
    sqlx::query("select tenon.unorder_deliveries($1::uuid, $2::uuid)")
        .bind(text(&stack.tenant, "tenantId"))
        .bind(text(&webhook, "id"))
        .execute(&mut other)
        .await
        .expect("nothing is done");
    stand(&stack, &webhook, &[("pending", true), ("pending", false)]).await;

    receiver.always(|_| Reply::status(204));
    stack.owner.patch(&path(&webhook, ""), json!({"ordering": "none"})).await.status(200);
    stand(&stack, &webhook, &[("pending", true), ("delivered", false)]).await;
}

#[tokio::test]
async fn a_fan_out_waits_for_the_one_that_has_the_earlier_event() {
    const SECOND: &str = "select j.run_at::text from apalis.jobs j where j.kind = 'fan-out-event' and j.run_at < now() + interval '1 minute'
                              and convert_from(j.job, 'UTF8') like '%' || (select e.id from tenon.events e where e.type = 'contact.updated') || '%'";
    let mut stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let webhook = webhook(&stack, &receiver, "object", FAR_OFF).await;
    stack.worker.kill9().await;
    contact(&stack.owner, 2).await;
    let mut admin = stack.database.connect().await;
    // The first is put off, as by an outage of its worker.
    sqlx::raw_sql(
        "update apalis.jobs j set run_at = now() + interval '1 hour' where j.kind = 'fan-out-event'
             and convert_from(j.job, 'UTF8') like '%' || (select e.id from tenon.events e where e.type = 'contact.created') || '%'",
    )
    .execute(&mut admin)
    .await
    .expect("put off");
    let begun: String = sqlx::query_scalar(SECOND).fetch_one(&mut admin).await.expect("the second waits");
    stack.worker.start_again().await;
    eventually("the second was looked at, and waits on", async || {
        let now: Option<String> = sqlx::query_scalar(SECOND)
            .fetch_optional(&mut stack.database.connect().await)
            .await
            .expect("a time");
        now.is_some_and(|now| now != begun)
    })
    .await;
    assert_eq!(receiver.count(), 0);
    sqlx::raw_sql("update apalis.jobs set run_at = now() where kind = 'fan-out-event' and run_at > now() + interval '1 minute'")
        .execute(&mut admin)
        .await
        .expect("due");
    stand(&stack, &webhook, &[("delivered", false); 2]).await;
    assert_eq!(versions(&receiver), [1, 2]);
}

#[tokio::test]
async fn what_waits_for_nothing_is_released() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.then_statuses([500]);
    let webhook = webhook(&stack, &receiver, "object", FAR_OFF).await;
    contact(&stack.owner, 2).await;
    receiver.next().await;
    stand(&stack, &webhook, &[("pending", true), ("pending", false)]).await;
    let db = connect(stack.database.worker_url());
    assert_eq!(order::release_stalled(&db, 100).await.expect("looked"), 0, "it waits for the first");
    sqlx::raw_sql("delete from apalis.jobs where kind = 'deliver-webhook' and run_at < 'infinity'")
        .execute(&mut stack.database.connect().await)
        .await
        .expect("deleted by hand");
    // The worker may have looked before.
    order::release_stalled(&db, 100).await.expect("looked");
    assert_eq!(version(&receiver.next().await), 2);
}

#[tokio::test]
async fn a_webhooks_own_schedule_counts_from_the_next_attempt() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(500));
    let webhook = webhook(&stack, &receiver, "none", "0").await;
    contact(&stack.owner, 1).await;
    let event = receiver.next().await.header("webhook-id").to_owned();
    stand(&stack, &webhook, &[("failed", false)]).await;
    stack.owner.patch(&path(&webhook, ""), json!({"retrySchedule": "0,0.1,0.1"})).await.status(200);
    stack.owner.post(&path(&webhook, &format!("/events/{event}/resend")), Value::Null).await.status(200);
    eventually("it is given up after three more", async || {
        let newest = stack.newest(&webhook).await;
        newest["status"] == "failed" && newest["attempts"] == 4
    })
    .await;
}

#[tokio::test]
async fn a_webhooks_pace_is_shown_kept_and_checked() {
    let stack = Stack::with("0", Cluster::shared().await).await;
    let receiver = Receiver::start().await;
    let shown = |webhook: &Value| {
        ["maxPerSecond", "maxConcurrency", "retrySchedule", "ordering"].map(|field| webhook[field].clone())
    };
    let plain = stack.webhook(&receiver, &["contact.created"]).await;
    let none = [Value::Null, Value::Null, Value::Null, json!("none")];
    assert_eq!(shown(&plain), none);

    let all = json!({
        "url": receiver.url("/hook"), "events": ["*"],
        "maxPerSecond": 50, "maxConcurrency": 5, "retrySchedule": "0, 5,300", "ordering": "object",
    });
    let paced: Value = stack.owner.post("/webhooks", all.clone()).await.created();
    assert_eq!(shown(&paced), [json!(50), json!(5), json!("0,5,300"), json!("object")]);
    let one = json!({"maxPerSecond": null, "retrySchedule": "plan"});
    let changed: Value = stack.owner.patch(&path(&paced, ""), one).await.ok();
    assert_eq!(shown(&changed), [Value::Null, json!(5), json!("plan"), json!("object")]);
    let replaced: Value = stack.owner.put(&path(&paced, ""), json!({"events": ["*"]})).await.ok();
    assert_eq!(shown(&replaced), none);

    let wrong = |fields: Value| {
        let mut body = all.clone();
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        stack.owner.post("/webhooks", body)
    };
    let told = |answer: Value| {
        let mut told: Vec<String> = answer["errors"]
            .as_array()
            .expect("errors")
            .iter()
            .map(|error| format!("{} {}", text(error, "pointer"), text(error, "code")))
            .collect();
        told.sort_unstable();
        told
    };
    let many = json!({"maxPerSecond": 0, "maxConcurrency": 101, "ordering": "time"});
    let many = told(wrong(many).await.refused(400, "VALIDATION_ERROR").json());
    assert_eq!(many.len(), 3, "{many:?}");
    for (schedule, code) in [
        ("0,soon", "INVALID_VALUE"),
        ("0,604801", "TOO_LONG"),
        ("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "TOO_MANY"),
    ] {
        let answer = wrong(json!({"retrySchedule": schedule})).await.refused(400, "VALIDATION_ERROR").json();
        assert_eq!(told(answer), [format!("/retrySchedule {code}")]);
    }
    let stalls = wrong(json!({"retrySchedule": "standard"})).await.refused(400, "VALIDATION_ERROR").json();
    assert_eq!(told(stalls), ["/ordering WOULD_STALL"]);
}
