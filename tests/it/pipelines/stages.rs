//! The stages of a pipeline, one by one.

use serde_json::{Value, json};
use tenon_tests::factory;
use uuid::Uuid;

use super::{PIPELINES, names, path, pointers, start};
use crate::log;

#[tokio::test]
async fn a_stage_is_added_changed_and_removed() {
    let (app, admin) = start().await;
    let pipeline: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let stages = format!("{}/stages", path(&pipeline));
    let listed = admin.get(&stages).await.status(200);
    assert_eq!(listed.data::<Value>(), pipeline["stages"]);
    assert_eq!(listed.header("etag"), "\"v1\"");

    let added = admin.post(&stages, json!({"name": " Contract ", "displayOrder": 2})).await.status(201);
    let stage: Value = added.data();
    let own = format!("{stages}/{}", factory::id(&stage));
    assert_eq!(added.header("location"), format!("/api/v1{own}"));
    assert_eq!(added.header("etag"), "\"v2\"", "the pipeline's");
    let expected =
        json!({"id": stage["id"], "name": "Contract", "displayOrder": 2, "probability": Value::Null});
    assert_eq!(stage, expected);
    assert_eq!(admin.get(&own).await.ok::<Value>(), stage);
    admin.with_header("if-none-match", "\"v2\"").get(&own).await.status(304);
    let now: Value = admin.get(&path(&pipeline)).await.ok();
    assert_eq!(names(&now), ["New", "Proposal", "Contract", "Won"]);

    let patched: Value = admin.patch(&own, json!({"probability": 80, "displayOrder": 0})).await.ok();
    assert_eq!((&patched["name"], &patched["probability"]), (&json!("Contract"), &json!(80)));
    let replaced: Value = admin.put(&own, json!({"name": "Signed", "displayOrder": 9})).await.ok();
    assert_eq!(
        replaced,
        json!({"id": stage["id"], "name": "Signed", "displayOrder": 9, "probability": null})
    );
    admin.put(&own, json!({"name": "Signed", "displayOrder": 9})).await.status(200);
    let last: Value = admin.with_header("prefer", "return=representation").delete(&own).await.ok();
    assert_eq!(last, replaced);
    for gone in [
        admin.get(&own).await,
        admin.patch(&own, json!({"name": "x"})).await,
        admin.put(&own, json!({"name": "x", "displayOrder": 1})).await,
        admin.delete(&own).await,
    ] {
        assert_eq!(gone.refused(404, "NOT_FOUND").json()["error"], "Stage not found");
    }
    let now: Value = admin.get(&path(&pipeline)).await.ok();
    assert_eq!((&now["stages"], &now["version"]), (&pipeline["stages"], &json!(5)));

    let events = log::events(&mut app.connect().await, factory::id(&pipeline)).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    let updated = "pipeline.stage.updated";
    assert_eq!(types, ["pipeline.created", updated, updated, updated, updated]);
    assert_eq!(events[1].json()["previous"], json!({"stages": pipeline["stages"]}));
    assert_eq!(events[4].json()["data"], now);
}

#[tokio::test]
async fn what_is_wrong_with_a_stage_is_said_by_name() {
    let (_app, admin) = start().await;
    let pipeline: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let stages = format!("{}/stages", path(&pipeline));
    let own = format!("{stages}/{}", factory::id(&pipeline["stages"][0]));
    let wrong = json!({"name": "", "displayOrder": -1, "probability": 101});
    let expected =
        [("/displayOrder", "OUT_OF_RANGE"), ("/name", "INVALID_LENGTH"), ("/probability", "OUT_OF_RANGE")]
            .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()));
    for answer in [
        admin.post(&stages, wrong.clone()).await,
        admin.put(&own, wrong.clone()).await,
        admin.patch(&own, wrong.clone()).await,
    ] {
        assert_eq!(pointers(&answer.refused(400, "VALIDATION_ERROR")), expected);
    }
    let refused = admin.post(&stages, json!({})).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(refused.json()["errors"].as_array().map(Vec::len), Some(2), "{refused}");
    admin.patch(&own, json!({"name": null})).await.refused(400, "VALIDATION_ERROR");
    let stale = admin.with_header("if-match", "\"v9\"");
    for answer in [
        stale.post(&stages, json!({"name": "A", "displayOrder": 1})).await,
        stale.patch(&own, json!({"name": "A"})).await,
        stale.put(&own, json!({"name": "A", "displayOrder": 1})).await,
        stale.delete(&own).await,
    ] {
        answer.refused(412, "VERSION_CONFLICT");
    }
}

#[tokio::test]
async fn a_stage_is_found_in_its_own_pipeline_only() {
    let (_app, admin) = start().await;
    let pipelines = factory::pipelines(&admin, 2).await;
    let elsewhere = format!("{}/stages/{}", path(&pipelines[0]), factory::id(&pipelines[1]["stages"][0]));
    for answer in [
        admin.get(&elsewhere).await,
        admin.patch(&elsewhere, json!({"name": "x"})).await,
        admin.put(&elsewhere, json!({"name": "x", "displayOrder": 1})).await,
        admin.delete(&elsewhere).await,
        admin.get(&format!("{}/stages/{}", path(&pipelines[0]), Uuid::now_v7())).await,
    ] {
        answer.refused(404, "NOT_FOUND");
    }
    let nowhere = format!("{PIPELINES}/{}/stages", Uuid::now_v7());
    let refused = admin.post(&nowhere, json!({"name": "A", "displayOrder": 1})).await;
    assert_eq!(refused.refused(404, "NOT_FOUND").json()["error"], "Pipeline not found");
    assert_eq!(admin.get(&path(&pipelines[1])).await.ok::<Value>(), pipelines[1]);
}
