//! Webhooks that are switched while events are under way: what each gets is decided by what it was when the event was committed.

use std::collections::HashSet;

use serde_json::{Value, json};
use tenon_tests::stack::{Stack, text};
use tenon_tests::switch_run;
use tenon_tests::{Cluster, Receiver, Reply, eventually};

fn path(webhook: &Value, rest: &str) -> String {
    format!("/webhooks/{}{rest}", text(webhook, "id"))
}

async fn count(stack: &Stack, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&mut stack.database.connect().await).await.expect("a number")
}

async fn set(stack: &Stack, webhook: &Value, fields: Value) -> Value {
    stack.owner.patch(&path(webhook, ""), fields).await.ok()
}

async fn enable(stack: &Stack, webhook: &Value) -> Value {
    stack.owner.post(&path(webhook, "/enable"), Value::Null).await.ok()
}

async fn fifty_contacts(stack: &Stack) {
    let items: Vec<Value> = (0..50).map(|n| json!({"name": format!("Contact {n}")})).collect();
    stack.owner.post("/connection/contacts/batch/create", json!({"items": items})).await.status(200);
}

/// No fan-out is left to be done.
async fn all_fanned_out(stack: &Stack) {
    eventually("all is fanned out", async || {
        count(stack, "select count(*) from apalis.jobs where kind = 'fan-out-event'").await == 0
    })
    .await;
}

fn not_gathered(enabled: &Value) -> &str {
    enabled["warnings"][0].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_event_of_an_active_webhook_is_delivered_however_late_it_is_fanned_out() {
    let mut stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.worker.kill9().await;
    let active = stack.contact("While active").await;
    set(&stack, &webhook, json!({"active": false})).await;
    stack.contact("While disabled").await;
    stack.worker.start_again().await;

    all_fanned_out(&stack).await;
    let deliveries = stack.deliveries(&webhook).await;
    assert_eq!((deliveries.len(), &deliveries[0]["status"]), (1, &json!("paused")));
    let enabled = enable(&stack, &webhook).await;
    assert!(not_gathered(&enabled).starts_with("1 events"), "{enabled}");
    receiver.next().await.assert_event("contact.created", text(&active, "id"));
    stack.contact("After").await;
    receiver.next().await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn disabled_and_enabled_before_the_fan_out_it_gets_what_was_committed_before_and_after() {
    let mut stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.worker.kill9().await;
    let before = stack.contact("Before").await;
    set(&stack, &webhook, json!({"active": false})).await;
    stack.contact("Between").await;
    // By either way the same is told.
    let enabled = set(&stack, &webhook, json!({"active": true})).await;
    assert!(not_gathered(&enabled).starts_with("1 events"), "{enabled}");
    let after = stack.contact("After").await;
    stack.worker.start_again().await;
    let mut came =
        [receiver.next().await, receiver.next().await].map(|request| request.json()["data"]["id"].clone());
    came.sort_unstable_by_key(Value::to_string);
    let mut expected = [before["id"].clone(), after["id"].clone()];
    expected.sort_unstable_by_key(Value::to_string);
    assert_eq!(came, expected);
    assert_eq!(enable(&stack, &webhook).await["warnings"], json!([]), "what was told is not told again");
}

#[tokio::test]
async fn a_subscription_counts_for_what_is_committed_while_it_lasts() {
    let mut stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.worker.kill9().await;
    let contact = stack.contact("Subscribed").await;
    set(&stack, &webhook, json!({"events": ["contact.deleted"]})).await;
    stack.contact("Not subscribed").await;
    stack.owner.delete(&format!("/connection/contacts/{}", text(&contact, "id"))).await.no_content();
    set(&stack, &webhook, json!({"events": ["company.created"]})).await;
    stack.worker.start_again().await;

    all_fanned_out(&stack).await;
    let mut types = [receiver.next().await, receiver.next().await].map(|request| {
        assert_eq!(request.json()["object"]["id"], contact["id"]);
        request.json()["type"].clone()
    });
    types.sort_unstable_by_key(Value::to_string);
    assert_eq!(types, ["contact.created", "contact.deleted"]);
    assert_eq!(stack.deliveries(&webhook).await.len(), 2);
}

#[tokio::test]
async fn what_a_disabled_webhook_had_subscribed_to_at_the_time_is_told_exactly() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    set(&stack, &webhook, json!({"active": false})).await;
    fifty_contacts(&stack).await;
    set(&stack, &webhook, json!({"events": ["company.created"]})).await;
    fifty_contacts(&stack).await;
    stack.owner.post("/connection/companies", json!({"name": "Acme"})).await.status(201);
    let enabled = enable(&stack, &webhook).await;
    assert!(not_gathered(&enabled).starts_with("51 events"), "{enabled}");
    all_fanned_out(&stack).await;
    assert_eq!((stack.deliveries(&webhook).await.len(), receiver.count()), (0, 0));
}

/// A transaction that is under way while its tenant's webhook is switched, and committed when the fan-out comes.
#[tokio::test]
async fn an_event_that_is_committed_beside_a_switch_is_delivered_or_told_of() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let mut writer = stack.database.connect().await;
    let begun = "begin; create temporary table slow as
                 select tenant_id, gen_random_uuid() as object_id, tenon.first_event_id(now()) as id from tenon.webhooks;
                 insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
                 select tenant_id, id, 'contact.created', 'contact', object_id, 1, '{}', '{}' from slow";
    sqlx::raw_sql(begun).execute(&mut writer).await.expect("an event");
    set(&stack, &webhook, json!({"active": false})).await;
    sqlx::raw_sql("commit").execute(&mut writer).await.expect("committed");
    let enabled = enable(&stack, &webhook).await;
    // It was not there yet when the webhook was disabled, and was when it was enabled.
    assert!(not_gathered(&enabled).starts_with("1 events"), "{enabled}");
}

