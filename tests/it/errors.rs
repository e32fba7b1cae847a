//! Requests that are wrong in every way, and what the API says of them.

mod broken;

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Client, Person, TestApp, factory};

const CONTACTS: &str = "/connection/contacts";

async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

async fn post(client: &Client, content_type: Option<&str>, body: impl Into<Vec<u8>>) -> tenon_tests::Answer {
    client.send_bytes(Method::POST, CONTACTS, content_type, body.into()).await
}

#[tokio::test]
async fn malformed_json_is_refused() {
    let (_app, admin) = start().await;
    let deep = "[".repeat(100_000);
    for body in
        ["", " ", "{", "{\"name\": }", "{\"name\": \"x\"} x", "{'name': 'x'}", "{\"name\": NaN}", &deep]
    {
        post(&admin, Some("application/json"), body).await.refused(400, "MALFORMED_JSON");
    }
    post(&admin, Some("application/json"), b"{\"name\": \"\xff\"}".to_vec())
        .await
        .refused(400, "MALFORMED_JSON");
    post(&admin, Some("application/json"), "[]").await.refused(400, "VALIDATION_ERROR");
    post(&admin, Some("application/json"), "null").await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_name_is_used_once() {
    let (_app, admin) = start().await;
    let refused = post(&admin, Some("application/json"), "{\"name\": \"a\", \"name\": \"b\"}")
        .await
        .refused(400, "MALFORMED_JSON");
    assert!(refused.text().contains("name"), "{refused}");
}

#[tokio::test]
async fn unknown_fields_are_refused_unless_the_client_is_lenient() {
    let (_app, admin) = start().await;
    let body = json!({"name": "A", "nickname": "B", "external_id": "C"});
    let refused = admin.post(CONTACTS, body.clone()).await.refused(400, "UNKNOWN_FIELD");
    let errors = refused.json()["errors"].clone();
    assert_eq!(errors[0]["pointer"], "/nickname");
    assert_eq!(errors[1]["message"], "Unknown field, did you mean externalId?");
    // The tenant comes from the credential: a field that names one is unknown as well.
    admin
        .post(CONTACTS, json!({"name": "A", "tenantId": uuid::Uuid::now_v7()}))
        .await
        .refused(400, "UNKNOWN_FIELD");

    let lenient = admin.with_header("prefer", "handling=lenient");
    let contact: Value = lenient.post(CONTACTS, body).await.created();
    assert_eq!(contact["externalId"], Value::Null);
    lenient.post(CONTACTS, json!({"nickname": "B"})).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn only_json_is_read() {
    let (_app, admin) = start().await;
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/json; charset=latin1"),
    ] {
        post(&admin, content_type, "{\"name\": \"A\"}").await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    for content_type in
        ["application/json; charset=UTF-8", "APPLICATION/JSON", "application/merge-patch+json"]
    {
        post(&admin, Some(content_type), "{\"name\": \"A\"}").await.status(201);
    }
    let packed = admin.with_header("content-encoding", "gzip");
    post(&packed, Some("application/json"), "{\"name\": \"A\"}").await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn a_body_has_at_most_a_mebibyte() {
    let (_app, admin) = start().await;
    let limit = 1024 * 1024;
    let frame = "{\"name\": \"\"}".len();
    let body = |length: usize| format!("{{\"name\": \"{}\"}}", "x".repeat(length - frame));
    // The name is too long, but it was read.
    post(&admin, Some("application/json"), body(limit)).await.refused(400, "VALIDATION_ERROR");
    post(&admin, Some("application/json"), body(limit + 1)).await.refused(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let refused =
        admin.send(Method::PATCH, CONTACTS, Some(json!({}))).await.refused(405, "METHOD_NOT_ALLOWED");
    assert_eq!(refused.header("allow"), "GET, POST");
    let path = format!("{CONTACTS}/{}", factory::id(&contact));
    let refused = admin.post(&path, json!({})).await.refused(405, "METHOD_NOT_ALLOWED");
    assert_eq!(refused.header("allow"), "GET, PUT, PATCH, DELETE");
    admin.send(Method::TRACE, CONTACTS, None).await.refused(405, "METHOD_NOT_ALLOWED");
    let odd = admin.with_header("tenon-version", "none");
    odd.send(Method::TRACE, CONTACTS, None).await.refused(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn unknown_paths_and_ids() {
    let (_app, admin) = start().await;
    for path in [
        "/nothing",
        "/connection",
        "/connection/contacts/a/b/c",
        "/%00",
        "/..%2f..",
        "/connection/contacts//",
    ] {
        admin.get(path).await.refused(404, "NOT_FOUND");
    }
    admin.get(&format!("{CONTACTS}/%00")).await.refused(400, "VALIDATION_ERROR");
    for id in ["1", "x", "00000000-0000-0000-0000", "'", "%F0%9F%92%A9"] {
        let refused = admin.get(&format!("{CONTACTS}/{id}")).await.refused(400, "INVALID_ID");
        assert_eq!(refused.json()["details"]["id"], "Expected a UUID");
        admin.patch(&format!("{CONTACTS}/{id}"), json!({})).await.refused(400, "INVALID_ID");
    }
    let webhook = factory::webhook(&admin).await;
    admin.get(&format!("/webhooks/{}/events/evt_x", factory::id(&webhook))).await.refused(400, "INVALID_ID");
}

#[tokio::test]
async fn a_uri_has_at_most_8_kib() {
    let (_app, admin) = start().await;
    admin.get(&format!("{CONTACTS}?cursor={}", "x".repeat(8 * 1024))).await.refused(414, "URI_TOO_LONG");
    admin.get(&format!("{CONTACTS}?cursor={}", "x".repeat(7 * 1024))).await.refused(400, "INVALID_CURSOR");
}

#[tokio::test]
async fn text_that_the_database_cannot_keep_is_refused() {
    let (app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, json!({"name": "A"})).await.created();
    let path = format!("{CONTACTS}/{}", factory::id(&contact));
    for field in ["name", "externalId", "email", "phone", "company", "title", "lifecycle"] {
        let json =
            admin.patch(&path, json!({field: "a\u{0}b"})).await.refused(400, "VALIDATION_ERROR").json();
        assert_eq!(json["errors"][0]["pointer"], format!("/{field}"));
    }
    admin
        .post("/api-keys", json!({"name": "a\u{0}b", "scopes": ["*"]}))
        .await
        .refused(400, "VALIDATION_ERROR");
    admin
        .post("/api-keys", json!({"name": "a", "scopes": ["a\u{0}b"]}))
        .await
        .refused(400, "VALIDATION_ERROR");
    let webhook = json!({"url": "http://127.0.0.1:9/", "events": ["*"], "description": "a\u{0}b"});
    admin.post("/webhooks", webhook).await.refused(400, "VALIDATION_ERROR");
    for login in [
        json!({"email": "a\u{0}b", "password": "x"}),
        json!({"email": "a", "password": "x", "organization": "a\u{0}b"}),
    ] {
        let answer = app.anonymous().post("/auth/login", login).await;
        assert!(answer.status == 400 || answer.status == 401, "{answer}");
    }
    admin.get(&format!("{CONTACTS}?cursor=%00")).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn an_if_match_that_is_no_etag_is_refused() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let path = format!("{CONTACTS}/{}", factory::id(&contact));
    for wrong in ["v1", "1", "\"1\"", "W/\"v1\"", "\"v99999999999999999999\"", "\"v1\", \"v2\""] {
        let refused = admin
            .with_header("if-match", wrong)
            .patch(&path, json!({"title": "x"}))
            .await
            .refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"]["If-Match"].is_string(), "{refused}");
    }
}

#[tokio::test]
async fn problems_are_written_as_the_client_accepts() {
    let (_app, admin) = start().await;
    let plain = admin.post(CONTACTS, json!({"email": "x"})).await.status(400);
    assert!(plain.header("content-type").starts_with("application/json"), "{plain}");
    let accepting = admin.with_header("accept", "application/problem+json, application/json;q=0.5");
    let answer = accepting.post(CONTACTS, json!({"email": "x"})).await.status(400);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    let keys: Vec<&str> = problem.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["type", "title", "status", "detail", "instance", "code", "details", "errors", "requestId"]
    );
    assert_eq!((&problem["status"], &problem["code"]), (&json!(400), &json!("VALIDATION_ERROR")));
    assert_eq!(problem["requestId"], answer.header("x-request-id"));
    assert_eq!(problem["errors"], plain.json()["errors"], "the same facts");
    let missing = accepting.get("/nothing").await.status(404);
    assert_eq!(missing.header("content-type"), "application/problem+json");
    accepting
        .get(CONTACTS)
        .await
        .status(200)
        .header("content-type")
        .starts_with("application/json")
        .then_some(())
        .expect("JSON");
}

#[tokio::test]
async fn a_request_id_is_echoed_or_replaced() {
    let (_app, admin) = start().await;
    for good in ["request_1-A", "12345678", &"x".repeat(64)] {
        let answer = admin.with_header("x-request-id", good).get(CONTACTS).await.status(200);
        assert_eq!(answer.header("x-request-id"), good);
        assert_eq!(answer.json()["metadata"]["requestId"], good);
        let refused = admin.with_header("x-request-id", good).get("/nothing").await.status(404);
        assert_eq!(refused.header("x-request-id"), good);
        assert_eq!(refused.json()["metadata"]["requestId"], good);
    }
    for bad in ["short", &"x".repeat(65), "has blanks in it", "semi;colons;", "quo\"te\"s"] {
        let answer = admin.with_header("x-request-id", bad).get(CONTACTS).await.status(200);
        assert_ne!(answer.header("x-request-id"), bad);
        assert_eq!(answer.json()["metadata"]["requestId"], answer.header("x-request-id"));
    }
}

#[tokio::test]
async fn every_code_is_documented_with_its_status() {
    let app = TestApp::start().await;
    let codes: Vec<Value> = app.anonymous().get("/errors").await.ok();
    let of = |name: &str| {
        codes.iter().find(|code| code["code"] == name).unwrap_or_else(|| panic!("{name} is not listed"))
    };
    assert_eq!(of("VALIDATION_ERROR")["status"], 400);
    assert_eq!(of("RATE_LIMITED")["retryable"], true);
    assert_eq!(codes.len(), tenon_api::http::code::Code::ALL.len());
}
