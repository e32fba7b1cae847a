//! The examples of the planning documents, replayed: requests as they stand there, and answers of their shape.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tenon_common::role::Role;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Answer, Receiver, TestApp};

/// What stands for any text in an example.
const ANY: &str = "…";

/// Whether a value is like the example: the same, with at least the example's members, and any text for `…`.
fn like(example: &Value, found: &Value, at: &str) -> Result<(), String> {
    match (example, found) {
        (Value::Object(members), Value::Object(_)) => members
            .iter()
            .try_for_each(|(name, member)| like(member, &found[name.as_str()], &format!("{at}/{name}"))),
        (Value::Array(items), Value::Array(others)) => {
            let pairs = items.iter().zip(others).enumerate();
            let all = others.len() >= items.len();
            all.then_some(()).ok_or(format!("{at}: too few"))?;
            pairs
                .into_iter()
                .try_for_each(|(index, (item, other))| like(item, other, &format!("{at}/{index}")))
        }
        (Value::String(any), Value::String(_)) if any == ANY => Ok(()),
        _ if example == found => Ok(()),
        _ => Err(format!("{at}: expected {example}, found {found}")),
    }
}

#[track_caller]
fn assert_like(answer: &Answer, status: u16, example: &Value) {
    assert_eq!(answer.status, status, "{answer}");
    like(example, &answer.json(), "").unwrap_or_else(|difference| panic!("{difference} in {answer}"));
}

#[tokio::test]
async fn a_contact_is_created() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let body = json!({"name": "John Doe", "email": "john@example.com", "phone": "+1234567890", "company": "ACME Corp"});
    let answer = acme.admin().post("/connection/contacts", body).await;
    let example = json!({
        "success": true,
        "data": {"id": ANY, "name": "John Doe", "email": "john@example.com", "tenantId": acme.id, "createdAt": ANY},
        "metadata": {"timestamp": ANY, "requestId": ANY}
    });
    assert_like(&answer, 201, &example);
    let created: Value = answer.data();
    assert_eq!((&created["phone"], &created["company"]), (&json!("+1234567890"), &json!("ACME Corp")));
}

#[tokio::test]
async fn a_wrong_address_is_named() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let answer = admin.post("/connection/contacts", json!({"name": "John Doe", "email": "john"})).await;
    let example = json!({
        "success": false, "error": "Validation failed", "code": "VALIDATION_ERROR",
        "details": {"email": "Invalid email format"}, "metadata": {"timestamp": ANY, "requestId": ANY}
    });
    assert_like(&answer, 400, &example);
    assert_eq!(answer.json()["details"], example["details"], "and nothing else is wrong");
}

#[tokio::test]
async fn a_list_has_pages() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let hundred: Vec<_> = (0..100).map(|number| json!({"name": format!("Contact {number}")})).collect();
    admin.post("/connection/contacts/batch/create", json!({"items": hundred})).await.status(200);
    let answer = admin.get("/connection/contacts").await;
    let example = json!({
        "success": true, "data": [{"id": ANY, "name": ANY}],
        "pagination": {"total": 100, "page": 1, "pageSize": 20, "pages": 5},
        "metadata": {"timestamp": ANY, "requestId": ANY}
    });
    assert_like(&answer, 200, &example);
    assert_eq!(answer.json()["data"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn a_webhook_is_changed_in_part_by_put() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let url = "https://example.com/webhook";
    let body = json!({"url": url, "events": ["contact.created", "contact.updated"]});
    let made = admin.post("/webhooks", body).await;
    let shown = |events: Value| {
        json!({
            "success": true, "data": {"id": ANY, "url": url, "events": events, "active": true},
            "metadata": {"timestamp": ANY, "requestId": ANY}
        })
    };
    assert_like(&made, 201, &shown(json!(["contact.created", "contact.updated"])));
    let path = format!("/webhooks/{}", text(&made.data(), "id"));
    let put = admin.put(&path, json!({"active": true, "events": ["contact.created"]})).await;
    assert_like(&put, 200, &shown(json!(["contact.created"])));
    assert_eq!(put.data::<Value>()["events"], json!(["contact.created"]));
}

#[tokio::test]
async fn a_delivery_has_the_plans_keys_and_headers() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let contact = stack.contact("John Doe").await;
    let delivery = receiver.next().await;
    let example = json!({"id": ANY, "event": "contact.created", "timestamp": ANY, "data": contact});
    like(&example, &delivery.json(), "").unwrap_or_else(|difference| panic!("{difference} in {delivery}"));
    assert_eq!(delivery.header("x-webhook-attempt"), "1");
    // Over the bytes that came, not over a part of them.
    let secret = text(&webhook, "secret").strip_prefix("whsec_").expect("the prefix of secrets");
    let key = STANDARD.decode(secret).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(&delivery.body);
    let expected = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    assert_eq!(delivery.header("x-webhook-signature"), expected);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_allowed() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let nobody = format!("/connection/contacts/{}", uuid::Uuid::now_v7());
    let missing = acme.admin().get(&nobody).await;
    let example = json!({
        "success": false, "error": "Contact not found", "code": "NOT_FOUND", "metadata": {"timestamp": ANY, "requestId": ANY}
    });
    assert_like(&missing, 404, &example);
    let client = acme.person(Role::Client).await;
    let refused = client.post("/connection/contacts", json!({"name": "John Doe"})).await;
    let example =
        json!({"success": false, "error": "Forbidden", "metadata": {"timestamp": ANY, "requestId": ANY}});
    assert_like(&refused, 403, &example);
}
