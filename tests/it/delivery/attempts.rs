//! Attempts: each is listed, whoever made it, and a success ends the delivery.

use std::time::Duration;

use serde_json::{Value, json};
use tenon_tests::process::Signal;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Receiver, Reply, eventually};

use super::receivers::stack_with;

pub(super) fn path(webhook: &Value, rest: &str) -> String {
    format!("/webhooks/{}{rest}", text(webhook, "id"))
}

/// The outcomes of the newest delivery's attempts.
pub(super) async fn outcomes(stack: &Stack, webhook: &Value) -> Vec<String> {
    let delivery = stack.newest(webhook).await;
    let listed = path(webhook, &format!("/events/{}/attempts", text(&delivery, "id")));
    let attempts: Vec<Value> = stack.owner.get(&listed).await.ok();
    attempts.iter().map(|attempt| text(attempt, "outcome").to_owned()).collect()
}

#[tokio::test]
async fn a_receiver_that_takes_an_event_and_wants_no_more_has_taken_it() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(200).header("webhook-delivery", "disable"));
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
    let disabled: Value = stack.owner.get(&path(&webhook, "")).await.ok();
    assert_eq!((&disabled["active"], &disabled["disabledReason"]), (&json!(false), &json!("receiver_asked")));
    let _: Value = stack.owner.post(&path(&webhook, "/enable"), Value::Null).await.ok();
    stack.contact("Ada").await;
    eventually("the next one is delivered too", async || receiver.count() == 2).await;
    assert_eq!(stack.deliveries(&webhook).await[1]["attempts"], 1, "it is not sent again");
}

#[tokio::test]
async fn a_success_that_comes_while_the_webhook_is_disabled_is_believed() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(204).after(Duration::from_millis(500)));
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    receiver.next().await;
    let _: Value = stack.owner.patch(&path(&webhook, ""), json!({"active": false})).await.ok();
    assert_eq!(stack.newest(&webhook).await["status"], "paused");
    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
    let _: Value = stack.owner.post(&path(&webhook, "/enable"), Value::Null).await.ok();
    assert_eq!((stack.newest(&webhook).await["attempts"].clone(), receiver.count()), (json!(1), 1));
    assert_eq!(outcomes(&stack, &webhook).await, ["success"]);
}

#[tokio::test]
async fn every_attempt_is_listed_and_a_success_ends_the_delivery_whichever_job_brought_it() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    // The first attempt is still under way when the delivery is sent again by another job, which fails and waits for its retry.
    receiver.then([
        Reply::status(204).after(Duration::from_secs(2)),
        Reply::status(500),
        Reply::status(500).after(Duration::from_millis(2500)),
    ]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    receiver.next().await;
    let _: Value = stack.owner.patch(&path(&webhook, ""), json!({"active": false})).await.ok();
    let _: Value = stack.owner.post(&path(&webhook, "/enable"), Value::Null).await.ok();
    receiver.next().await;
    receiver.next().await;
    eventually("all three have ended", async || stack.newest(&webhook).await["attempts"] == 3).await;
    assert_eq!(outcomes(&stack, &webhook).await, ["http_5xx", "success", "http_5xx"]);
    let delivery = stack.newest(&webhook).await;
    assert_eq!((&delivery["status"], &delivery["nextRetry"]), (&json!("delivered"), &Value::Null));
    assert_eq!((&delivery["lastStatusCode"], &delivery["lastError"]), (&json!(204), &Value::Null));
    let jobs = "select count(*) from apalis.jobs where kind = 'deliver-webhook'";
    let jobs: i64 =
        sqlx::query_scalar(jobs).fetch_one(&mut stack.database.connect().await).await.expect("a number");
    assert_eq!((jobs, receiver.count()), (0, 3), "nothing is left to send it again");
}

#[tokio::test]
async fn attempts_cut_by_kill_9_are_listed_as_interrupted() {
    let mut stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.always(|_| Reply::hang());
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    for n in 0..5 {
        stack.contact(&format!("Contact {n}")).await;
    }
    for _ in 0..5 {
        receiver.next().await;
    }
    stack.worker.kill9().await;
    receiver.always(|_| Reply::status(204));
    stack.worker.start_again().await;
    for _ in 0..5 {
        let again = receiver.next().await;
        assert_eq!(
            again.header("x-webhook-attempt"),
            "1",
            "what nobody knows the end of is no step of the schedule"
        );
    }
    eventually("all are delivered", async || {
        stack.deliveries(&webhook).await.iter().all(|delivery| delivery["status"] == "delivered")
    })
    .await;
    for delivery in stack.deliveries(&webhook).await {
        assert_eq!(delivery["attempts"], 2, "{delivery}");
    }
    assert_eq!(outcomes(&stack, &webhook).await, ["interrupted", "success"]);
    assert_eq!(receiver.count(), 10, "an attempt each");
}

#[tokio::test]
async fn attempts_cut_off_by_the_end_of_the_drain_are_listed_as_interrupted() {
    let mut stack = stack_with("0,0.2,0.2", &[("TENON_DRAIN_DEADLINE", "0.2")]).await;
    let mut receiver = Receiver::start().await;
    receiver.always(|_| Reply::hang());
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    for name in ["Grace", "Ada"] {
        stack.contact(name).await;
        receiver.next().await;
    }
    stack.worker.signal(Signal::SIGTERM);
    assert!(stack.worker.wait().await.success());
    for delivery in stack.deliveries(&webhook).await {
        assert_eq!(
            (&delivery["status"], &delivery["attempts"]),
            (&json!("pending"), &json!(1)),
            "{delivery}"
        );
        assert!(text(&delivery, "lastError").contains("stopped"), "{delivery}");
    }
    receiver.always(|_| Reply::status(204));
    stack.worker.start_again().await;
    for _ in 0..2 {
        assert_eq!(receiver.next().await.header("x-webhook-attempt"), "1", "it was no step of the schedule");
    }
    eventually("both are delivered", async || {
        stack.deliveries(&webhook).await.iter().all(|delivery| delivery["status"] == "delivered")
    })
    .await;
    assert_eq!(outcomes(&stack, &webhook).await, ["interrupted", "success"]);
    assert_eq!(receiver.count(), 4, "an attempt each");
}
