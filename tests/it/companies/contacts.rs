//! The company that a contact belongs to.

use serde_json::{Value, json};
use tenon_tests::{TestApp, factory};
use uuid::Uuid;

use super::{COMPANIES, path, pointers, start};
use crate::log;

const CONTACTS: &str = "/connection/contacts";

fn contact_path(contact: &Value) -> String {
    format!("{CONTACTS}/{}", factory::id(contact))
}

#[tokio::test]
async fn a_contact_belongs_to_a_company_beside_the_text() {
    let (app, admin) = start().await;
    let companies = factory::companies(&admin, 2).await;
    let (first, second) = (&companies[0]["id"], &companies[1]["id"]);
    let contact: Value =
        admin.post(CONTACTS, json!({"name": "Grace", "company": "ACME", "companyId": first})).await.created();
    assert_eq!((&contact["companyId"], &contact["company"]), (first, &json!("ACME")));
    assert_eq!(admin.get(&contact_path(&contact)).await.ok::<Value>()["companyId"], *first);

    let moved: Value = admin.patch(&contact_path(&contact), json!({"companyId": second})).await.ok();
    assert_eq!(moved["companyId"], *second);
    let kept: Value = admin.patch(&contact_path(&contact), json!({"title": "Director"})).await.ok();
    assert_eq!(kept["companyId"], *second, "an absent field is kept");
    let left: Value = admin.patch(&contact_path(&contact), json!({"companyId": null})).await.ok();
    assert_eq!(left["companyId"], Value::Null);
    let put: Value =
        admin.put(&contact_path(&contact), json!({"name": "Grace", "companyId": first})).await.ok();
    assert_eq!(put["companyId"], *first);
    let cleared: Value = admin.put(&contact_path(&contact), json!({"name": "Grace"})).await.ok();
    assert_eq!(cleared["companyId"], Value::Null);

    let events = log::events(&mut app.connect().await, factory::id(&contact)).await;
    assert_eq!(events[0].json()["data"]["companyId"], *first);
    assert_eq!(events[1].json()["changedFields"], json!(["companyId"]));
    assert_eq!(events[1].json()["previous"], json!({"companyId": first}));
}

#[tokio::test]
async fn an_unknown_company_is_refused() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let admin = acme.admin();
    let contact: Value = admin.post(CONTACTS, json!({"name": "Grace"})).await.created();
    let theirs: Value = globex.admin().post(COMPANIES, factory::company(1)).await.created();
    let deleted: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    admin.delete(&path(&deleted)).await.no_content();
    for unknown in [theirs["id"].clone(), deleted["id"].clone(), json!(Uuid::now_v7())] {
        let body = json!({"name": "Grace", "companyId": unknown});
        for answer in [
            admin.post(CONTACTS, body.clone()).await,
            admin.put(&contact_path(&contact), body.clone()).await,
            admin.patch(&contact_path(&contact), json!({"companyId": unknown})).await,
        ] {
            let refused = answer.refused(400, "VALIDATION_ERROR");
            assert_eq!(pointers(&refused), [("/companyId".to_owned(), "UNKNOWN_RECORD".to_owned())]);
            assert!(refused.json()["details"]["companyId"].is_string(), "{refused}");
        }
    }
    let refused = admin.post(CONTACTS, json!({"name": "Grace", "companyId": "x"})).await;
    assert_eq!(pointers(&refused.status(400)), [("/companyId".to_owned(), "INVALID_ID".to_owned())]);
    assert_eq!(admin.get(&contact_path(&contact)).await.ok::<Value>(), contact);
}

#[tokio::test]
async fn a_deleted_companys_contacts_stay() {
    let (_app, admin) = start().await;
    let company: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let contact: Value =
        admin.post(CONTACTS, json!({"name": "Grace", "companyId": company["id"]})).await.created();
    admin.delete(&path(&company)).await.no_content();
    assert_eq!(admin.get(&contact_path(&contact)).await.ok::<Value>(), contact);
    let changed: Value = admin.patch(&contact_path(&contact), json!({"title": "Director"})).await.ok();
    assert_eq!(changed["companyId"], company["id"], "what it says already is not asked for again");
}

#[tokio::test]
async fn an_agent_names_companies_that_it_sees() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.agent().await, acme.agent().await);
    let hidden: Value = grace.post(COMPANIES, factory::company(1)).await.created();
    let own: Value = ada.post(COMPANIES, factory::company(2)).await.created();
    let refused = ada.post(CONTACTS, json!({"name": "A", "companyId": hidden["id"]})).await;
    assert_eq!(refused.refused(400, "VALIDATION_ERROR").json()["errors"][0]["pointer"], "/companyId");
    let contact: Value = ada.post(CONTACTS, json!({"name": "A", "companyId": own["id"]})).await.created();
    // Giving it away in the same change does not help.
    let both = json!({"companyId": hidden["id"], "ownerId": grace.id});
    ada.patch(&contact_path(&contact), both).await.refused(400, "VALIDATION_ERROR");
}
