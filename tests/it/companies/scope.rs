//! Within a tenant: an AGENT works on the companies that it owns, a CLIENT has no business with them.

use serde_json::{Value, json};
use tenon_tests::{TestApp, factory};
use uuid::Uuid;

use super::{COMPANIES, path, pointers, restore};

#[tokio::test]
async fn an_agent_works_on_its_own_companies() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, ada, grace) = (acme.admin(), acme.agent().await, acme.agent().await);
    let of_ada: Value = ada.post(COMPANIES, factory::company(1)).await.created();
    assert_eq!(of_ada["ownerId"], json!(ada.id));
    let of_grace: Value = grace.post(COMPANIES, factory::company(2)).await.created();
    let of_nobody: Value = admin.post(COMPANIES, factory::company(3)).await.created();
    ada.post(COMPANIES, json!({"name": "x", "ownerId": grace.id})).await.refused(403, "FORBIDDEN");
    let list = ada.get(COMPANIES).await.status(200).json();
    assert_eq!(list["data"], json!([of_ada]));
    assert_eq!(list["pagination"]["total"], 1);
    assert_eq!(admin.get(COMPANIES).await.json()["pagination"]["total"], 3);

    admin.delete(&path(&of_nobody)).await.no_content();
    for answer in [
        ada.get(&path(&of_grace)).await,
        ada.patch(&path(&of_grace), json!({"name": "x"})).await,
        ada.put(&path(&of_grace), json!({"name": "x"})).await,
        ada.delete(&path(&of_grace)).await,
        ada.post(&restore(&of_nobody), json!({})).await,
    ] {
        answer.refused(404, "NOT_FOUND");
    }
    // What collides with a hidden company is refused, and not told with which.
    let refused = ada.patch(&path(&of_ada), json!({"externalId": "erp-2"})).await.refused(409, "DUPLICATE");
    assert!(!refused.text().contains(factory::id(&of_grace)), "{refused}");
    // PUT without an owner keeps an AGENT's company its own.
    let replaced: Value = ada.put(&path(&of_ada), json!({"name": "Mine"})).await.ok();
    assert_eq!(replaced["ownerId"], json!(ada.id));

    let given: Value = ada.patch(&path(&of_ada), json!({"ownerId": grace.id})).await.ok();
    assert_eq!(given["ownerId"], json!(grace.id));
    ada.get(&path(&of_ada)).await.refused(404, "NOT_FOUND");
    grace.get(&path(&of_ada)).await.status(200);
}

#[tokio::test]
async fn a_client_has_no_business_with_companies() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let company: Value = acme.admin().post(COMPANIES, factory::company(1)).await.created();
    let client = acme.client().await;
    for answer in [
        client.get(COMPANIES).await,
        client.get(&path(&company)).await,
        client.post(COMPANIES, json!({"name": "x"})).await,
        client.delete(&path(&company)).await,
    ] {
        answer.refused(403, "ROLE_TOO_LOW");
    }
}

#[tokio::test]
async fn an_owner_is_a_member() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let company: Value = acme.admin().post(COMPANIES, factory::company(1)).await.created();
    for stranger in [globex.agent().await.id.0, Uuid::now_v7()] {
        for answer in [
            acme.admin().post(COMPANIES, json!({"name": "A", "ownerId": stranger})).await,
            acme.admin().patch(&path(&company), json!({"ownerId": stranger})).await,
        ] {
            let refused = answer.refused(400, "VALIDATION_ERROR");
            assert_eq!(pointers(&refused), [("/ownerId".to_owned(), "NOT_A_MEMBER".to_owned())]);
        }
    }
}
