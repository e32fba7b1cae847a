//! Leads in the stages of pipelines: where they are, how they move, and stages that cannot go while leads are in them.

use serde_json::{Value, json};
use tenon_tests::{Client, factory};
use uuid::Uuid;

use super::{LEADS, one, path, pointers, restore, start};
use crate::log;

const PIPELINES: &str = "/connection/pipelines";

fn pipeline_path(pipeline: &Value) -> String {
    format!("{PIPELINES}/{}", factory::id(pipeline))
}

fn stage_path(pipeline: &Value, at: usize) -> String {
    format!("{}/stages/{}", pipeline_path(pipeline), factory::id(&pipeline["stages"][at]))
}

fn place(lead: &Value) -> (&Value, &Value) {
    (&lead["pipelineId"], &lead["stageId"])
}

async fn lead_in(client: &Client, stage: &Value) -> Value {
    client.post(LEADS, json!({"title": "A", "status": "new", "stageId": stage})).await.created()
}

#[tokio::test]
async fn a_lead_is_in_a_stage_of_its_pipeline() {
    let (_app, admin) = start().await;
    let pipelines = factory::pipelines(&admin, 2).await;
    let (sales, other) = (&pipelines[0], &pipelines[1]);
    let (first, second) = (&sales["stages"][0]["id"], &sales["stages"][1]["id"]);
    let body = json!({"title": "A", "status": "new", "pipelineId": sales["id"]});
    let lead: Value = admin.post(LEADS, body).await.created();
    assert_eq!(place(&lead), (&sales["id"], first), "a pipeline alone means its first stage");
    assert_eq!(place(&lead_in(&admin, second).await), (&sales["id"], second), "a stage has its pipeline");
    let both = json!({"pipelineId": other["id"], "stageId": other["stages"][2]["id"]});
    let moved: Value = admin.patch(&path(&lead), both).await.ok();
    assert_eq!(place(&moved), (&other["id"], &other["stages"][2]["id"]));
    let moved: Value = admin.patch(&path(&lead), json!({"pipelineId": sales["id"]})).await.ok();
    assert_eq!(place(&moved), (&sales["id"], first));
    let mixed = json!({"pipelineId": other["id"], "stageId": second});
    let refused = admin.patch(&path(&lead), mixed).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(pointers(&refused), one("/stageId", "NOT_IN_PIPELINE"));
    let empty: Value = admin.post(PIPELINES, json!({"name": "Empty"})).await.created();
    let refused = admin.patch(&path(&lead), json!({"pipelineId": empty["id"]})).await.status(400);
    assert_eq!(pointers(&refused), one("/pipelineId", "UNKNOWN_RECORD"));
    let left: Value = admin.patch(&path(&lead), json!({"stageId": null})).await.ok();
    assert_eq!(place(&left), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn moving_has_an_event_of_its_own() {
    let (app, admin) = start().await;
    let pipeline: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let stage = |at: usize| pipeline["stages"][at]["id"].clone();
    let lead = lead_in(&admin, &stage(0)).await;
    let to = format!("{}/move", path(&lead));
    let moved = admin.post(&to, json!({"stageId": stage(1)})).await.status(200);
    assert_eq!(moved.header("etag"), "\"v2\"");
    let moved: Value = moved.data();
    assert_eq!(moved["stageId"], stage(1));
    admin.post(&to, json!({"stageId": stage(1)})).await.status(200);
    admin.with_header("if-match", "\"v1\"").post(&to, json!({"stageId": stage(2)})).await.status(412);
    admin.patch(&path(&lead), json!({"stageId": stage(2), "title": "B"})).await.status(200);
    let refused = admin.post(&to, json!({"stageId": Uuid::now_v7()})).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(pointers(&refused), one("/stageId", "UNKNOWN_RECORD"));
    admin.post(&to, json!({})).await.refused(400, "VALIDATION_ERROR");

    let events = log::events(&mut app.connect().await, factory::id(&lead)).await;
    let found: Vec<(&str, Value)> = events
        .iter()
        .map(|event| (event.r#type.as_str(), event.json()["object"]["version"].clone()))
        .collect();
    let expected =
        [("lead.created", 1), ("lead.moved_to_stage", 2), ("lead.updated", 3), ("lead.moved_to_stage", 3)]
            .map(|(name, version)| (name, json!(version)));
    assert_eq!(found, expected);
    assert_eq!(events[1].json()["data"], moved);
    assert_eq!(events[1].json()["previous"], json!({"stageId": stage(0)}));
    assert_eq!(events[2].json()["previous"], json!({"title": "A"}));
    assert_eq!(events[3].json()["previous"], json!({"stageId": stage(1)}));
}

#[tokio::test]
async fn a_stage_in_use_is_not_removed() {
    let (_app, admin) = start().await;
    let pipelines = factory::pipelines(&admin, 2).await;
    let sales = &pipelines[0];
    let lead = lead_in(&admin, &sales["stages"][0]["id"]).await;
    let kept = json!({"name": "Sales", "stages": [{"id": sales["stages"][1]["id"], "name": "x", "displayOrder": 1}]});
    for answer in [
        admin.delete(&stage_path(sales, 0)).await,
        admin.put(&pipeline_path(sales), kept).await,
        admin.patch(&pipeline_path(sales), json!({"stages": []})).await,
        admin.delete(&pipeline_path(sales)).await,
    ] {
        let refused = answer.refused(409, "STAGE_IN_USE");
        assert!(refused.json()["details"]["moveTo"].is_string(), "{refused}");
    }
    let gone = Uuid::now_v7().to_string();
    for target in [factory::id(&sales["stages"][0]), &gone] {
        let refused = admin.delete(&format!("{}?moveTo={target}", stage_path(sales, 0))).await;
        let refused = refused.refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"]["moveTo"].is_string(), "{refused}");
    }
    // Nothing of that has changed anything.
    assert_eq!(admin.get(&pipeline_path(sales)).await.ok::<Value>(), *sales);
    assert_eq!(admin.get(&path(&lead)).await.ok::<Value>(), lead);
    // A stage without leads, or with deleted ones only, goes.
    admin.delete(&stage_path(sales, 2)).await.no_content();
    admin.delete(&path(&lead)).await.no_content();
    admin.delete(&stage_path(sales, 0)).await.no_content();
    let back: Value = admin.post(&restore(&lead), json!({})).await.ok();
    assert_eq!(place(&back), (&Value::Null, &Value::Null), "its stage is gone");
}

#[tokio::test]
async fn leads_move_where_their_stage_is_removed() {
    let (app, admin) = start().await;
    let pipelines = factory::pipelines(&admin, 2).await;
    let (sales, other) = (&pipelines[0], &pipelines[1]);
    let (first, second) = (&sales["stages"][0]["id"], &sales["stages"][1]["id"]);
    let leads = [lead_in(&admin, first).await, lead_in(&admin, first).await];
    let bystander = lead_in(&admin, &sales["stages"][2]["id"]).await;
    let to = |stage: &Value| stage.as_str().unwrap_or_default().to_owned();
    admin.delete(&format!("{}?moveTo={}", stage_path(sales, 0), to(second))).await.no_content();
    let elsewhere = &other["stages"][1]["id"];
    for lead in &leads {
        let moved: Value = admin.get(&path(lead)).await.ok();
        assert_eq!((place(&moved), &moved["version"]), ((&sales["id"], second), &json!(2)));
        let events = log::events(&mut app.connect().await, factory::id(lead)).await;
        assert_eq!(events[1].r#type, "lead.moved_to_stage");
        assert_eq!(events[1].json()["data"], moved);
        assert_eq!(events[1].json()["previous"], json!({"stageId": first}));
    }
    assert_eq!(admin.get(&path(&bystander)).await.ok::<Value>(), bystander);
    admin.delete(&format!("{}?moveTo={}", pipeline_path(sales), to(elsewhere))).await.no_content();
    for lead in leads.iter().chain([&bystander]) {
        let moved: Value = admin.get(&path(lead)).await.ok();
        assert_eq!(place(&moved), (&other["id"], elsewhere));
    }
}

#[tokio::test]
async fn no_lead_slips_into_a_stage_that_goes() {
    let (_app, admin) = start().await;
    for round in 0..5 {
        let pipeline: Value = admin.post(PIPELINES, factory::pipeline(round)).await.created();
        let stage = &pipeline["stages"][0]["id"];
        let body = json!({"title": "A", "status": "new", "stageId": stage});
        let creations = (0..6).map(|_| admin.post(LEADS, body.clone()));
        let removed = stage_path(&pipeline, 0);
        let (created, gone) =
            tokio::join!(futures::future::join_all(creations), async { admin.delete(&removed).await });
        let there = created.iter().filter(|answer| answer.status == 201).count();
        for answer in created.into_iter().filter(|answer| answer.status != 201) {
            assert_eq!(pointers(&answer.refused(400, "VALIDATION_ERROR")), one("/stageId", "UNKNOWN_RECORD"));
        }
        match there {
            0 => drop(gone.no_content()),
            _ => drop(gone.refused(409, "STAGE_IN_USE")),
        }
    }
}
