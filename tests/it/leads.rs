//! Leads: their life, what they are worth, who sees them, and the stages and records that they name.

mod conversion;
mod lists;
mod stages;

use serde_json::{Value, json};
use tenon_tests::{Answer, Person, TestApp, factory};
use uuid::Uuid;

use crate::log;

const LEADS: &str = "/connection/leads";

fn path(lead: &Value) -> String {
    format!("{LEADS}/{}", factory::id(lead))
}

fn restore(lead: &Value) -> String {
    format!("{}/restore", path(lead))
}

/// An app with one tenant, and its administrator.
async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

fn pointers(refused: &Answer) -> Vec<(String, String)> {
    let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let errors = refused.json()["errors"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<_> =
        errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect();
    found.sort_unstable();
    found
}

fn one(pointer: &str, code: &str) -> Vec<(String, String)> {
    vec![(pointer.to_owned(), code.to_owned())]
}

#[tokio::test]
async fn a_lead_is_created_read_replaced_and_merged() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post("/connection/contacts", factory::contact(1)).await.created();
    let company: Value = admin.post("/connection/companies", factory::company(1)).await.created();
    let mut body = factory::lead(1);
    body["contactId"] = contact["id"].clone();
    body["companyId"] = company["id"].clone();
    body["ownerId"] = json!(admin.id);
    let answer = admin.post(LEADS, body.clone()).await.status(201);
    let lead: Value = answer.data();
    assert_eq!(answer.header("location"), format!("/api/v1{}", path(&lead)));
    assert_eq!(answer.header("etag"), "\"v1\"");
    for (field, value) in body.as_object().expect("an object") {
        assert_eq!(lead[field], *value, "{field}");
    }
    assert_eq!((&lead["pipelineId"], &lead["stageId"]), (&Value::Null, &Value::Null));
    assert_eq!(admin.get(&path(&lead)).await.ok::<Value>(), lead);
    admin.with_header("if-none-match", "\"v1\"").get(&path(&lead)).await.status(304);

    let kept: Value = admin.patch(&path(&lead), json!({"status": "qualified", "contactId": null})).await.ok();
    let mut expected = lead.clone();
    for (field, value) in [
        ("status", json!("qualified")),
        ("contactId", Value::Null),
        ("version", json!(2)),
        ("updatedAt", kept["updatedAt"].clone()),
    ] {
        expected[field] = value;
    }
    assert_eq!(kept, expected);
    admin.with_header("if-match", "\"v1\"").patch(&path(&lead), json!({"title": "x"})).await.status(412);
    let bare: Value = admin.put(&path(&lead), json!({"title": "Bare", "status": "lost"})).await.ok();
    for field in ["externalId", "value", "currency", "ownerId", "companyId", "expectedCloseDate"] {
        assert_eq!(bare[field], Value::Null, "{field}");
    }
    let list = admin.get(&format!("{LEADS}?pageSize=1")).await.status(200).json();
    assert_eq!(list["data"], json!([bare]));
    assert_eq!(list["pagination"]["total"], 1);
}

#[tokio::test]
async fn a_value_is_kept_exactly_or_refused() {
    let (app, admin) = start().await;
    let lead: Value = admin.post(LEADS, json!({"title": "A", "status": "new", "value": 0.1})).await.created();
    assert_eq!((&lead["value"], &lead["currency"]), (&json!(0.1), &json!("USD")));
    for (value, currency) in [
        (json!(9_999_999_999_999.99), "EUR"),
        (json!(0.0), "EUR"),
        (json!(1234.567), "KWD"),
        (json!(999_999_999_999_999.0), "JPY"),
    ] {
        let body = json!({"value": value, "currency": currency});
        let kept: Value = admin.patch(&path(&lead), body).await.ok();
        assert_eq!((&kept["value"], &kept["currency"]), (&value, &json!(currency)));
    }
    let kept: Value = admin.patch(&path(&lead), json!({"value": 1250, "currency": "eur"})).await.ok();
    assert_eq!((kept["value"].as_f64(), &kept["currency"]), (Some(1250.0), &json!("EUR")));
    let minor: i64 = sqlx::query_scalar("select value_minor from tenon.leads")
        .fetch_one(&mut app.connect().await)
        .await
        .expect("a lead");
    assert_eq!(minor, 125_000);

    for (body, pointer, code) in [
        (json!({"value": 0.001}), "/value", "TOO_PRECISE"),
        (json!({"value": 0.5, "currency": "JPY"}), "/value", "TOO_PRECISE"),
        (json!({"value": -1}), "/value", "OUT_OF_RANGE"),
        (json!({"value": 1e15}), "/value", "OUT_OF_RANGE"),
        (json!({"value": "12"}), "/value", "INVALID_TYPE"),
        (json!({"currency": "XYZ"}), "/currency", "INVALID_CURRENCY"),
    ] {
        let refused = admin.patch(&path(&lead), body.clone()).await.refused(400, "VALIDATION_ERROR");
        assert_eq!(pointers(&refused), one(pointer, code), "{body}");
    }
    let unchanged: Value = admin.get(&path(&lead)).await.ok();
    assert_eq!(unchanged, kept);
    let cleared: Value = admin.patch(&path(&lead), json!({"value": null})).await.ok();
    assert_eq!((&cleared["value"], &cleared["currency"]), (&Value::Null, &json!("EUR")));
}

