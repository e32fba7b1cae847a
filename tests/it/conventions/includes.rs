//! `include`: what records name, beside them.

use serde_json::{Value, json};
use tenon_tests::{Client, factory};

use super::{ALL, start};

const CONTACTS: &str = "/connection/contacts";
const LEADS: &str = "/connection/leads";

fn ids(included: &Value) -> Vec<&str> {
    let mut ids: Vec<&str> = included.as_array().expect("a list").iter().map(factory::id).collect();
    ids.sort_unstable();
    ids
}

async fn search(client: &Client, path: &str, include: &[&str]) -> Value {
    client.post(&format!("{path}/search"), json!({"include": include})).await.status(200).json()
}

#[tokio::test]
async fn what_records_name_is_answered_once_beside_them() {
    let (_app, admin) = start().await;
    let companies = factory::companies(&admin, 2).await;
    for number in 0..4 {
        let mut contact = factory::contact(number);
        contact["companyId"] = companies[number % 2]["id"].clone();
        contact["ownerId"] = json!(admin.id);
        admin.post(CONTACTS, contact).await.status(201);
    }
    let list = admin.get(&format!("{CONTACTS}?include=company,owner")).await.status(200).json();
    let included = &list["included"];
    let mut expected: Vec<&str> = companies.iter().map(factory::id).collect();
    expected.sort_unstable();
    assert_eq!(ids(&included["companies"]), expected);
    let first = included["companies"]
        .as_array()
        .expect("companies")
        .iter()
        .find(|company| company["id"] == companies[0]["id"]);
    assert_eq!(first, Some(&companies[0]), "as the company is shown itself");
    assert_eq!(included["users"], json!([{"id": admin.id, "name": "Ada Lovelace", "email": admin.email}]));
    assert_eq!(included.as_object().expect("kinds").len(), 2, "nothing that was not asked for: {included}");
    assert_eq!(search(&admin, CONTACTS, &["company", "owner"]).await["included"], *included);
    let page = admin.get(&format!("{CONTACTS}?include=company&limit=1&fields=name")).await.status(200);
    assert_eq!(
        ids(&page.json()["included"]["companies"]),
        [factory::id(&companies[1])],
        "of this page alone"
    );
    assert!(page.header("link").contains("include=company&"), "{}", page.header("link"));
    assert_eq!(search(&admin, CONTACTS, &[]).await.get("included"), None);
}

#[tokio::test]
async fn every_relation_of_a_lead_can_be_included() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let company = factory::companies(&admin, 1).await.remove(0);
    let pipeline = factory::pipelines(&admin, 1).await.remove(0);
    let mut lead = factory::lead(1);
    for (field, id) in
        [("contactId", &contact["id"]), ("companyId", &company["id"]), ("pipelineId", &pipeline["id"])]
    {
        lead[field] = id.clone();
    }
    let lead: Value = admin.post(LEADS, lead).await.created();
    let path = format!("{LEADS}/{}?include=owner,contact,company,pipeline", factory::id(&lead));
    let answer = admin.get(&path).await.status(200);
    assert_eq!(answer.data::<Value>(), lead);
    let expected =
        json!({"contacts": [contact], "companies": [company], "pipelines": [pipeline], "users": []});
    assert_eq!(answer.json()["included"], expected);
    let by_key = format!("{LEADS}/by/externalId/lead-1?include=pipeline");
    assert_eq!(admin.get(&by_key).await.status(200).json()["included"], json!({"pipelines": [pipeline]}));
    // The version is the lead's alone: what is beside it may have changed.
    let known = admin.with_header("if-none-match", answer.header("etag"));
    known.get(&path).await.status(200);
    known.get(&format!("{LEADS}/{}", factory::id(&lead))).await.status(304);
    // What is deleted is named still, and not shown.
    admin.delete(&format!("{CONTACTS}/{}", factory::id(&contact))).await.no_content();
    let answer = admin.get(&path).await.status(200).json();
    assert_eq!((&answer["data"]["contactId"], &answer["included"]["contacts"]), (&contact["id"], &json!([])));
}

#[tokio::test]
async fn only_what_the_caller_sees_is_included() {
    let app = tenon_tests::TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, ada) = (acme.admin(), acme.agent().await);
    let mut companies = Vec::new();
    for (number, owner) in [(1, ada.id), (2, admin.id)] {
        let mut company = factory::company(number);
        company["ownerId"] = json!(owner);
        let company: Value = admin.post("/connection/companies", company).await.created();
        let mut contact = factory::contact(number);
        contact["companyId"] = company["id"].clone();
        contact["ownerId"] = json!(ada.id);
        admin.post(CONTACTS, contact).await.status(201);
        companies.push(company);
    }
    let path = format!("{CONTACTS}?include=company");
    let seen = ada.get(&path).await.status(200).json();
    assert_eq!(seen["data"].as_array().expect("contacts").len(), 2);
    assert_eq!(seen["included"]["companies"], json!([companies[0]]), "the other one is not hers");

    // Whoever may not read companies is told so, whatever else may be read.
    let draft = json!({"name": "A", "scopes": ["contacts:read"]});
    let key: Value = admin.post("/api-keys", draft).await.created();
    let key = app.with(key["key"].as_str().expect("a key"));
    let refused = key.get(&path).await.refused(403, "INSUFFICIENT_SCOPE").json();
    assert_eq!(refused["details"]["required"], "companies:read");
    key.get(&format!("{CONTACTS}?include=owner")).await.status(200);
    let client = acme.client().await;
    client.get(&path).await.refused(403, "ROLE_TOO_LOW");

    // Nobody of another organization sees any of it.
    let globex = app.tenant("globex").await.admin();
    assert_eq!(globex.get(&path).await.status(200).json()["included"], json!({"companies": []}));
}

#[tokio::test]
async fn a_relation_that_is_none_is_named_with_those_that_are() {
    let (_app, admin) = start().await;
    for of in ALL {
        let record = of.create(&admin, 1).await;
        let says = |answer: Value| answer["details"]["include"].as_str().expect("a message").to_owned();
        let list = admin.get(&format!("{}?include=colour", of.path())).await.refused(400, "VALIDATION_ERROR");
        let search = admin.post(&format!("{}/search", of.path()), json!({"include": ["colour"]})).await;
        let search = search.refused(400, "VALIDATION_ERROR");
        let get =
            admin.get(&format!("{}?include=colour", of.of(&record))).await.refused(400, "VALIDATION_ERROR");
        let said = says(list.json());
        assert_eq!((says(search.json()), says(get.json())), (said.clone(), said.clone()), "{of:?}");
        let known = if of.record == "pipeline" { "There is nothing to include here" } else { "owner" };
        assert!(said.contains(known), "{of:?}: {said}");
    }
}
