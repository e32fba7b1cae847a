//! What every change of a contact leaves behind: one event and one job that tells its readers, in the change's transaction.

use serde_json::{Value, json};
use tenon_common::id::EventId;
use tenon_tests::{Client, TestApp, factory};

use super::{CONTACTS, keys, path, start};
use crate::log;

#[tokio::test]
async fn every_change_writes_one_event_and_one_job() {
    let (app, admin) = start().await;
    let mut behind = app.connect().await;
    let (events_before, jobs_before) = log::counts(&mut behind).await;

    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let row: String = sqlx::query_scalar("select xmin::text from tenon.contacts where id = $1::uuid")
        .bind(factory::id(&contact))
        .fetch_one(&mut behind)
        .await
        .expect("the contact is there");
    admin.patch(&path(&contact), json!({"title": "Director"})).await.status(200);
    admin.put(&path(&contact), json!({"name": "Grace"})).await.status(200);
    admin.delete(&path(&contact)).await.no_content();
    admin.post(&format!("{}/restore", path(&contact)), json!({})).await.status(200);

    let events = log::events(&mut behind, factory::id(&contact)).await;
    assert_eq!(events[0].xmin, row, "the transaction of the change");
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(
        types,
        ["contact.created", "contact.updated", "contact.updated", "contact.deleted", "contact.restored"]
    );
    let (events_after, jobs_after) = log::counts(&mut behind).await;
    assert_eq!((events_after - events_before, jobs_after - jobs_before), (5, 5));

    for (at, event) in events.iter().enumerate() {
        let jobs = log::fan_outs(&mut behind, event).await;
        assert_eq!(jobs.len(), 1, "{}", event.r#type);
        let tenant = contact["tenantId"].as_str().expect("a tenant");
        assert_eq!(jobs[0].lane, tenant);
        let payload: Value = serde_json::from_str(&jobs[0].payload).expect("JSON");
        assert_eq!(payload, json!({"tenantId": tenant, "eventIds": [event.id]}), "a job holds ids only");
        assert_eq!(jobs[0].xmin, event.xmin, "the transaction of the event");
        assert_eq!(event.json()["object"]["version"], at + 1);
    }
}

#[tokio::test]
async fn a_body_has_the_documented_keys_in_their_order() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let agent = acme.agent().await;
    let contact: Value = agent
        .with_header("x-request-id", "request-of-test")
        .post(CONTACTS, factory::contact(1))
        .await
        .created();
    let mut behind = app.connect().await;
    let events = log::events(&mut behind, factory::id(&contact)).await;
    let body = events[0].json();
    assert_eq!(
        keys(&body),
        [
            "id",
            "type",
            "event",
            "timestamp",
            "tenantId",
            "apiVersion",
            "sequence",
            "object",
            "actor",
            "changedFields",
            "previous",
            "bulk",
            "data"
        ]
    );
    assert_eq!(events[0].body, body.to_string(), "minified once");
    assert_eq!(body["id"], EventId(events[0].id).wire());
    assert_eq!(body["sequence"], events[0].id.simple().to_string());
    assert_eq!((&body["type"], &body["event"]), (&json!("contact.created"), &json!("contact.created")));
    assert_eq!(body["timestamp"], contact["updatedAt"]);
    assert_eq!(body["tenantId"], acme.id.to_string());
    assert_eq!(body["apiVersion"], "2026-01-01");
    assert_eq!(body["object"], json!({"type": "contact", "id": contact["id"], "version": 1}));
    assert_eq!(body["actor"], json!({"type": "user", "id": agent.id}));
    assert_eq!(
        (&body["changedFields"], &body["previous"], &body["bulk"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
    assert_eq!(body["data"], contact, "the full object, as the API shows it");
    let context: Value = serde_json::from_str(&events[0].context).expect("JSON");
    assert_eq!(context["requestId"], "request-of-test");
    assert_eq!(context["ip"], "127.0.0.1");
    assert!(!events[0].body.contains("request-of-test"), "receivers do not learn where a change came from");
}

#[tokio::test]
async fn an_update_says_what_changed_and_what_it_was() {
    let (app, admin) = start().await;
    let before: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let patch = json!({"email": "new@example.com", "company": null, "name": before["name"]});
    let after: Value = admin.patch(&path(&before), patch).await.ok();
    let deleted =
        admin.with_header("prefer", "return=representation").delete(&path(&before)).await.ok::<Value>();
    let events = log::events(&mut app.connect().await, factory::id(&before)).await;

    let updated = events[1].json();
    assert_eq!(updated["changedFields"], json!(["email", "company"]));
    assert_eq!(updated["previous"], json!({"email": before["email"], "company": "ACME Corp"}));
    assert_eq!(updated["data"], after);
    let gone = events[2].json();
    assert_eq!(gone["changedFields"], json!(["deletedAt"]));
    assert_eq!(gone["previous"], json!({"deletedAt": null}));
    assert_eq!(gone["data"], deleted, "the last state");
}

async fn refuse_all(admin: &Client, contact: &Value) {
    admin.patch(&path(contact), json!({"email": "nobody"})).await.status(400);
    admin.patch(&path(contact), json!({"email": "contact.2@example.com"})).await.status(409);
    admin.with_header("if-match", "\"v9\"").delete(&path(contact)).await.status(412);
    admin.post(CONTACTS, factory::contact(2)).await.status(409);
    admin.post(&format!("{}/restore", path(contact)), json!({})).await.status(404);
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing() {
    let (app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    admin.post(CONTACTS, factory::contact(2)).await.status(201);
    let mut behind = app.connect().await;
    let before = log::counts(&mut behind).await;

    let same: Value = admin.patch(&path(&contact), json!({})).await.ok();
    assert_eq!(same, contact);
    let same: Value = admin.put(&path(&contact), factory::contact(1)).await.ok();
    assert_eq!(same, contact);
    let same: Value =
        admin.patch(&path(&contact), json!({"phone": contact["phone"], "name": "  Contact 1 "})).await.ok();
    assert_eq!(same, contact);
    refuse_all(&admin, &contact).await;
    assert_eq!(log::counts(&mut behind).await, before);
}
