//! Webhooks that are given another address while attempts at the one before are under way: that one has no say in what follows.

use std::time::Duration;

use serde_json::{Value, json};
use tenon_tests::stack::Stack;
use tenon_tests::{Cluster, Receiver, Reply, eventually};

use super::attempts::{outcomes, path};

/// Long enough for a change to be made while an attempt is under way.
const ANSWER: Duration = Duration::from_secs(3);

/// One retry, later than any test waits for.
const SCHEDULE: &str = "0,600";

/// How many failures in a row are counted against all webhooks.
async fn failures(stack: &Stack) -> i64 {
    let failures = sqlx::query_scalar("select sum(failures) from tenon.webhooks");
    failures.fetch_one(&mut stack.database.connect().await).await.expect("a sum")
}

async fn moved(stack: &Stack, webhook: &Value, to: &Receiver) {
    let _: Value = stack.owner.patch(&path(webhook, ""), json!({"url": to.url("/hook")})).await.ok();
}

#[tokio::test]
async fn what_an_address_says_that_the_webhook_has_left_does_not_count() {
    let stack = Stack::with(SCHEDULE, Cluster::shared().await).await;
    let mut webhooks = Vec::new();
    for reply in [
        Reply::status(410),
        Reply::status(500).header("webhook-delivery", "disable"),
        Reply::retry_after(600),
        Reply::status(500),
    ] {
        let (old, new) = (Receiver::start().await, Receiver::start().await);
        old.then([reply.after(ANSWER)]);
        webhooks.push((stack.webhook(&old, &["contact.created"]).await, old, new));
    }
    stack.contact("Under way").await;
    for (webhook, old, new) in &mut webhooks {
        old.next().await;
        moved(&stack, webhook, new).await;
    }
    for (webhook, _, new) in &mut webhooks {
        // At once, and not by the schedule.
        new.next().await;
        eventually("it is delivered", async || stack.newest(webhook).await["status"] == "delivered").await;
        let now: Value = stack.owner.get(&path(webhook, "")).await.ok();
        assert_eq!((&now["active"], &now["disabledReason"]), (&json!(true), &Value::Null));
        assert_eq!(outcomes(&stack, webhook).await.len(), 2, "the attempt at the old one is listed");
    }
    assert_eq!(failures(&stack).await, 0);
}

#[tokio::test]
async fn a_success_at_an_address_that_wants_no_more_disables_no_other() {
    let stack = Stack::with(SCHEDULE, Cluster::shared().await).await;
    let (mut old, mut new) = (Receiver::start().await, Receiver::start().await);
    old.then([Reply::status(200).header("webhook-delivery", "disable").after(ANSWER)]);
    let webhook = stack.webhook(&old, &["contact.created"]).await;
    stack.contact("Under way").await;
    old.next().await;
    moved(&stack, &webhook, &new).await;
    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
    stack.contact("New").await;
    new.next().await;
    assert_eq!(new.count(), 1, "what the old one has taken is not sent again");
}

#[tokio::test]
async fn failures_of_an_address_are_not_counted_against_the_next_one() {
    let stack = Stack::with(SCHEDULE, Cluster::shared().await).await;
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    old.always(|_| Reply::status(400));
    new.always(|_| Reply::status(404));
    let webhook = stack.webhook(&old, &["contact.created"]).await;
    for count in 1..=3 {
        stack.contact("Grace").await;
        eventually("it is counted", async || failures(&stack).await == count).await;
    }
    moved(&stack, &webhook, &new).await;
    eventually("only the next one's are", async || (new.count(), failures(&stack).await) == (3, 3)).await;
}
