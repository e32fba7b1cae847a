//! `Prefer`: less of an answer, or more; and a body that is read leniently.

use serde_json::{Value, json};
use tenon_tests::{TestApp, factory};

use super::CONTACTS;

#[tokio::test]
async fn minimal_answers_have_headers_and_no_body() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let minimal = admin.with_header("prefer", "return=minimal");
    let created = minimal.post(CONTACTS, factory::contact(1)).await.status(201);
    assert!(created.body.is_empty(), "{created}");
    assert_eq!(created.header("etag"), "\"v1\"");
    assert_eq!(created.header("preference-applied"), "return=minimal");
    let path = created.header("location").strip_prefix("/api/v1").expect("a path").to_owned();

    let patched = minimal.patch(&path, json!({"title": "Director"})).await.no_content();
    assert_eq!(patched.header("etag"), "\"v2\"");
    assert_eq!(patched.header("preference-applied"), "return=minimal");
    let replaced = minimal.put(&path, json!({"name": "Grace"})).await.no_content();
    assert_eq!(replaced.header("etag"), "\"v3\"");
    let deleted = minimal.delete(&path).await.no_content();
    assert_eq!(deleted.header("preference-applied"), "return=minimal");
    let restored = minimal.post(&format!("{path}/restore"), json!({})).await.no_content();
    assert_eq!(restored.header("etag"), "\"v5\"");
    let now: Value = admin.get(&path).await.ok();
    assert_eq!((&now["name"], &now["version"]), (&json!("Grace"), &json!(5)));

    let refused = minimal.post(CONTACTS, json!({"name": ""})).await.refused(400, "VALIDATION_ERROR");
    assert!(!refused.headers.contains_key("preference-applied"), "{refused}");
}

#[tokio::test]
async fn a_representation_that_is_asked_for_is_said_to_be_one() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let whole = admin.with_header("prefer", "return=representation");
    let created = whole.post(CONTACTS, factory::contact(1)).await.status(201);
    assert_eq!(created.header("preference-applied"), "return=representation");
    let contact: Value = created.data();
    let deleted = whole.delete(&format!("{CONTACTS}/{}", factory::id(&contact))).await.status(200);
    assert_eq!(deleted.header("preference-applied"), "return=representation");
}

#[tokio::test]
async fn leniently_unknown_fields_are_passed_over() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let body = json!({"name": "Grace", "nickname": "Amazing Grace"});
    let refused = admin.post(CONTACTS, body.clone()).await.refused(400, "UNKNOWN_FIELD");
    assert!(refused.json()["details"]["nickname"].is_string(), "{refused}");
    let created = admin.with_header("prefer", "handling=lenient").post(CONTACTS, body).await.status(201);
    assert_eq!(created.header("preference-applied"), "handling=lenient");
    let contact: Value = created.data();
    let both = admin.with_header("prefer", "handling=lenient, return=minimal");
    let path = format!("{CONTACTS}/{}", factory::id(&contact));
    let patched = both.patch(&path, json!({"nickname": "G"})).await.no_content();
    assert_eq!(patched.header("preference-applied"), "return=minimal, handling=lenient");
}
