//! The conversion of leads.

use serde_json::{Value, json};
use tenon_tests::{TestApp, factory};

use super::{LEADS, one, path, pointers, start};
use crate::log;

fn convert(lead: &Value) -> String {
    format!("{}/convert", path(lead))
}

#[tokio::test]
async fn a_lead_becomes_a_contact_of_a_company() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, agent) = (acme.admin(), acme.agent().await);
    let mut body = factory::lead(1);
    body["ownerId"] = json!(agent.id);
    let lead: Value = admin.post(LEADS, body).await.created();
    let make = json!({"contact": {"name": "Grace"}, "company": {"name": "ACME", "industry": "Technology"}});
    let answer = admin.post(&convert(&lead), make.clone()).await.status(200);
    assert_eq!(answer.header("etag"), "\"v2\"");
    let made: Value = answer.data();
    let (contact, company) = (&made["contact"], &made["company"]);
    assert_eq!(made["lead"]["status"], "converted");
    assert_eq!((&made["lead"]["contactId"], &made["lead"]["companyId"]), (&contact["id"], &company["id"]));
    assert_eq!(contact["companyId"], company["id"]);
    assert_eq!((&contact["ownerId"], &company["ownerId"]), (&json!(agent.id), &json!(agent.id)));
    let read = async |path: String| admin.get(&path).await.ok::<Value>();
    assert_eq!(read(path(&lead)).await, made["lead"]);
    assert_eq!(read(format!("/connection/contacts/{}", factory::id(contact))).await, *contact);
    assert_eq!(read(format!("/connection/companies/{}", factory::id(company))).await, *company);
    admin.post(&convert(&lead), make).await.refused(409, "STATE_CONFLICT");

    let mut behind = app.connect().await;
    let events = log::events(&mut behind, factory::id(&lead)).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(types, ["lead.created", "lead.converted"]);
    assert_eq!(events[1].json()["data"], made["lead"]);
    assert_eq!(events[1].json()["changedFields"], json!(["status", "contactId", "companyId"]));
    for (record, name) in [(contact, "contact.created"), (company, "company.created")] {
        let created = log::events(&mut behind, factory::id(record)).await;
        assert_eq!((created.len(), created[0].r#type.as_str()), (1, name));
        assert_eq!(created[0].xmin, events[1].xmin, "one transaction");
    }
}

#[tokio::test]
async fn a_lead_keeps_what_it_has() {
    let (_app, admin) = start().await;
    let company: Value = admin.post("/connection/companies", factory::company(1)).await.created();
    let mut body = factory::lead(1);
    body["companyId"] = company["id"].clone();
    let lead: Value = admin.post(LEADS, body).await.created();
    let second = json!({"company": {"name": "Another"}});
    let refused = admin.post(&convert(&lead), second).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(pointers(&refused), one("/company", "ALREADY_SET"));
    admin.with_header("if-match", "\"v9\"").post(&convert(&lead), json!({})).await.status(412);
    let made: Value = admin.post(&convert(&lead), json!({"contact": {"name": "Grace"}})).await.ok();
    assert_eq!(made["contact"]["companyId"], company["id"]);
    assert_eq!((&made["lead"]["companyId"], &made["company"]), (&company["id"], &Value::Null));
    let bare: Value = admin.post(LEADS, factory::lead(2)).await.created();
    let made: Value = admin.post(&convert(&bare), json!({})).await.ok();
    assert_eq!((&made["contact"], &made["lead"]["status"]), (&Value::Null, &json!("converted")));
}

#[tokio::test]
async fn what_is_refused_makes_nothing() {
    let (app, admin) = start().await;
    let lead: Value = admin.post(LEADS, factory::lead(1)).await.created();
    admin.post("/connection/contacts", factory::contact(1)).await.status(201);
    let mut behind = app.connect().await;
    let before = log::counts(&mut behind).await;
    for (body, pointer, code) in [
        (json!({"contact": {"name": "A", "email": "nobody"}}), "/contact/email", "INVALID_EMAIL"),
        (json!({"contact": {}}), "/contact/name", "REQUIRED"),
        (json!({"company": {"name": "A", "employees": -1}}), "/company/employees", "OUT_OF_RANGE"),
        (json!({"company": {"name": "A", "industry": "Alchemy"}}), "/company/industry", "UNKNOWN_INDUSTRY"),
        (
            json!({"company": {"name": "A"}, "contact": {"name": "A", "userId": lead["id"]}}),
            "/contact/userId",
            "NOT_A_MEMBER",
        ),
    ] {
        let refused = admin.post(&convert(&lead), body).await.refused(400, "VALIDATION_ERROR");
        assert_eq!(pointers(&refused), one(pointer, code));
    }
    let taken = json!({"company": {"name": "A"}, "contact": factory::contact(1)});
    admin.post(&convert(&lead), taken).await.refused(409, "DUPLICATE");
    assert_eq!(log::counts(&mut behind).await, before);
    assert_eq!(admin.get(&path(&lead)).await.ok::<Value>(), lead);
}

#[tokio::test]
async fn what_is_made_needs_its_own_permission() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let lead: Value = acme.admin().post(LEADS, factory::lead(1)).await.created();
    let key = acme.key(&["leads:write", "contacts:write"]).await;
    let refused = key.post(&convert(&lead), json!({"company": {"name": "A"}})).await;
    let refused = refused.refused(403, "INSUFFICIENT_SCOPE");
    assert_eq!(refused.json()["details"]["required"], "companies:write");
    key.post(&convert(&lead), json!({"contact": {"name": "A"}})).await.status(200);
}
