//! Contacts by what another system knows them by.

use serde_json::{Value, json};
use tenon_tests::{Answer, Person, TestApp, factory};

use super::CONTACTS;

const BY_EMAIL: &str = "/connection/contacts/by/email/grace%40example.com";
const BY_ID: &str = "/connection/contacts/by/externalId/crm%2F1%20a";

async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

#[tokio::test]
async fn an_upsert_creates_and_then_replaces() {
    let (app, admin) = start().await;
    admin.get(BY_ID).await.refused(404, "NOT_FOUND");
    let created = admin.put(BY_ID, json!({"name": "Grace", "title": "Admiral"})).await.status(201);
    assert_eq!(created.header("etag"), "\"v1\"");
    let contact: Value = created.data();
    assert_eq!(contact["externalId"], "crm/1 a");
    let path = format!("{CONTACTS}/{}", factory::id(&contact));
    assert_eq!(created.header("location"), format!("/api/v1{path}"));

    let replaced =
        admin.put(BY_ID, json!({"name": "Grace Hopper", "externalId": "crm/1 a"})).await.status(200);
    assert_eq!(replaced.header("etag"), "\"v2\"");
    let replaced: Value = replaced.data();
    assert_eq!((&replaced["id"], &replaced["title"]), (&contact["id"], &Value::Null));
    let read: Value = admin.get(BY_ID).await.ok();
    assert_eq!(read, replaced);
    assert_eq!(read, admin.get(&path).await.ok::<Value>());
    let events = crate::log::events(&mut app.connect().await, factory::id(&contact)).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(types, ["contact.created", "contact.updated"]);
}

#[tokio::test]
async fn an_address_is_found_whatever_its_case() {
    let (_app, admin) = start().await;
    let contact: Value =
        admin.post(CONTACTS, json!({"name": "Grace", "email": "Grace@Example.com"})).await.created();
    for (path, title) in [(BY_EMAIL, "A"), ("/connection/contacts/by/email/GRACE@EXAMPLE.COM", "B")] {
        let changed: Value = admin.patch(path, json!({"title": title})).await.ok();
        assert_eq!((&changed["id"], &changed["title"]), (&contact["id"], &json!(title)));
        assert_eq!(changed["email"], "Grace@Example.com");
    }
    let moved: Value = admin.patch(BY_EMAIL, json!({"email": "hopper@example.com"})).await.ok();
    assert_eq!(moved["email"], "hopper@example.com");
    admin.patch(BY_EMAIL, json!({"title": "C"})).await.refused(404, "NOT_FOUND");
    admin.delete("/connection/contacts/by/email/hopper@example.com").await.no_content();
    admin.get("/connection/contacts/by/email/hopper@example.com").await.refused(404, "NOT_FOUND");
    // Deletion frees the value.
    let heir: Value =
        admin.put("/connection/contacts/by/email/hopper@example.com", json!({"name": "B"})).await.created();
    assert_ne!(heir["id"], contact["id"]);
}

#[tokio::test]
async fn of_concurrent_upserts_one_creates() {
    let (app, admin) = start().await;
    let upserts = (0..16).map(|number| admin.put(BY_EMAIL, json!({"name": format!("Grace {number}")})));
    let answers = futures::future::join_all(upserts).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let replaced = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((created, replaced), (1, 15));
    let first: Value = answers.iter().map(Answer::data::<Value>).next().expect("an answer");
    assert!(answers.iter().all(|answer| answer.data::<Value>()["id"] == first["id"]));
    let events = crate::log::events(&mut app.connect().await, factory::id(&first)).await;
    let versions: Vec<Value> = events.iter().map(|event| event.json()["object"]["version"].clone()).collect();
    assert_eq!(versions, (1..=16).map(Value::from).collect::<Vec<_>>());
    assert_eq!(admin.get(CONTACTS).await.json()["pagination"]["total"], 1);
}

#[tokio::test]
async fn another_tenants_value_is_nobodys() {
    let (app, admin) = start().await;
    let globex = app.tenant("globex").await.admin();
    let theirs: Value = globex.put(BY_EMAIL, json!({"name": "theirs"})).await.created();
    let ours: Value = admin.put(BY_EMAIL, json!({"name": "ours"})).await.created();
    assert_ne!(ours["id"], theirs["id"]);
    let untouched: Value = globex.get(BY_EMAIL).await.ok();
    assert_eq!(untouched, theirs);
}

#[tokio::test]
async fn what_an_agent_must_not_see_it_does_not_replace() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.agent().await, acme.agent().await);
    let hidden: Value = grace.put(BY_EMAIL, json!({"name": "of Grace"})).await.created();
    let refused = ada.put(BY_EMAIL, json!({"name": "x"})).await.refused(409, "DUPLICATE");
    assert!(!refused.text().contains(factory::id(&hidden)), "{refused}");
    let kept: Value = grace.put(BY_EMAIL, json!({"name": "y"})).await.ok();
    assert_eq!(kept["ownerId"], json!(grace.id), "who names no owner keeps it");
}

#[tokio::test]
async fn the_other_unique_value_collides() {
    let (_app, admin) = start().await;
    let other: Value = admin.post(CONTACTS, json!({"name": "A", "externalId": "crm-9"})).await.created();
    let refused =
        admin.put(BY_EMAIL, json!({"name": "B", "externalId": "crm-9"})).await.refused(409, "DUPLICATE");
    assert_eq!(refused.json()["details"]["conflictId"], other["id"]);
    admin.get(BY_EMAIL).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn preconditions_guard_an_upsert() {
    let (_app, admin) = start().await;
    let only_create = admin.with_header("if-none-match", "*");
    for only_replace in ["\"v1\"", "*"] {
        let only_replace = admin.with_header("if-match", only_replace);
        only_replace.put(BY_EMAIL, json!({"name": "A"})).await.refused(404, "NOT_FOUND");
    }
    only_create.put(BY_EMAIL, json!({"name": "A"})).await.status(201);
    let refused = only_create.put(BY_EMAIL, json!({"name": "B"})).await.refused(412, "VERSION_CONFLICT");
    assert_eq!(refused.json()["details"]["currentVersion"], "1");
    admin
        .with_header("if-match", "\"v2\"")
        .put(BY_EMAIL, json!({"name": "B"}))
        .await
        .refused(412, "VERSION_CONFLICT");
    admin.with_header("if-match", "\"v1\"").put(BY_EMAIL, json!({"name": "B"})).await.status(200);
    admin.with_header("if-match", "*").put(BY_EMAIL, json!({"name": "C"})).await.status(200);
    let refused = admin.with_header("if-none-match", "\"v1\"").put(BY_EMAIL, json!({"name": "D"})).await;
    let refused = refused.refused(400, "VALIDATION_ERROR");
    assert!(refused.json()["details"]["If-None-Match"].is_string(), "{refused}");
}

#[tokio::test]
async fn what_is_no_key_is_named() {
    let (_app, admin) = start().await;
    for (path, body, field) in [
        ("/connection/contacts/by/phone/1", json!({"name": "A"}), "key"),
        ("/connection/contacts/by/email/nobody", json!({"name": "A"}), "value"),
        (BY_EMAIL, json!({"name": "A", "email": "other@example.com"}), "email"),
        (BY_EMAIL, json!({"name": "A", "email": "nobody"}), "email"),
        (BY_ID, json!({"name": "A", "externalId": "crm-2"}), "externalId"),
    ] {
        let refused = admin.put(path, body).await.refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"][field].is_string(), "{refused}");
    }
}