#[tokio::test]
async fn a_value_keeps_its_currency_until_another_is_named() {
    let (_app, admin) = start().await;
    let body = |currency: &str| json!({"title": "A", "status": "new", "value": 12.5, "currency": currency});
    let lead: Value = admin.post(LEADS, body("EUR")).await.created();
    let bare = json!({"title": "A", "status": "new", "value": 12.5});
    for refused in [
        admin.patch(&path(&lead), json!({"currency": null})).await,
        admin.patch(&path(&lead), json!({"currency": null, "value": 20})).await,
        admin.put(&path(&lead), bare.clone()).await,
    ] {
        assert_eq!(pointers(&refused.refused(400, "VALIDATION_ERROR")), one("/currency", "REQUIRED"));
    }
    assert_eq!(admin.get(&path(&lead)).await.ok::<Value>(), lead);
    let cleared: Value = admin.patch(&path(&lead), json!({"currency": null, "value": null})).await.ok();
    assert_eq!((&cleared["value"], &cleared["currency"]), (&Value::Null, &Value::Null));
    let dollars: Value = admin.post(LEADS, bare.clone()).await.created();
    let replaced: Value = admin.put(&path(&dollars), bare).await.ok();
    assert_eq!(replaced["currency"], "USD");
    for day in ["0026-11-28", "1899-12-31", "2200-01-01"] {
        let refused = admin.patch(&path(&lead), json!({"expectedCloseDate": day})).await;
        let refused = refused.refused(400, "VALIDATION_ERROR");
        assert_eq!(pointers(&refused), one("/expectedCloseDate", "OUT_OF_RANGE"), "{day}");
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let (_app, admin) = start().await;
    let wrong = json!({
        "title": " ", "externalId": "", "status": "asleep", "value": 0.001, "currency": "EUR", "ownerId": "x",
        "expectedCloseDate": "2026-02-30",
    });
    let refused = admin.post(LEADS, wrong).await.refused(400, "VALIDATION_ERROR");
    let expected = [
        ("/expectedCloseDate", "INVALID_DATE"),
        ("/externalId", "INVALID_LENGTH"),
        ("/ownerId", "INVALID_ID"),
        ("/status", "INVALID_VALUE"),
        ("/title", "INVALID_LENGTH"),
        ("/value", "TOO_PRECISE"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()));
    assert_eq!(pointers(&refused), expected);
    let refused = admin.post(LEADS, json!({})).await.refused(400, "VALIDATION_ERROR");
    let mut required = one("/status", "REQUIRED");
    required.extend(one("/title", "REQUIRED"));
    assert_eq!(pointers(&refused), required);
}

#[tokio::test]
async fn what_a_lead_names_is_there_and_is_seen() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (admin, stranger) = (acme.admin(), globex.admin());
    let lead: Value = admin.post(LEADS, factory::lead(1)).await.created();
    let contact: Value = stranger.post("/connection/contacts", factory::contact(1)).await.created();
    let company: Value = stranger.post("/connection/companies", factory::company(1)).await.created();
    let pipeline: Value = stranger.post("/connection/pipelines", factory::pipeline(1)).await.created();
    let deleted: Value = admin.post("/connection/contacts", factory::contact(1)).await.created();
    admin.delete(&format!("/connection/contacts/{}", factory::id(&deleted))).await.no_content();
    for (field, id, code) in [
        ("contactId", contact["id"].clone(), "UNKNOWN_RECORD"),
        ("contactId", deleted["id"].clone(), "UNKNOWN_RECORD"),
        ("companyId", company["id"].clone(), "UNKNOWN_RECORD"),
        ("pipelineId", pipeline["id"].clone(), "UNKNOWN_RECORD"),
        ("stageId", pipeline["stages"][0]["id"].clone(), "UNKNOWN_RECORD"),
        ("ownerId", json!(stranger.id), "NOT_A_MEMBER"),
        ("ownerId", json!(Uuid::now_v7()), "NOT_A_MEMBER"),
    ] {
        for answer in [
            admin.post(LEADS, json!({"title": "A", "status": "new", field: id})).await,
            admin.put(&path(&lead), json!({"title": "A", "status": "new", field: id})).await,
            admin.patch(&path(&lead), json!({field: id})).await,
        ] {
            let refused = answer.refused(400, "VALIDATION_ERROR");
            assert_eq!(pointers(&refused), one(&format!("/{field}"), code));
        }
    }
    let hidden: Value = admin.post("/connection/contacts", factory::contact(2)).await.created();
    let agent = acme.agent().await;
    let body = json!({"title": "A", "status": "new", "contactId": hidden["id"]});
    assert_eq!(pointers(&agent.post(LEADS, body).await.status(400)), one("/contactId", "UNKNOWN_RECORD"));
}

