//! What leads, pipelines, stages and organizations do beside the common operations keeps the conventions of changes too.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_common::role::Role;
use tenon_tests::{Client, Tenant, TestApp, factory};

use super::{header, start};

const PIPELINES: &str = "/connection/pipelines";
const LEADS: &str = "/connection/leads";

/// A pipeline, a lead that is in none, and what can be asked of them one after the other.
async fn life(client: &Client, tenant: &Tenant, number: usize) -> Vec<(Method, String, Value)> {
    let pipeline: Value = client.post(PIPELINES, factory::pipeline(number)).await.created();
    let lead: Value = client.post(LEADS, factory::lead(number)).await.created();
    let pipeline_path = format!("{PIPELINES}/{}", factory::id(&pipeline));
    let stages = format!("{pipeline_path}/stages");
    let (first, last) = (factory::id(&pipeline["stages"][0]), factory::id(&pipeline["stages"][2]));
    let lead = format!("{LEADS}/{}", factory::id(&lead));
    let organization = format!("/organizations/{}", tenant.id);
    let stage = json!({"name": "Lost", "displayOrder": 9});
    vec![
        (Method::POST, format!("{lead}/move"), json!({"stageId": first})),
        (Method::POST, format!("{lead}/convert"), json!({"contact": {"name": format!("Grace {number}")}})),
        (Method::POST, stages.clone(), stage.clone()),
        (Method::PUT, format!("{stages}/{last}"), stage),
        (Method::PATCH, format!("{stages}/{last}"), json!({"probability": 5})),
        (Method::DELETE, format!("{stages}/{first}?moveTo={last}"), Value::Null),
        (Method::PATCH, pipeline_path, json!({"name": "Renamed"})),
        (Method::PUT, organization.clone(), json!({"name": format!("Acme {number}"), "slug": tenant.slug})),
        (Method::PATCH, organization, json!({"settings": {"number": number}})),
    ]
}

/// How many events of the tenant there are.
async fn events(app: &TestApp, tenant: &Tenant) -> i64 {
    let count =
        sqlx::query_scalar("select count(*) from tenon.events where tenant_id = $1").bind(tenant.id.0);
    count.fetch_one(&mut app.connect().await).await.expect("counted")
}

#[tokio::test]
async fn they_are_done_once_under_a_key() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    for (step, (method, path, body)) in life(&admin, &acme, 1).await.into_iter().enumerate() {
        let keyed = admin.with_header("idempotency-key", &format!("step {step}"));
        let ask = async || {
            let body = (!body.is_null()).then(|| body.clone());
            keyed.send(method.clone(), &path, body).await
        };
        let first = ask().await;
        assert!(first.status.is_success(), "{method} {path}: {first}");
        let told = events(&app, &acme).await;
        let again = ask().await;
        assert_eq!((first.status, first.text()), (again.status, again.text()), "{method} {path}");
        assert_eq!(header(&first, "etag"), header(&again, "etag"), "{method} {path}");
        assert_eq!(again.header("idempotent-replayed"), "true", "{method} {path}");
        assert_eq!(events(&app, &acme).await, told, "{method} {path}");
    }
}

#[tokio::test]
async fn they_are_answered_as_it_is_preferred() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    for (number, preference) in ["return=minimal", "return=representation"].into_iter().enumerate() {
        let asking = admin.with_header("prefer", preference);
        for (method, path, body) in life(&admin, &acme, number).await {
            let answer = asking.send(method.clone(), &path, (!body.is_null()).then_some(body)).await;
            assert!(answer.status.is_success(), "{method} {path}: {answer}");
            assert_eq!(answer.header("preference-applied"), preference, "{method} {path}");
            assert_eq!(answer.text().is_empty(), preference == "return=minimal", "{method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn an_organization_is_brought_back_once() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let boss = acme.person(Role::Admin).await;
    let elsewhere = globex.member(&boss.email, Role::Client).await;
    let path = format!("/organizations/{}", acme.id);
    acme.admin().with_header("idempotency-key", "end").delete(&path).await.no_content();
    let keyed = elsewhere.with_header("idempotency-key", "back");
    let first = keyed.post(&format!("{path}/restore"), Value::Null).await.status(200);
    let again = keyed.post(&format!("{path}/restore"), Value::Null).await.status(200);
    assert_eq!((first.text(), again.header("idempotent-replayed")), (again.text(), "true"));
    elsewhere.post(&format!("{path}/restore"), Value::Null).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn by_key_a_stage_with_leads_in_it_is_not_removed() {
    let (_app, admin) = start().await;
    let pipeline: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let mut lead = factory::lead(1);
    lead["pipelineId"] = pipeline["id"].clone();
    admin.post(LEADS, lead).await.status(201);
    let by_key = format!("{PIPELINES}/by/externalId/sales-1");
    admin.put(&by_key, json!({"name": "Without stages"})).await.refused(409, "STAGE_IN_USE");
    admin.patch(&by_key, json!({"stages": []})).await.refused(409, "STAGE_IN_USE");
    admin.delete(&by_key).await.refused(409, "STAGE_IN_USE");
    assert_eq!(admin.get(&by_key).await.ok::<Value>(), pipeline);
}

#[tokio::test]
async fn an_upsert_and_a_batch_move_leads_too() {
    let (app, admin) = start().await;
    let pipeline: Value = admin.post(PIPELINES, factory::pipeline(1)).await.created();
    let stages: Vec<&str> = (0..3).map(|at| factory::id(&pipeline["stages"][at])).collect();
    let mut body = factory::lead(1);
    body["pipelineId"] = pipeline["id"].clone();
    let lead: Value = admin.put(&format!("{LEADS}/by/externalId/lead-1"), body.clone()).await.created();
    assert_eq!(lead["stageId"], stages[0], "the pipeline's first");
    body["stageId"] = json!(stages[1]);
    let moved: Value = admin.put(&format!("{LEADS}/by/externalId/lead-1"), body).await.ok();
    assert_eq!(moved["stageId"], stages[1]);
    let changes = json!({"items": [{"id": lead["id"], "changes": {"stageId": stages[2], "title": "Won"}}]});
    admin.post(&format!("{LEADS}/batch/update"), changes).await.status(200);
    let unknown = json!({"items": [{"id": lead["id"], "changes": {"stageId": uuid::Uuid::now_v7()}}]});
    let refused = admin.post(&format!("{LEADS}/batch/update"), unknown).await.status(207);
    assert!(refused.data::<Value>()["results"][0]["details"]["stageId"].is_string(), "{refused}");
    let events = crate::log::events(&mut app.connect().await, factory::id(&lead)).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(types, ["lead.created", "lead.moved_to_stage", "lead.updated", "lead.moved_to_stage"]);
}