#[tokio::test]
async fn nothing_stays_paused_on_an_active_webhook_however_fast_it_is_switched() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let rounds = 6;
    for round in 1..=rounds {
        fifty_contacts(&stack).await;
        set(&stack, &webhook, json!({"active": false})).await;
        let enabled = enable(&stack, &webhook).await;
        assert_eq!(enabled["warnings"], json!([]), "round {round}");
    }
    eventually("all are delivered", async || {
        // By one look: more may be made between two.
        let delivered =
            count(&stack, "select count(*) from tenon.deliveries where status = 'delivered'").await;
        if delivered == 50 * rounds { Ok(()) } else { Err(format!("{delivered}")) }
    })
    .await;
    let ids: HashSet<String> =
        receiver.all().iter().map(|request| request.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len() as i64, 50 * rounds);
}

#[tokio::test]
async fn enabling_an_active_webhook_resumes_what_is_paused_and_changes_nothing_else() {
    let mut stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.worker.kill9().await;
    stack.contact("Grace").await;
    stack.worker.start_again().await;
    receiver.next().await;
    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
    // As an older server has left it.
    sqlx::query("update tenon.deliveries set status = 'paused'")
        .execute(&mut stack.database.connect().await)
        .await
        .expect("changed");
    let enabled = enable(&stack, &webhook).await;
    assert_eq!((&enabled["version"], &enabled["active"]), (&webhook["version"], &json!(true)));
    receiver.next().await;
    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
}

/// Both change many deliveries of one webhook.
#[tokio::test]
async fn switching_beside_deliveries_under_way_is_never_refused() {
    let stack = Stack::with(
        "0,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,60",
        Cluster::shared().await,
    )
    .await;
    let receiver = Receiver::start().await;
    let mut served = 0_u32;
    receiver.always(move |_| {
        served += 1;
        Reply::status(if served.is_multiple_of(5) { 500 } else { 204 })
    });
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let writes = async {
        for _ in 0..8 {
            fifty_contacts(&stack).await;
        }
    };
    let switches = async {
        let mut told = 0;
        for _ in 0..25 {
            set(&stack, &webhook, json!({"active": false})).await;
            let enabled = enable(&stack, &webhook).await;
            let count = not_gathered(&enabled).split(' ').next().and_then(|count| count.parse::<i64>().ok());
            told += count.unwrap_or_default();
        }
        told
    };
    let ((), told) = tokio::join!(writes, switches);
    eventually("every event was delivered or told of", async || {
        let delivered =
            count(&stack, "select count(*) from tenon.deliveries where status = 'delivered'").await;
        let all = count(&stack, "select count(*) from tenon.deliveries").await;
        if (delivered + told, all) == (400, delivered) {
            Ok(())
        } else {
            Err(format!("{delivered} of {all} delivered, {told} told of"))
        }
    })
    .await;
    assert!(!(stack.api.log() + &stack.worker.log()).contains("deadlock"));
}

#[tokio::test]
async fn random_switches_beside_writers_and_kills_lose_no_event_in_silence() {
    let options = switch_run::Options { rounds: 12, kill_in: 6, account_every: 12, seed: 4 };
    let account = switch_run::run(&options).await.unwrap_or_else(|error| panic!("{error:#}"));
    assert!(account.is_clean(), "{account}");
}
