//! Pipelines: their life, and their stages as a whole.

mod lists;
mod stages;

use serde_json::{Value, json};
use tenon_tests::{Answer, Person, TestApp, factory};

use crate::log;

const PIPELINES: &str = "/connection/pipelines";

fn path(pipeline: &Value) -> String {
    format!("{PIPELINES}/{}", factory::id(pipeline))
}

fn restore(pipeline: &Value) -> String {
    format!("{}/restore", path(pipeline))
}

/// An app with one tenant, and its administrator.
async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

fn names(pipeline: &Value) -> Vec<&str> {
    let stages = pipeline["stages"].as_array().expect("stages");
    stages.iter().filter_map(|stage| stage["name"].as_str()).collect()
}

fn pointers(refused: &Answer) -> Vec<(String, String)> {
    let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let errors = refused.json()["errors"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<_> =
        errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn a_pipeline_has_its_stages_in_their_order() {
    let (_app, admin) = start().await;
    let body = json!({"name": " Sales ", "stages": [
        {"name": "Won", "displayOrder": 30, "probability": 100},
        {"name": " New ", "displayOrder": 10},
        {"name": "Proposal", "displayOrder": 20, "probability": 0},
        {"name": "Late proposal", "displayOrder": 20},
    ]});
    let answer = admin.post(PIPELINES, body).await.status(201);
    let pipeline: Value = answer.data();
    assert_eq!(answer.header("location"), format!("/api/v1{}", path(&pipeline)));
    assert_eq!(pipeline["name"], "Sales");
    assert_eq!(names(&pipeline), ["New", "Proposal", "Late proposal", "Won"]);
    assert_eq!(pipeline["stages"][0]["probability"], Value::Null);
    assert_eq!(pipeline["stages"][1]["probability"], 0);
    assert_eq!(pipeline["stages"][3]["displayOrder"], 30);
    assert_eq!(admin.get(&path(&pipeline)).await.ok::<Value>(), pipeline);
    let bare: Value = admin.post(PIPELINES, json!({"name": "Bare"})).await.created();
    assert_eq!(bare["stages"], json!([]));
    let list = admin.get(PIPELINES).await.status(200).json();
    assert_eq!(list["data"], json!([bare, pipeline]), "newest first, each with its own stages");
    assert_eq!(list["pagination"]["total"], 2);
    let first = admin.get(&format!("{PIPELINES}?limit=1")).await.status(200).json();
    let cursor = first["pagination"]["nextCursor"].as_str().expect("more follow");
    let next = admin.get(&format!("{PIPELINES}?limit=1&cursor={cursor}")).await.status(200).json();
    assert_eq!(next["data"], json!([pipeline]));
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let (_app, admin) = start().await;
    let pipeline: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let wrong = json!({"name": "", "externalId": "", "stages": [
        {"name": "", "displayOrder": -1, "probability": 101},
        {"name": "x".repeat(101), "displayOrder": 10_001, "probability": -1},
        {"displayOrder": "first", "probability": 0.5},
    ]});
    let expected = [
        ("/externalId", "INVALID_LENGTH"),
        ("/name", "INVALID_LENGTH"),
        ("/stages/0/displayOrder", "OUT_OF_RANGE"),
        ("/stages/0/name", "INVALID_LENGTH"),
        ("/stages/0/probability", "OUT_OF_RANGE"),
        ("/stages/1/displayOrder", "OUT_OF_RANGE"),
        ("/stages/1/name", "INVALID_LENGTH"),
        ("/stages/1/probability", "OUT_OF_RANGE"),
        ("/stages/2/displayOrder", "INVALID_TYPE"),
        ("/stages/2/name", "REQUIRED"),
        ("/stages/2/probability", "INVALID_TYPE"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()));
    for answer in [
        admin.post(PIPELINES, wrong.clone()).await,
        admin.put(&path(&pipeline), wrong.clone()).await,
        admin.patch(&path(&pipeline), wrong.clone()).await,
    ] {
        let refused = answer.refused(400, "VALIDATION_ERROR");
        assert_eq!(pointers(&refused), expected);
        assert!(refused.json()["details"]["stages.0.name"].is_string(), "{refused}");
    }
    let many = |count: i32| -> Vec<Value> {
        (0..count).map(|number| json!({"name": "x", "displayOrder": number})).collect()
    };
    let refused = admin.post(PIPELINES, json!({"name": "A", "stages": many(101)})).await.status(400);
    assert_eq!(pointers(&refused), [("/stages".to_owned(), "TOO_LONG".to_owned())]);
    admin.post(PIPELINES, json!({"name": "A", "stages": many(100)})).await.status(201);
}

#[tokio::test]
async fn put_keeps_adds_and_removes_stages() {
    let (_app, admin) = start().await;
    let pipeline: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let (new, proposal) = (&pipeline["stages"][0]["id"], &pipeline["stages"][1]["id"]);
    let body = json!({"name": "Sales", "stages": [
        {"id": proposal, "name": "Offer", "displayOrder": 1, "probability": 60},
        {"id": new, "name": "New", "displayOrder": 2},
        {"name": "Signed", "displayOrder": 3},
    ]});
    let replaced: Value = admin.put(&path(&pipeline), body.clone()).await.ok();
    assert_eq!(names(&replaced), ["Offer", "New", "Signed"]);
    assert_eq!((&replaced["stages"][0]["id"], &replaced["stages"][1]["id"]), (proposal, new));
    assert_eq!(replaced["stages"][1]["probability"], Value::Null);
    assert_ne!(replaced["stages"][2]["id"], pipeline["stages"][2]["id"]);
    assert_eq!(replaced["externalId"], Value::Null);
    assert_eq!(admin.get(&path(&pipeline)).await.ok::<Value>(), replaced);

    // What was removed, another pipeline's, and one twice are no stages of this one.
    let other: Value = admin.post(PIPELINES, factory::pipeline(2)).await.created();
    for id in [&pipeline["stages"][2]["id"], &other["stages"][0]["id"]] {
        let body = json!({"name": "Sales", "stages": [
            {"name": "A", "displayOrder": 1}, {"id": id, "name": "B", "displayOrder": 2}]});
        let refused = admin.put(&path(&pipeline), body).await.refused(400, "VALIDATION_ERROR");
        assert_eq!(pointers(&refused), [("/stages/1/id".to_owned(), "UNKNOWN_RECORD".to_owned())]);
    }
    let twice = json!({"stages": [
        {"id": new, "name": "A", "displayOrder": 1}, {"id": new, "name": "B", "displayOrder": 2}]});
    let refused = admin.patch(&path(&pipeline), twice).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(pointers(&refused), [("/stages/1/id".to_owned(), "NOT_UNIQUE".to_owned())]);
    let foreign = json!({"name": "A", "stages": [{"id": new, "name": "A", "displayOrder": 1}]});
    admin.post(PIPELINES, foreign).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(admin.get(&path(&other)).await.ok::<Value>(), other);
    assert_eq!(admin.get(&path(&pipeline)).await.ok::<Value>(), replaced);

    let renamed: Value = admin.patch(&path(&pipeline), json!({"name": "Renamed"})).await.ok();
    assert_eq!(renamed["stages"], replaced["stages"], "an absent field is kept");
    let emptied: Value = admin.patch(&path(&pipeline), json!({"stages": null})).await.ok();
    assert_eq!(emptied["stages"], json!([]));
}

#[tokio::test]
async fn deleting_hides_the_stages_and_restoring_brings_just_those_back() {
    let (_app, admin) = start().await;
    let pipeline: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let stage = format!("{}/stages/{}", path(&pipeline), factory::id(&pipeline["stages"][0]));
    admin.delete(&stage).await.no_content();
    let before: Value = admin.get(&path(&pipeline)).await.ok();
    assert_eq!(names(&before), ["Proposal", "Won"]);
    let last: Value =
        admin.with_header("prefer", "return=representation").delete(&path(&pipeline)).await.ok();
    assert!(last["deletedAt"].is_string(), "{last}");
    assert_eq!(last["stages"], before["stages"]);
    admin.get(&path(&pipeline)).await.refused(404, "NOT_FOUND");
    admin.get(&format!("{}/stages", path(&pipeline))).await.refused(404, "NOT_FOUND");

    let heir: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let refused = admin.post(&restore(&pipeline), json!({})).await.refused(409, "RESTORE_CONFLICT");
    assert_eq!(refused.json()["details"]["conflictId"], heir["id"]);
    admin.delete(&path(&heir)).await.no_content();
    let back: Value = admin.post(&restore(&pipeline), json!({})).await.ok();
    assert_eq!(back["stages"], before["stages"]);
    assert_eq!(admin.get(&path(&pipeline)).await.ok::<Value>(), back);
}

#[tokio::test]
async fn an_external_id_is_unique_and_versions_guard() {
    let (_app, admin) = start().await;
    let first: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let other: Value = admin.post(PIPELINES, factory::pipeline(2)).await.created();
    for answer in [
        admin.post(PIPELINES, factory::pipeline(1)).await,
        admin.patch(&path(&other), json!({"externalId": "sales-1"})).await,
    ] {
        assert_eq!(answer.refused(409, "DUPLICATE").json()["details"]["conflictId"], first["id"]);
    }
    let stale = admin.with_header("if-match", "\"v9\"");
    for answer in [
        stale.put(&path(&first), json!({"name": "x"})).await,
        stale.patch(&path(&first), json!({"name": "x"})).await,
        stale.delete(&path(&first)).await,
    ] {
        answer.refused(412, "VERSION_CONFLICT");
    }
}

#[tokio::test]
async fn every_change_writes_its_events() {
    let (app, admin) = start().await;
    let pipeline: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    admin.patch(&path(&pipeline), json!({"name": "Sales"})).await.status(200);
    let stages = json!([{"id": pipeline["stages"][0]["id"], "name": "First", "displayOrder": 1}]);
    let staged: Value = admin.patch(&path(&pipeline), json!({"stages": stages})).await.ok();
    admin.patch(&path(&pipeline), json!({"stages": staged["stages"]})).await.status(200);
    admin.put(&path(&pipeline), json!({"name": "Both"})).await.status(200);
    admin.delete(&path(&pipeline)).await.no_content();
    admin.post(&restore(&pipeline), json!({})).await.status(200);
    let events = log::events(&mut app.connect().await, factory::id(&pipeline)).await;
    let found: Vec<(&str, Value)> = events
        .iter()
        .map(|event| (event.r#type.as_str(), event.json()["object"]["version"].clone()))
        .collect();
    let expected = [
        ("pipeline.created", 1),
        ("pipeline.updated", 2),
        ("pipeline.stage.updated", 3),
        ("pipeline.updated", 4),
        ("pipeline.stage.updated", 4),
        ("pipeline.deleted", 5),
        ("pipeline.restored", 6),
    ]
    .map(|(name, version)| (name, json!(version)));
    assert_eq!(found, expected);
    let changed: Vec<Value> = events.iter().map(|event| event.json()["changedFields"].clone()).collect();
    assert_eq!(changed[1], json!(["name"]));
    assert_eq!(changed[2], json!(["stages"]));
    assert_eq!(changed[3], json!(["externalId", "name"]), "stages have an event of their own");
    assert_eq!(changed[4], json!(["stages"]));
    assert_eq!(events[2].json()["previous"]["stages"], pipeline["stages"]);
    assert_eq!(events[2].json()["data"], staged);
}

#[tokio::test]
async fn an_agent_reads_them_and_an_administrator_changes_them() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let pipeline: Value = acme.admin().post(PIPELINES, factory::pipeline(1)).await.created();
    let agent = acme.agent().await;
    assert_eq!(agent.get(&path(&pipeline)).await.ok::<Value>(), pipeline);
    for answer in [
        agent.post(PIPELINES, json!({"name": "x"})).await,
        agent.patch(&path(&pipeline), json!({"name": "x"})).await,
        agent.delete(&path(&pipeline)).await,
        acme.client().await.get(PIPELINES).await,
    ] {
        answer.refused(403, "ROLE_TOO_LOW");
    }
}
