//! How replays end: stopped, with their webhook, with nothing left to send, or given up; and what is told of it.

use serde_json::{Value, json};
use tenon_tests::process::Signal;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Reply, eventually};

use super::{SINCE, change, count, counts, ended, one_attempt, outage, path, progress, replay, statuses};

/// The types of what the feed tells of replays.
async fn told(stack: &Stack) -> Vec<String> {
    let events: Vec<Value> = stack.owner.get("/changes?limit=1000&types=webhook_replay.*").await.ok();
    events.iter().map(|event| text(event, "type").to_owned()).collect()
}

#[tokio::test]
async fn a_replay_that_is_cancelled_takes_back_what_was_not_sent() {
    let (stack, receiver, webhook) = one_attempt().await;
    outage(&stack, &receiver, &webhook, 12).await;
    let failed = receiver.count();
    let slow = json!({"since": SINCE, "ratePerSecond": 1});
    let begun = replay(&stack, &webhook, slow.clone()).await;
    stack.owner.post(&path(&webhook, "/replay"), slow.clone()).await.refused(409, "STATE_CONFLICT");
    eventually("the first has arrived", async || {
        progress(&stack, &webhook, &begun).await["delivered"].as_i64() >= Some(1)
    })
    .await;
    let cancel = path(&webhook, &format!("/replays/{}/cancel", text(&begun, "id")));
    let cancelled: Value = stack.owner.post(&cancel, Value::Null).await.ok();
    assert_eq!((text(&cancelled, "state"), &cancelled["pending"]), ("cancelled", &json!(0)), "{cancelled}");
    assert_eq!(cancelled["enqueued"], cancelled["delivered"]);
    let again: Value = stack.owner.post(&cancel, Value::Null).await.ok();
    assert_eq!(again, cancelled);

    // Their jobs are gone; the replay's finds nothing to do.
    let jobs = "select count(*) from apalis.jobs where kind in ('deliver-webhook', 'replay-webhook')";
    eventually("no job is left", async || count(&stack, jobs).await == 0).await;
    let now = statuses(&stack, &webhook).await;
    let delivered = now.iter().filter(|status| *status == "delivered").count();
    assert_eq!(now.iter().filter(|status| *status == "failed").count() + delivered, 12, "{now:?}");
    assert_eq!(receiver.count() - failed, delivered);

    // The next one brings the others.
    let fast = replay(&stack, &webhook, json!({"since": SINCE, "ratePerSecond": 1000})).await;
    assert_eq!(fast["selected"], json!(12 - delivered));
    assert_eq!(text(&ended(&stack, &webhook, &fast).await, "state"), "succeeded");
    assert_eq!(receiver.count() - failed, 12, "each once");
}

#[tokio::test]
async fn a_replay_waits_while_its_webhook_is_disabled_and_ends_when_it_is_deleted() {
    let (stack, receiver, webhook) = one_attempt().await;
    outage(&stack, &receiver, &webhook, 4).await;
    let begun = replay(&stack, &webhook, json!({"since": SINCE, "ratePerSecond": 1})).await;
    eventually("all are brought", async || progress(&stack, &webhook, &begun).await["enqueued"] == 4).await;
    let waiting = stack.deliveries(&webhook).await;
    let due = waiting.iter().filter_map(|delivery| delivery["nextRetry"].as_str());
    let due: Vec<chrono::DateTime<chrono::Utc>> = due.map(|at| at.parse().expect("an instant")).collect();
    let mut gaps = due.windows(2).map(|pair| (pair[0] - pair[1]).num_milliseconds());
    assert!(gaps.all(|gap| gap == 1000), "one a second: {due:?}");
    let _: Value = stack.owner.patch(&path(&webhook, ""), json!({"active": false})).await.ok();
    let paused = progress(&stack, &webhook, &begun).await;
    assert_eq!(text(&paused, "state"), "running");
    assert!(paused["pending"].as_i64() >= Some(1), "{paused}");
    let _: Value = stack.owner.post(&path(&webhook, "/enable"), Value::Null).await.ok();
    let done = ended(&stack, &webhook, &begun).await;
    assert_eq!((text(&done, "state"), counts(&done)), ("succeeded", json!([4, 4, 0, 0, 4, 0, 0])));

    replay(&stack, &webhook, json!({"since": SINCE, "onlyFailed": false, "ratePerSecond": 1})).await;
    stack.owner.delete(&path(&webhook, "")).await.no_content();
    let deleted = "select count(*) from tenon.webhook_replays where state = 'cancelled' and failure = 'WEBHOOK_DELETED'";
    assert_eq!(count(&stack, deleted).await, 1);
    eventually("the feed tells of both", async || {
        let told = told(&stack).await;
        let all = ["started", "ended", "started", "cancelled"].map(|what| format!("webhook_replay.{what}"));
        if told == all { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_no_longer_or_sent_otherwise_is_passed_over_and_what_fails_again_is_told() {
    let (mut stack, receiver, webhook) = one_attempt().await;
    outage(&stack, &receiver, &webhook, 5).await;
    stack.worker.kill9().await;
    let begun = replay(&stack, &webhook, json!({"since": SINCE})).await;
    assert_eq!(counts(&begun), json!([5, 0, 0, 0, 0, 0, 0]));
    let deliveries = stack.deliveries(&webhook).await;
    let resend = path(&webhook, &format!("/events/{}/resend", text(&deliveries[0], "id")));
    let _: Value = stack.owner.post(&resend, Value::Null).await.ok();
    let oldest = "delete from tenon.events where id = (select event_id from tenon.deliveries order by event_id limit 1)";
    assert_eq!(change(&stack, oldest).await, 1);
    let mut replayed = 0;
    receiver.always(move |request| {
        let is_replay = request.headers.contains_key("x-webhook-replay");
        replayed += u32::from(is_replay);
        Reply::status(if is_replay && replayed == 1 { 404 } else { 204 })
    });
    stack.worker.start_again().await;
    let ended = ended(&stack, &webhook, &begun).await;
    assert_eq!((text(&ended, "state"), counts(&ended)), ("partial", json!([5, 3, 1, 1, 2, 1, 0])), "{ended}");
    let gone: Value =
        stack.owner.post(&path(&webhook, "/replay/preview"), json!({"since": SINCE})).await.ok();
    assert_eq!((&gone["selected"], &gone["gone"]), (&json!(1), &json!(1)), "{gone}");
}

#[tokio::test]
async fn a_replay_that_workers_die_of_ends_with_the_reason() {
    let (mut stack, receiver, webhook) = one_attempt().await;
    outage(&stack, &receiver, &webhook, 2).await;
    stack.worker.signal(Signal::SIGSTOP);
    let begun = replay(&stack, &webhook, json!({"since": SINCE})).await;
    let died = "update apalis.jobs set orphaned = 5 where kind = 'replay-webhook' and lock_by is null";
    assert_eq!(change(&stack, died).await, 1);
    stack.worker.signal(Signal::SIGCONT);
    let given_up = ended(&stack, &webhook, &begun).await;
    assert_eq!((text(&given_up, "state"), text(&given_up, "failure")), ("failed", "GIVEN_UP"), "{given_up}");
    let next = replay(&stack, &webhook, json!({"since": SINCE})).await;
    assert_eq!(counts(&ended(&stack, &webhook, &next).await), json!([2, 2, 0, 0, 2, 0, 0]));
}
