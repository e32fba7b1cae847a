//! Within a tenant: an AGENT works on what it owns, a CLIENT sees itself.

use serde_json::{Value, json};
use tenon_tests::{Client, TestApp, factory};

const CONTACTS: &str = "/connection/contacts";

fn path(contact: &Value) -> String {
    format!("{CONTACTS}/{}", factory::id(contact))
}

async fn sees(client: &Client, expected: &[&Value]) {
    let list = client.get(CONTACTS).await.status(200).json();
    let mut seen: Vec<&str> = list["data"].as_array().expect("a list").iter().map(factory::id).collect();
    let mut wanted: Vec<&str> = expected.iter().map(|contact| factory::id(contact)).collect();
    seen.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(seen, wanted);
    assert_eq!(list["pagination"]["total"], wanted.len(), "the total counts what is seen");
    for contact in expected {
        client.get(&path(contact)).await.status(200);
    }
}

/// For this client there is no such contact.
async fn does_not_reach(client: &Client, contact: &Value) {
    client.get(&path(contact)).await.refused(404, "NOT_FOUND");
    for answer in [
        client.patch(&path(contact), json!({"title": "x"})).await,
        client.put(&path(contact), json!({"name": "x"})).await,
        client.delete(&path(contact)).await,
        client.post(&format!("{}/restore", path(contact)), json!({})).await,
    ] {
        assert!(answer.status == 404 || answer.status == 403, "{answer}");
    }
}

#[tokio::test]
async fn an_agent_works_on_its_own_contacts() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, ada, grace) = (acme.admin(), acme.agent().await, acme.agent().await);
    let of_ada: Value = ada.post(CONTACTS, json!({"name": "of Ada"})).await.created();
    assert_eq!(of_ada["ownerId"], json!(ada.id));
    let given_to_ada: Value =
        admin.post(CONTACTS, json!({"name": "given to Ada", "ownerId": ada.id})).await.created();
    let of_grace: Value = grace.post(CONTACTS, json!({"name": "of Grace"})).await.created();
    let of_nobody: Value = admin.post(CONTACTS, json!({"name": "of nobody"})).await.created();

    sees(&ada, &[&of_ada, &given_to_ada]).await;
    sees(&grace, &[&of_grace]).await;
    sees(&admin, &[&of_ada, &given_to_ada, &of_grace, &of_nobody]).await;
    for hidden in [&of_grace, &of_nobody] {
        does_not_reach(&ada, hidden).await;
    }
    ada.post(CONTACTS, json!({"name": "x", "ownerId": grace.id})).await.refused(403, "FORBIDDEN");

    ada.patch(&path(&given_to_ada), json!({"title": "Director"})).await.status(200);
    ada.delete(&path(&given_to_ada)).await.no_content();
    ada.post(&format!("{}/restore", path(&given_to_ada)), json!({})).await.status(200);
    grace.delete(&path(&of_grace)).await.no_content();
    does_not_reach(&ada, &of_grace).await;
}

#[tokio::test]
async fn an_agent_gives_a_contact_away() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.agent().await, acme.agent().await);
    let contact: Value = ada.post(CONTACTS, factory::contact(1)).await.created();
    let given: Value = ada.patch(&path(&contact), json!({"ownerId": grace.id})).await.ok();
    assert_eq!(given["ownerId"], json!(grace.id));
    does_not_reach(&ada, &contact).await;
    sees(&grace, &[&contact]).await;
    sees(&ada, &[]).await;
    let nobodys: Value = grace.patch(&path(&contact), json!({"ownerId": null})).await.ok();
    assert_eq!(nobodys["ownerId"], Value::Null);
    does_not_reach(&grace, &contact).await;
    let events = crate::log::events(&mut app.connect().await, factory::id(&contact)).await;
    assert_eq!(events.len(), 3);
    assert_eq!(events[1].json()["changedFields"], json!(["ownerId"]));
}

#[tokio::test]
async fn a_collision_does_not_show_what_an_agent_must_not_see() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.agent().await, acme.agent().await);
    let hidden: Value = grace.post(CONTACTS, factory::contact(1)).await.created();
    let own: Value = ada.post(CONTACTS, factory::contact(2)).await.created();
    let taken = hidden["email"].clone();
    let answers = [
        ada.post(CONTACTS, json!({"name": "x", "email": taken})).await,
        ada.patch(&path(&own), json!({"email": taken})).await,
        // Giving it away in the same change does not help.
        ada.patch(&path(&own), json!({"email": taken, "ownerId": grace.id})).await,
    ];
    for answer in answers {
        let answer = answer.refused(409, "DUPLICATE");
        assert!(!answer.text().contains(factory::id(&hidden)), "{answer}");
    }
    sees(&ada, &[&own]).await;
}

#[tokio::test]
async fn a_client_sees_itself() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, carl, other) = (acme.admin(), acme.client().await, acme.client().await);
    let of_carl: Value = admin.post(CONTACTS, json!({"name": "Carl", "userId": carl.id})).await.created();
    let somebody: Value = admin.post(CONTACTS, json!({"name": "Somebody"})).await.created();
    sees(&carl, &[&of_carl]).await;
    sees(&other, &[]).await;
    does_not_reach(&carl, &somebody).await;
    for answer in [
        carl.patch(&path(&of_carl), json!({"title": "x"})).await,
        carl.delete(&path(&of_carl)).await,
        carl.post(CONTACTS, json!({"name": "x"})).await,
        carl.get("/webhooks").await,
        carl.get("/api-keys").await,
    ] {
        answer.refused(403, "ROLE_TOO_LOW");
    }
}

#[tokio::test]
async fn an_agent_that_is_a_contact_lets_go_of_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, ada) = (acme.admin(), acme.agent().await);
    let herself: Value = admin.post(CONTACTS, json!({"name": "Ada", "userId": ada.id})).await.created();
    sees(&ada, &[&herself]).await;
    let changed: Value = ada.patch(&path(&herself), json!({"userId": null})).await.ok();
    assert_eq!(changed["userId"], Value::Null);
    does_not_reach(&ada, &herself).await;
}

#[tokio::test]
async fn a_key_has_the_scope_of_its_role() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let own: Value = admin.post(CONTACTS, json!({"name": "own", "ownerId": admin.id})).await.created();
    let others: Value = admin.post(CONTACTS, json!({"name": "others"})).await.created();
    let key: Value =
        admin.post("/api-keys", json!({"name": "A", "scopes": ["*"], "role": "AGENT"})).await.created();
    let agent = app.with(key["key"].as_str().expect("a key"));
    sees(&agent, &[&own]).await;
    does_not_reach(&agent, &others).await;
    let made: Value = agent.post(CONTACTS, json!({"name": "made"})).await.created();
    assert_eq!(made["ownerId"], json!(admin.id));
}
