//! Activities: their life, their links with contacts, companies and leads, their lists, and who sees them. What all records have
//! in common is tested with the others.

mod links;
mod lists;
mod scope;

use serde_json::{Value, json};
use tenon_tests::{Person, TestApp, factory};

use crate::log;

const ACTIVITIES: &str = "/connection/activities";
const CONTACTS: &str = "/connection/contacts";
const COMPANIES: &str = "/connection/companies";
const LEADS: &str = "/connection/leads";

fn path(activity: &Value) -> String {
    format!("{ACTIVITIES}/{}", factory::id(activity))
}

fn restore(activity: &Value) -> String {
    format!("{}/restore", path(activity))
}

/// A link with a record.
fn link(kind: &str, record: &Value) -> Value {
    json!({"type": kind, "id": record["id"]})
}

/// An app with one tenant, and its administrator.
async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

fn pointers(refused: &tenon_tests::Answer) -> Vec<(String, String)> {
    let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let errors = refused.json()["errors"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<_> =
        errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn an_activity_is_created_read_and_kept_in_its_normal_form() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let company: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let body = json!({
        "kind": "call", "subject": "  Asked for a quote ", "body": "First line\n\tsecond line\n", "externalId": "call-1",
        "occurredAt": "2026-01-31T10:30:00.123456+01:00", "dueAt": "2026-02-01T00:00:00Z", "completedAt": "2026-02-02T00:00:00Z",
        "ownerId": admin.id, "links": [link("company", &company), link("contact", &contact), link("company", &company)],
    });
    let answer = admin.post(ACTIVITIES, body).await.status(201);
    let activity: Value = answer.data();
    assert_eq!(answer.header("location"), format!("/api/v1{}", path(&activity)));
    assert_eq!(answer.header("etag"), "\"v1\"");
    for (field, value) in [
        ("kind", json!("call")),
        ("subject", json!("Asked for a quote")),
        ("body", json!("First line\n\tsecond line")),
        ("externalId", json!("call-1")),
        ("occurredAt", json!("2026-01-31T09:30:00.123Z")),
        ("dueAt", json!("2026-02-01T00:00:00.000Z")),
        ("completedAt", json!("2026-02-02T00:00:00.000Z")),
        ("links", json!([link("contact", &contact), link("company", &company)])),
        ("ownerId", json!(admin.id)),
        ("tenantId", json!(acme.id)),
        ("version", json!(1)),
        ("deletedAt", Value::Null),
    ] {
        assert_eq!(activity[field], value, "{field}");
    }
    let read = admin.get(&path(&activity)).await.status(200);
    assert_eq!(read.data::<Value>(), activity);
    admin.with_header("if-none-match", "\"v1\"").get(&path(&activity)).await.status(304);
    let by_key: Value = admin.get(&format!("{ACTIVITIES}/by/externalId/call-1")).await.ok();
    assert_eq!(by_key, activity);
}

#[tokio::test]
async fn what_nobody_says_follows_from_the_kind() {
    let (_app, admin) = start().await;
    for kind in ["call", "email", "meeting", "note", "message"] {
        let made: Value = admin.post(ACTIVITIES, json!({"kind": kind, "body": "x"})).await.created();
        assert_eq!(made["occurredAt"], made["createdAt"], "{kind}");
        assert_eq!(made["links"], json!([]));
        for field in ["subject", "dueAt", "completedAt", "externalId", "ownerId"] {
            assert_eq!(made.get(field), Some(&Value::Null), "{kind} {field}");
        }
    }
    let task: Value = admin.post(ACTIVITIES, json!({"kind": "task", "subject": "Call back"})).await.created();
    assert_eq!((&task["occurredAt"], &task["body"]), (&Value::Null, &Value::Null));

    // The same again changes nothing: what follows from the creation stays.
    let note: Value = admin.post(ACTIVITIES, json!({"kind": "note", "body": "x"})).await.created();
    let same: Value = admin.put(&path(&note), json!({"kind": "note", "body": "x"})).await.ok();
    assert_eq!(same, note);
    let cleared: Value = admin.patch(&path(&note), json!({"occurredAt": null})).await.ok();
    assert_eq!(cleared, note);
    let dated: Value = admin.patch(&path(&note), json!({"occurredAt": "2026-01-01T00:00:00Z"})).await.ok();
    assert_eq!((&dated["occurredAt"], &dated["version"]), (&json!("2026-01-01T00:00:00.000Z"), &json!(2)));
    // A task that becomes a call has happened.
    let call: Value = admin.patch(&path(&task), json!({"kind": "call"})).await.ok();
    assert_eq!(call["occurredAt"], task["createdAt"]);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let (_app, admin) = start().await;
    let note: Value = admin.post(ACTIVITIES, factory::activity(1)).await.created();
    let wrong = json!({
        "kind": "call", "subject": "x".repeat(201), "body": "x".repeat(20_001), "externalId": "", "occurredAt": "1899-01-01T00:00:00Z",
        "dueAt": "2200-01-01T00:00:00Z", "completedAt": "9999-01-01T00:00:00Z",
    });
    let expected = [
        ("/body", "INVALID_LENGTH"),
        ("/completedAt", "OUT_OF_RANGE"),
        ("/dueAt", "OUT_OF_RANGE"),
        ("/externalId", "INVALID_LENGTH"),
        ("/occurredAt", "OUT_OF_RANGE"),
        ("/subject", "INVALID_LENGTH"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()));
    for answer in [
        admin.post(ACTIVITIES, wrong.clone()).await,
        admin.put(&path(&note), wrong.clone()).await,
        admin.patch(&path(&note), wrong.clone()).await,
    ] {
        assert_eq!(pointers(&answer.refused(400, "VALIDATION_ERROR")), expected);
    }
    for (field, value) in [
        ("kind", json!("visit")),
        ("kind", Value::Null),
        ("subject", json!(" ")),
        ("subject", json!("two\nlines")),
        ("body", json!("a\u{0}b")),
        ("occurredAt", json!("yesterday")),
        ("dueAt", json!(1)),
        ("ownerId", json!("x")),
        ("links", json!([{"type": "pipeline", "id": note["id"]}])),
        ("links", json!([{"type": "contact"}])),
        ("nonsense", json!(1)),
    ] {
        let refused = admin.patch(&path(&note), json!({field: value})).await.status(400);
        assert!(pointers(&refused)[0].0.starts_with(&format!("/{field}")), "{value}: {refused}");
    }
    // A subject or a body must be there, and one of them is enough.
    for answer in [
        admin.post(ACTIVITIES, json!({"kind": "note"})).await,
        admin.put(&path(&note), json!({"kind": "note"})).await,
        admin.patch(&path(&note), json!({"subject": null, "body": null})).await,
    ] {
        let refused = answer.refused(400, "VALIDATION_ERROR");
        assert_eq!(pointers(&refused), [("/subject".to_owned(), "REQUIRED".to_owned())]);
    }
    let bodiless: Value = admin.patch(&path(&note), json!({"body": null})).await.ok();
    assert_eq!(bodiless["body"], Value::Null);
    admin.post(ACTIVITIES, json!({"kind": "note", "body": "ü".repeat(20_000)})).await.status(201);
}

#[tokio::test]
async fn every_change_writes_one_event() {
    let (app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let mut behind = app.connect().await;
    let before = log::counts(&mut behind).await;
    let activity: Value = admin.post(ACTIVITIES, factory::activity(1)).await.created();
    let linked: Value =
        admin.patch(&path(&activity), json!({"links": [link("contact", &contact)]})).await.ok();
    admin.patch(&path(&activity), json!({"links": [link("contact", &contact)]})).await.status(200);
    admin.delete(&path(&activity)).await.no_content();
    admin.post(&restore(&activity), json!({})).await.status(200);
    admin.delete(&path(&activity)).await.no_content();
    admin.post(&format!("{}/purge", path(&activity)), json!({})).await.no_content();
    let events = log::events(&mut behind, factory::id(&activity)).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    let expected = ["created", "updated", "deleted", "restored", "deleted", "purged"]
        .map(|verb| format!("activity.{verb}"));
    assert_eq!(types, expected);
    let after = log::counts(&mut behind).await;
    assert_eq!((after.0 - before.0, after.1 - before.1), (6, 6), "a change that changes nothing writes none");
    assert_eq!(events[0].json()["data"], activity);
    let updated = events[1].json();
    assert_eq!(updated["changedFields"], json!(["links"]));
    assert_eq!(updated["previous"], json!({"links": []}));
    assert_eq!(updated["data"], linked);
    assert_eq!(events[5].json()["data"]["links"], linked["links"], "the last state of all");
    let rows: i64 = sqlx::query_scalar("select count(*) from tenon.activity_links")
        .fetch_one(&mut behind)
        .await
        .expect("counted");
    assert_eq!(rows, 0, "its links are gone with it");
}

#[tokio::test]
async fn an_external_id_is_a_key_that_deletion_frees() {
    let (_app, admin) = start().await;
    let by_key = format!("{ACTIVITIES}/by/externalId/mail-1");
    let first: Value = admin.put(&by_key, json!({"kind": "email", "subject": "Hello"})).await.created();
    assert_eq!(first["externalId"], "mail-1");
    let replaced: Value = admin.put(&by_key, json!({"kind": "email", "subject": "Hello again"})).await.ok();
    assert_eq!((&replaced["id"], &replaced["version"]), (&first["id"], &json!(2)));
    let double = json!({"kind": "note", "body": "x", "externalId": "mail-1"});
    let refused = admin.post(ACTIVITIES, double.clone()).await.refused(409, "DUPLICATE");
    assert_eq!(refused.json()["details"]["conflictId"], first["id"]);
    admin.delete(&path(&first)).await.no_content();
    let heir: Value = admin.post(ACTIVITIES, double).await.created();
    let refused = admin.post(&restore(&first), json!({})).await.refused(409, "RESTORE_CONFLICT");
    assert_eq!(refused.json()["details"]["conflictId"], heir["id"]);
}

#[tokio::test]
async fn a_key_makes_a_change_once_and_a_batch_tells_each_outcome() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let keyed = admin.with_header("idempotency-key", "once");
    let made: Value = keyed.post(ACTIVITIES, factory::activity(1)).await.created();
    assert_eq!(keyed.post(ACTIVITIES, factory::activity(1)).await.created::<Value>(), made);

    let items = json!({"items": [
        {"kind": "call", "subject": "a", "links": [link("contact", &contact)]},
        {"kind": "call", "subject": "b", "links": [link("lead", &contact)]},
        {"kind": "call"},
        {"kind": "call", "subject": "c", "externalId": "activity-1"},
    ]});
    let answer = admin.post(&format!("{ACTIVITIES}/batch/create"), items).await.status(207);
    let results = answer.data::<Value>()["results"].clone();
    let statuses: Vec<i64> =
        results.as_array().expect("results").iter().filter_map(|one| one["status"].as_i64()).collect();
    assert_eq!(statuses, [201, 400, 400, 409], "{results}");
    let linked: Value =
        admin.get(&format!("{ACTIVITIES}/{}", results[0]["id"].as_str().expect("an id"))).await.ok();
    assert_eq!(linked["links"], json!([link("contact", &contact)]));

    let changes = json!({"items": [
        {"id": linked["id"], "changes": {"links": null}},
        {"id": made["id"], "changes": {"links": [link("contact", &contact)], "occurredAt": "2026-01-01T00:00:00Z"}},
    ]});
    admin.post(&format!("{ACTIVITIES}/batch/update"), changes).await.status(200);
    let read = json!({"items": [{"id": linked["id"]}, {"id": made["id"]}]});
    let read: Value = admin.post(&format!("{ACTIVITIES}/batch/read"), read).await.ok();
    assert_eq!(read["results"][0]["data"]["links"], json!([]), "{read}");
    assert_eq!(read["results"][1]["data"]["links"], json!([link("contact", &contact)]));
}
