//! What is asked for, where an export stands, and how it ends.

use serde_json::{Value, json};
use tenon_tests::stack::{Stack, text};
use tenon_tests::{TestApp, eventually, factory};

use super::{Setting, ask, at_work, path, stands};
use crate::exports::{fill, told};

#[tokio::test]
async fn what_an_export_does_not_know_is_named() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let refused = async |more: Value, code: &str, field: &str| {
        let mut body = json!({"object": "contacts"});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        let answer = admin.post("/exports", body).await.refused(400, code).json();
        assert!(answer["details"][field].is_string(), "{field}: {answer}");
    };
    refused(json!({"object": "pipelines"}), "VALIDATION_ERROR", "object").await;
    refused(json!({"object": null}), "VALIDATION_ERROR", "object").await;
    refused(json!({"format": "pdf"}), "VALIDATION_ERROR", "format").await;
    refused(json!({"filter": "colour = red"}), "INVALID_FILTER", "filter").await;
    refused(json!({"filter": "name ="}), "INVALID_FILTER", "filter").await;
    refused(json!({"q": "a b c d e f g h i"}), "VALIDATION_ERROR", "q").await;
    refused(json!({"sort": ["colour"]}), "INVALID_SORT", "sort").await;
    refused(json!({"fields": ["colour"]}), "VALIDATION_ERROR", "fields").await;
    refused(json!({"fields": []}), "VALIDATION_ERROR", "fields").await;
    refused(json!({"deleted": "maybe"}), "VALIDATION_ERROR", "deleted").await;
    refused(json!({"updatedSince": "yesterday"}), "VALIDATION_ERROR", "updatedSince").await;
    refused(json!({"bom": "yes"}), "VALIDATION_ERROR", "bom").await;
    refused(json!({"raw": 1}), "VALIDATION_ERROR", "raw").await;
    refused(json!({"page": 1}), "UNKNOWN_FIELD", "page").await;
    let all: Vec<Value> = admin.get("/exports").await.ok();
    assert!(all.is_empty());
}

#[tokio::test]
async fn an_export_waits_and_is_listed() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let keyed = admin.with_header("idempotency-key", "once");
    let body = json!({"object": "contacts"});
    let first: Value = keyed.post("/exports", body.clone()).await.accepted();
    let again: Value = keyed.post("/exports", body).await.accepted();
    assert_eq!(first, again);
    assert_eq!(
        (&first["state"], &first["rows"], &first["format"]),
        (&json!("queued"), &json!(0), &json!("csv"))
    );
    let second = ask(&admin, json!({"object": "leads", "format": "xlsx"})).await;
    let all: Vec<Value> = admin.get("/exports").await.ok();
    assert_eq!(all, [second.clone(), first.clone()]);
    let page = admin.get("/exports?limit=1&state=queued").await.status(200).json();
    assert_eq!(page["data"], json!([second]));
    let cursor = text(&page["pagination"], "nextCursor");
    let rest: Vec<Value> = admin.get(&format!("/exports?limit=1&state=queued&cursor={cursor}")).await.ok();
    assert_eq!(rest, std::slice::from_ref(&first));
    let answer = admin.get(&format!("{}/download", path(&first))).await.refused(409, "STATE_CONFLICT");
    assert_eq!(answer.json()["details"]["state"], "queued");
}

#[tokio::test]
async fn an_export_that_is_cancelled_leaves_nothing() {
    let setting = Setting::start().await;
    let admin = &setting.admin;
    fill(&mut setting.app.connect().await, setting.acme.id.0, 20_000).await;
    setting.slow(true).await;
    let export = ask(admin, json!({"object": "contacts"})).await;
    let waiting = ask(admin, json!({"object": "leads"})).await;
    at_work(admin, &export, 1).await;
    let cancelled: Value = admin.post(&format!("{}/cancel", path(&export)), Value::Null).await.ok();
    assert_eq!(cancelled["state"], "cancelled");
    // The next one has its turn.
    stands(admin, &waiting, "succeeded").await;
    let again: Value = admin.post(&format!("{}/cancel", path(&export)), Value::Null).await.ok();
    assert_eq!((&again["state"], &again["version"]), (&json!("cancelled"), &cancelled["version"]));
    admin.get(&format!("{}/download", path(&export))).await.refused(409, "STATE_CONFLICT");
    admin.post(&format!("{}/cancel", path(&waiting)), Value::Null).await.refused(409, "STATE_CONFLICT");
    eventually("the file of the other is left", async || {
        matches!(&setting.files()[..], [file] if file.to_string_lossy().contains(text(&waiting, "id")))
    })
    .await;
    let events = told(&mut setting.app.connect().await).await;
    let types: Vec<&str> = events.iter().map(|event| text(event, "type")).collect();
    assert_eq!(types, ["export.aborted", "export.completed"]);
    assert_eq!(
        (&events[0]["data"]["aborted"], &events[0]["object"]["id"]),
        (&json!("cancelled"), &export["id"])
    );
}

#[tokio::test]
async fn an_export_that_cannot_be_written_fails_with_the_reason() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    factory::contacts(&admin, 2).await;
    let export = ask(&admin, json!({"object": "contacts", "filter": "name != x"})).await;
    // A field that was there when it was asked for.
    sqlx::query("update tenon.exports set options = jsonb_set(options, '{filter}', '\"colour = red\"')")
        .execute(&mut app.connect().await)
        .await
        .expect("changed");
    let worker = Stack::worker(app.database(), "0").start().await;
    let failed = stands(&admin, &export, "failed").await;
    assert_eq!(failed["failure"], "INVALID_OPTIONS");
    assert!(text(&failed, "failureMessage").contains("colour"), "{failed}");
    admin.get(&format!("{}/download", path(&export))).await.refused(409, "STATE_CONFLICT");
    let events = told(&mut app.connect().await).await;
    assert_eq!(
        (&events[0]["type"], &events[0]["data"]["aborted"]),
        (&json!("export.aborted"), &json!("failed"))
    );
    drop(worker);
}