#[tokio::test]
async fn an_agent_works_on_its_own_leads() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.agent().await, acme.agent().await);
    let of_ada: Value = ada.post(LEADS, factory::lead(1)).await.created();
    assert_eq!(of_ada["ownerId"], json!(ada.id));
    let of_grace: Value = grace.post(LEADS, factory::lead(2)).await.created();
    assert_eq!(ada.get(LEADS).await.json()["data"], json!([of_ada]));
    ada.post(LEADS, json!({"title": "x", "status": "new", "ownerId": grace.id}))
        .await
        .refused(403, "FORBIDDEN");
    for answer in [
        ada.get(&path(&of_grace)).await,
        ada.patch(&path(&of_grace), json!({"title": "x"})).await,
        ada.delete(&path(&of_grace)).await,
        ada.post(&format!("{}/convert", path(&of_grace)), json!({})).await,
        ada.post(&format!("{}/move", path(&of_grace)), json!({"stageId": Uuid::now_v7()})).await,
    ] {
        answer.refused(404, "NOT_FOUND");
    }
    let refused = ada.patch(&path(&of_ada), json!({"externalId": "lead-2"})).await.refused(409, "DUPLICATE");
    assert!(!refused.text().contains(factory::id(&of_grace)), "{refused}");
    ada.patch(&path(&of_ada), json!({"ownerId": grace.id})).await.status(200);
    ada.get(&path(&of_ada)).await.refused(404, "NOT_FOUND");
    acme.client().await.get(LEADS).await.refused(403, "ROLE_TOO_LOW");
}

#[tokio::test]
async fn an_external_id_is_freed_by_deletion_and_every_change_writes_one_event() {
    let (app, admin) = start().await;
    let lead: Value = admin.post(LEADS, factory::lead(1)).await.created();
    let refused = admin.post(LEADS, factory::lead(1)).await.refused(409, "DUPLICATE");
    assert_eq!(refused.json()["details"]["conflictId"], lead["id"]);
    let patched: Value = admin.patch(&path(&lead), json!({"value": 2, "status": "contacted"})).await.ok();
    admin.patch(&path(&lead), json!({"value": 2.0})).await.status(200);
    let last: Value = admin.with_header("prefer", "return=representation").delete(&path(&lead)).await.ok();
    assert!(last["deletedAt"].is_string(), "{last}");
    admin.get(&path(&lead)).await.refused(404, "NOT_FOUND");
    let heir: Value = admin.post(LEADS, factory::lead(1)).await.created();
    let refused = admin.post(&restore(&lead), json!({})).await.refused(409, "RESTORE_CONFLICT");
    assert_eq!(refused.json()["details"]["conflictId"], heir["id"]);
    admin.delete(&path(&heir)).await.no_content();
    let back: Value = admin.post(&restore(&lead), json!({})).await.ok();
    assert_eq!(admin.get(&path(&lead)).await.ok::<Value>(), back);

    let events = log::events(&mut app.connect().await, factory::id(&lead)).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(types, ["lead.created", "lead.updated", "lead.deleted", "lead.restored"]);
    assert_eq!(events[0].json()["data"], lead);
    assert_eq!(events[1].json()["data"], patched);
    assert_eq!(events[1].json()["changedFields"], json!(["status", "value"]));
    assert_eq!(events[1].json()["previous"], json!({"status": "new", "value": 1250.5}));
}
