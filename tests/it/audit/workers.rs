//! Entries as workers write them, through the real binaries.

use serde_json::{Value, json};
use sqlx::Connection;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, eventually};

use super::{EVENTS, number};

const CONTACTS: &str = "/connection/contacts";

/// The number of events without exactly one entry, and of entries without exactly one seal.
async fn unlike(stack: &Stack) -> i64 {
    number(
        &mut stack.database.connect().await,
        "select (select count(*) from tenon.events e
                 where 1 <> (select count(*) from tenon.audit_events a where a.tenant_id = e.tenant_id and a.id = e.id))
              + (select count(*) from tenon.audit_events a
                 where 1 <> (select count(*) from tenon.audit_seals s where s.tenant_id = a.tenant_id and s.audit_event_id = a.id))
              + abs((select count(*) from tenon.events) - (select count(*) from tenon.audit_events where action !~ '^(auth|access)[.]'))",
    )
    .await
}

async fn all_sealed(stack: &Stack) {
    eventually("each event has its entry, and each entry its seal", async || unlike(stack).await == 0).await;
}

async fn of(client: &Client, resource: &Value) -> Vec<Value> {
    client.get(&format!("{EVENTS}?limit=50&resourceId={}", text(resource, "id"))).await.ok()
}

#[tokio::test]
async fn a_change_has_an_entry_that_says_who_what_when_and_from_where() {
    let stack = Stack::start().await;
    let owner =
        stack.owner.with_header("user-agent", "audit-test/1").with_header("x-request-id", "request-0001");
    let contact: Value =
        owner.post(CONTACTS, json!({"name": "Ada", "email": "ada@example.com"})).await.created();
    let path = format!("{CONTACTS}/{}", text(&contact, "id"));
    let changed: Value = owner.patch(&path, json!({"name": "Ada Lovelace", "title": "Countess"})).await.ok();
    owner.delete(&path).await.no_content();
    all_sealed(&stack).await;

    let entries = of(&stack.owner, &contact).await;
    let actions: Vec<&str> = entries.iter().map(|entry| text(entry, "action")).collect();
    assert_eq!(actions, ["contact.deleted", "contact.updated", "contact.created"]);
    let [deleted, updated, created] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(created["changes"], json!({"before": null, "after": contact}));
    assert_eq!(
        updated["changes"],
        json!({"before": {"name": "Ada", "title": null}, "after": {"name": "Ada Lovelace", "title": "Countess"}})
    );
    assert_eq!(
        (&deleted["changes"]["before"]["name"], &deleted["changes"]["after"]),
        (&json!("Ada Lovelace"), &Value::Null)
    );
    assert_eq!(
        updated["resource"],
        json!({"type": "contact", "id": contact["id"], "version": changed["version"]})
    );
    assert_eq!(updated["actor"], changed["updatedBy"]);
    assert_eq!(updated["actor"]["type"], "apiKey");
    assert_eq!(
        (text(updated, "category"), text(updated, "outcome"), &updated["count"]),
        ("records", "succeeded", &json!(1))
    );
    assert_eq!((text(updated, "requestId"), text(updated, "userAgent")), ("request-0001", "audit-test/1"));
    assert_eq!(text(updated, "ip"), "127.0.0.1");
    assert!(text(updated, "eventId").starts_with("evt_"), "{updated}");
    assert_eq!(&stack.owner.get(&format!("{EVENTS}/{}", text(updated, "id"))).await.ok::<Value>(), updated);
}

#[tokio::test]
async fn secrets_are_masked_however_deep_they_stand() {
    let stack = Stack::start().await;
    let organization = format!("/organizations/{}", text(&stack.tenant, "tenantId"));
    let settings = json!({"settings": {"mail": [{"password": "hunter2", "host": "mx"}], "token": "t0k", "secret": null}});
    stack.owner.patch(&organization, settings).await.status(200);
    all_sealed(&stack).await;
    let entries: Vec<Value> =
        stack.owner.get(&format!("{EVENTS}?limit=50&action=tenant.settings.updated")).await.ok();
    let after = &entries[0]["changes"]["after"]["settings"];
    assert_eq!(after["mail"], json!([{"password": "***", "host": "mx"}]), "{entries:?}");
    assert_eq!((&after["token"], &after["secret"]), (&json!("***"), &Value::Null));
    let told = "select count(*) from tenon.audit_events where changes ~ 'hunter2|t0k'";
    assert_eq!(number(&mut stack.database.connect().await, told).await, 0);
}

#[tokio::test]
async fn of_twenty_writers_every_event_has_one_entry_and_the_chain_holds() {
    let stack = Stack::start().await;
    let second = Stack::worker(&stack.database, "0").start().await;
    let writers = (0..20).map(|writer| {
        let owner = stack.owner.clone();
        tokio::spawn(async move {
            for number in 0..10 {
                let name = format!("Contact {writer}-{number}");
                owner.post(CONTACTS, json!({"name": name})).await.status(201);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("written");
    }
    all_sealed(&stack).await;
    let verified: Value = stack.owner.get(&format!("{EVENTS}/verify")).await.ok();
    assert_eq!((&verified["ok"], &verified["hasMore"]), (&json!(true), &json!(false)), "{verified}");
    assert!(verified["checkedThrough"].as_i64().is_some_and(|through| through >= 200), "{verified}");
    drop(second);
}

#[tokio::test]
async fn a_worker_that_is_killed_in_the_middle_leaves_no_event_without_an_entry_and_none_with_two() {
    let mut stack = Stack::start().await;
    for round in 0..3 {
        let items: Vec<Value> = (0..100).map(|number| json!({"name": format!("{round}-{number}")})).collect();
        for _ in 0..3 {
            let made = stack.owner.post(&format!("{CONTACTS}/batch/create"), json!({"items": items})).await;
            assert!(made.status.is_success(), "{made}");
        }
        stack.worker.kill9().await;
        stack.worker.start_again().await;
    }
    all_sealed(&stack).await;
    let mut connection = stack.database.connect().await;
    assert!(number(&mut connection, "select count(*) from tenon.audit_events").await >= 900);
    connection.close().await.expect("closed");
    let verified: Value = stack.owner.get(&format!("{EVENTS}/verify")).await.ok();
    assert_eq!(verified["ok"], json!(true), "{verified}");
}
