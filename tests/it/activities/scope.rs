//! Within a tenant: an AGENT works on the activities that it owns, a CLIENT has no business with them.

use serde_json::{Value, json};
use tenon_tests::{TestApp, factory};

use super::{ACTIVITIES, CONTACTS, link, path, pointers, restore};

#[tokio::test]
async fn an_agent_works_on_its_own_activities() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, ada, grace) = (acme.admin(), acme.agent().await, acme.agent().await);
    let of_ada: Value = ada.post(ACTIVITIES, factory::activity(1)).await.created();
    assert_eq!(of_ada["ownerId"], json!(ada.id));
    let of_grace: Value = grace.post(ACTIVITIES, factory::activity(2)).await.created();
    let of_nobody: Value = admin.post(ACTIVITIES, factory::activity(3)).await.created();
    ada.post(ACTIVITIES, json!({"kind": "note", "body": "x", "ownerId": grace.id}))
        .await
        .refused(403, "FORBIDDEN");
    let list = ada.get(ACTIVITIES).await.status(200).json();
    assert_eq!(list["data"], json!([of_ada]));
    assert_eq!(list["pagination"]["total"], 1);
    assert_eq!(ada.get(&format!("{ACTIVITIES}?q=activity")).await.json()["pagination"]["total"], 1);
    assert_eq!(admin.get(ACTIVITIES).await.json()["pagination"]["total"], 3);

    admin.delete(&path(&of_nobody)).await.no_content();
    for answer in [
        ada.get(&path(&of_grace)).await,
        ada.patch(&path(&of_grace), json!({"subject": "x"})).await,
        ada.delete(&path(&of_grace)).await,
        ada.post(&restore(&of_nobody), json!({})).await,
    ] {
        answer.refused(404, "NOT_FOUND");
    }
    // PUT without an owner keeps an AGENT's activity its own.
    let replaced: Value = ada.put(&path(&of_ada), json!({"kind": "note", "body": "Mine"})).await.ok();
    assert_eq!(replaced["ownerId"], json!(ada.id));
    let given: Value = ada.patch(&path(&of_ada), json!({"ownerId": grace.id})).await.ok();
    assert_eq!(given["ownerId"], json!(grace.id));
    ada.get(&path(&of_ada)).await.refused(404, "NOT_FOUND");
    grace.get(&path(&of_ada)).await.status(200);
}

#[tokio::test]
async fn an_agent_links_what_it_sees_and_hides_what_hangs_on_its_records() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, ada, grace) = (acme.admin(), acme.agent().await, acme.agent().await);
    let of_ada: Value = ada.post(CONTACTS, factory::contact(1)).await.created();
    let of_grace: Value = grace.post(CONTACTS, factory::contact(2)).await.created();
    let refused = ada
        .post(ACTIVITIES, json!({"kind": "note", "body": "x", "links": [link("contact", &of_grace)]}))
        .await;
    let expected = [("/links/0/id".to_owned(), "UNKNOWN_RECORD".to_owned())];
    assert_eq!(pointers(&refused.refused(400, "VALIDATION_ERROR")), expected);

    // What an administrator links with the records of others stays linked when an AGENT changes something else.
    let links = json!([link("contact", &of_ada), link("contact", &of_grace)]);
    let shared = json!({"kind": "call", "subject": "Both", "links": links, "ownerId": ada.id});
    let shared: Value = admin.post(ACTIVITIES, shared).await.created();
    let patched: Value = ada.patch(&path(&shared), json!({"subject": "Still both"})).await.ok();
    assert_eq!(patched["links"], shared["links"]);
    // Given away with a new link in one change.
    let second: Value = ada.post(CONTACTS, factory::contact(3)).await.created();
    let given = json!({"ownerId": grace.id, "links": [link("contact", &of_ada), link("contact", &second)]});
    let given: Value = ada.patch(&path(&shared), given).await.ok();
    assert_eq!(admin.get(&path(&shared)).await.ok::<Value>()["links"], given["links"]);

    // It deletes its contact: links of activities that it does not see are hidden too, and come back.
    ada.delete(&format!("{CONTACTS}/{}", factory::id(&of_ada))).await.no_content();
    let left: Value = grace.get(&path(&shared)).await.ok();
    assert_eq!(left["links"], json!([link("contact", &second)]));
    ada.post(&format!("{CONTACTS}/{}/restore", factory::id(&of_ada)), json!({})).await.status(200);
    assert_eq!(grace.get(&path(&shared)).await.ok::<Value>()["links"], given["links"]);
    ada.delete(&format!("{CONTACTS}/{}", factory::id(&of_ada))).await.no_content();
    ada.post(&format!("{CONTACTS}/{}/purge", factory::id(&of_ada)), json!({})).await.no_content();
    assert_eq!(grace.get(&path(&shared)).await.ok::<Value>()["links"], left["links"]);
}

#[tokio::test]
async fn a_client_has_no_business_with_activities() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let activity: Value = acme.admin().post(ACTIVITIES, factory::activity(1)).await.created();
    let client = acme.client().await;
    for answer in [
        client.get(ACTIVITIES).await,
        client.get(&path(&activity)).await,
        client.post(ACTIVITIES, factory::activity(2)).await,
        client.delete(&path(&activity)).await,
    ] {
        answer.refused(403, "ROLE_TOO_LOW");
    }
}
