//! Sending again: one that waits sooner, and many at once.

use std::time::Duration;

use serde_json::{Value, json};
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Cluster, Receiver, Reply, eventually};

use super::{count, one_attempt, outage, path, statuses};

async fn resend(stack: &Stack, webhook: &Value, event: &str) -> tenon_tests::Answer {
    stack.owner.post(&path(webhook, &format!("/events/{event}/resend")), Value::Null).await
}

#[tokio::test]
async fn one_that_waits_is_tried_now_by_its_own_job_and_one_under_way_is_left_alone() {
    let stack = Stack::with("0,3600,3600", Cluster::shared().await).await;
    let mut receiver = Receiver::start().await;
    receiver.then([Reply::status(500), Reply::status(204).after(Duration::from_secs(2))]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    let event = receiver.next().await.header("webhook-id").to_owned();
    eventually("it waits an hour", async || stack.newest(&webhook).await["attempts"] == 1).await;

    let hastened: Value = resend(&stack, &webhook, &event).await.ok();
    assert_eq!((text(&hastened, "status"), &hastened["attempts"]), ("pending", &json!(1)));
    let second = receiver.next().await;
    assert_eq!(second.header("webhook-id"), event);
    assert_eq!(second.header("x-webhook-attempt"), "2", "the schedule goes on");
    resend(&stack, &webhook, &event).await.refused(409, "STATE_CONFLICT");
    eventually("it is delivered", async || statuses(&stack, &webhook).await == ["delivered"]).await;
    let jobs = "select count(*) from apalis.jobs where kind = 'deliver-webhook'";
    assert_eq!((count(&stack, jobs).await, receiver.count()), (0, 2), "it is not sent twice");
}

#[tokio::test]
async fn many_are_sent_again_by_what_they_are() {
    let (stack, receiver, webhook) = one_attempt().await;
    outage(&stack, &receiver, &webhook, 6).await;
    let before = receiver.count();
    let all = path(&webhook, "/events/resend");
    let none: Value = stack.owner.post(&all, json!({"events": ["contact.deleted", "lead.*"]})).await.ok();
    assert_eq!(none, json!({"resent": 0}));
    let delivery: Value = stack
        .owner
        .get(&path(&webhook, &format!("/events/{}", text(&stack.newest(&webhook).await, "id"))))
        .await
        .ok();
    let one = json!({"objectType": "contact", "objectId": delivery["payload"]["object"]["id"]});
    let resent: Value = stack.owner.post(&all, one).await.ok();
    assert_eq!(resent, json!({"resent": 1}));
    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
    let resent: Value = stack.owner.post(&all, json!({})).await.ok();
    assert_eq!(resent, json!({"resent": 5}));
    eventually("all are delivered", async || statuses(&stack, &webhook).await == vec!["delivered"; 6]).await;
    assert_eq!(receiver.count() - before, 6, "each once");
    for wrong in [json!({"events": ["contact.made"]}), json!({"status": "lost"}), json!({"since": "today"})] {
        stack.owner.post(&all, wrong).await.refused(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn where_one_cannot_be_sent_none_is() {
    let stack = Stack::with("0,3600", Cluster::shared().await).await;
    let mut receiver = Receiver::start().await;
    receiver.then([Reply::status(500), Reply::hang()]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Waits").await;
    receiver.next().await;
    eventually("it waits", async || stack.newest(&webhook).await["attempts"] == 1).await;
    let waiting = stack.newest(&webhook).await;
    stack.contact("Under way").await;
    receiver.next().await;
    let all = path(&webhook, "/events/resend");
    stack.owner.post(&all, json!({"status": "pending"})).await.refused(409, "STATE_CONFLICT");
    let now: Value =
        stack.owner.get(&path(&webhook, &format!("/events/{}", text(&waiting, "id")))).await.ok();
    assert_eq!(now["nextRetry"], waiting["nextRetry"]);
    assert_eq!(receiver.count(), 2);
}
