//! Taking back: the state before, whatever the import did to a record.

use serde_json::{Value, json};
use tenon_tests::Client;
use tenon_tests::process::Signal;
use tenon_tests::stack::{Stack, text};

use super::{contacts, counts, ended, import};

/// Has an import taken back; the import then.
async fn reverted(client: &Client, import: &Value) -> Value {
    client.post(&format!("/imports/{}/revert", text(import, "id")), Value::Null).await.status(200);
    let reverted = ended(client, import).await;
    assert_eq!(text(&reverted, "state"), "reverted", "{reverted}");
    reverted
}

#[tokio::test]
async fn a_record_that_several_rows_changed_is_as_it_was() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let ada = json!({"name": "Ada", "email": "ada@example.com", "title": "Countess"});
    owner.post("/connection/contacts", ada).await.status(201);
    let row = |title: &str| format!("ada@example.com,Ada,{title}\n");
    let others: String = (0..5_000).map(|number| format!("p{number}@example.com,P,\n")).collect();
    let file = format!("email,name,title\n{}{}{others}{}", row("A"), row("B"), row("C"));
    let options = json!({"object": "contacts", "mode": "upsert", "matchOn": ["email"]});
    let done = import(owner, options, file).await;
    assert_eq!(counts(&done), json!([5_000, 3, 0, 0, 0]));
    let done = reverted(owner, &done).await;
    assert_eq!((&done["reverted"], &done["kept"]), (&json!(5_003), &json!(0)));
    let left = contacts(owner, "").await;
    assert_eq!((left.len(), text(&left[0], "title")), (1, "Countess"), "{left:?}");
}

#[tokio::test]
async fn what_a_rule_filled_in_is_taken_back_too() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let lead = json!({"title": "Deal", "externalId": "deal", "status": "new"});
    let lead: Value = owner.post("/connection/leads", lead).await.created();
    assert_eq!(lead["currency"], Value::Null);
    let options = json!({"object": "leads", "mode": "update", "matchOn": ["externalId"]});
    let done = import(owner, options, "externalId,value\ndeal,10\n").await;
    let path = format!("/connection/leads/{}", text(&lead, "id"));
    let changed: Value = owner.get(&path).await.ok();
    assert_eq!((&changed["value"], &changed["currency"]), (&json!(10.0), &json!("USD")), "{changed}");
    reverted(owner, &done).await;
    let now: Value = owner.get(&path).await.ok();
    assert_eq!((&now["value"], &now["currency"]), (&Value::Null, &Value::Null), "{now}");
}

#[tokio::test]
async fn a_value_that_went_from_one_record_to_another_goes_back() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let first = json!({"name": "A", "externalId": "1", "email": "old@example.com"});
    owner.post("/connection/contacts", first).await.status(201);
    let options = json!({"object": "contacts", "mode": "upsert", "matchOn": ["externalId"]});
    let file = "externalId,email,name\n1,new@example.com,A\n,old@example.com,B\n";
    let done = import(owner, options, file).await;
    assert_eq!(counts(&done), json!([1, 1, 0, 0, 0]), "{done}");
    assert_eq!(reverted(owner, &done).await["kept"], 0);
    let left = contacts(owner, "").await;
    assert_eq!((left.len(), text(&left[0], "email")), (1, "old@example.com"), "{left:?}");
}

#[tokio::test]
async fn two_that_are_taken_back_at_once_do_not_wait_for_each_other() {
    let mut stack = Stack::start().await;
    let owner = &stack.owner.clone();
    let one = import(owner, json!({"object": "contacts"}), "name\nAda\n").await;
    let other = import(owner, json!({"object": "contacts"}), "name\nGrace\n").await;
    stack.worker.signal(Signal::SIGSTOP);
    for import in [&one, &other] {
        owner.post(&format!("/imports/{}/revert", text(import, "id")), Value::Null).await.status(200);
    }
    stack.worker.signal(Signal::SIGCONT);
    for import in [&one, &other] {
        assert_eq!(text(&ended(owner, import).await, "state"), "reverted");
    }
}

#[tokio::test]
async fn a_dry_run_cannot_be_taken_back() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let dry = json!({"object": "contacts", "dryRun": true, "maxErrors": 0});
    let failed = import(owner, dry, "name,email\nAda,bad\nGrace,\n").await;
    assert_eq!((text(&failed, "state"), text(&failed, "failure")), ("failed", "TOO_MANY_ERRORS"), "{failed}");
    let path = format!("/imports/{}/revert", text(&failed, "id"));
    owner.post(&path, Value::Null).await.refused(409, "STATE_CONFLICT");
}
