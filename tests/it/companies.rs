//! Companies: their life, their industries, who sees them, and the contacts that belong to them.

mod contacts;
mod lists;
mod scope;

use serde_json::{Value, json};
use tenon_tests::{Client, Person, TestApp, factory};
use uuid::Uuid;

use crate::log;

const COMPANIES: &str = "/connection/companies";

fn path(company: &Value) -> String {
    format!("{COMPANIES}/{}", factory::id(company))
}

fn restore(company: &Value) -> String {
    format!("{}/restore", path(company))
}

/// An app with one tenant, and its administrator.
async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

fn pointers(refused: &tenon_tests::Answer) -> Vec<(String, String)> {
    let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let errors = refused.json()["errors"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<_> =
        errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn a_company_is_created_read_and_kept_in_its_normal_form() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let body = json!({
        "name": "  ACME Corp ", "externalId": "erp-1", "industry": "Technology", "website": " https://acme.example/about ",
        "employees": 250, "domain": "ACME.Example", "ownerId": acme.admin().id,
    });
    let answer = acme.admin().post(COMPANIES, body).await.status(201);
    let company: Value = answer.data();
    assert_eq!(answer.header("location"), format!("/api/v1{}", path(&company)));
    assert_eq!(answer.header("etag"), "\"v1\"");
    for (field, value) in [
        ("name", json!("ACME Corp")),
        ("externalId", json!("erp-1")),
        ("industry", json!("Technology")),
        ("website", json!("https://acme.example/about")),
        ("employees", json!(250)),
        ("domain", json!("acme.example")),
        ("ownerId", json!(acme.admin().id)),
        ("tenantId", json!(acme.id)),
        ("version", json!(1)),
        ("deletedAt", Value::Null),
    ] {
        assert_eq!(company[field], value, "{field}");
    }
    let read = acme.admin().get(&path(&company)).await.status(200);
    assert_eq!(read.data::<Value>(), company);
    acme.admin().with_header("if-none-match", "\"v1\"").get(&path(&company)).await.status(304);
    let bare: Value = acme.admin().post(COMPANIES, json!({"name": "Bare"})).await.created();
    for field in ["externalId", "industry", "website", "employees", "domain", "ownerId"] {
        assert_eq!(bare.get(field), Some(&Value::Null), "{field}");
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let (_app, admin) = start().await;
    let company: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let wrong = json!({
        "name": " ", "externalId": "", "industry": "x".repeat(101), "website": "ftp://acme.example", "employees": 10_000_001,
        "domain": "not a domain",
    });
    let expected = [
        ("/domain", "INVALID_DOMAIN"),
        ("/employees", "OUT_OF_RANGE"),
        ("/externalId", "INVALID_LENGTH"),
        ("/industry", "INVALID_LENGTH"),
        ("/name", "INVALID_LENGTH"),
        ("/website", "INVALID_URL"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()));
    for answer in [
        admin.post(COMPANIES, wrong.clone()).await,
        admin.put(&path(&company), wrong.clone()).await,
        admin.patch(&path(&company), wrong.clone()).await,
    ] {
        assert_eq!(pointers(&answer.refused(400, "VALIDATION_ERROR")), expected);
    }
    for (field, value) in [
        ("employees", json!(-1)),
        ("employees", json!(1.5)),
        ("employees", json!("many")),
        ("website", json!("acme.example")),
        ("website", json!("javascript:alert(1)")),
        ("domain", json!("https://acme.example")),
        ("ownerId", json!("x")),
        ("name", Value::Null),
        ("nonsense", json!(1)),
    ] {
        let refused = admin.patch(&path(&company), json!({field: value})).await.status(400);
        assert_eq!(pointers(&refused)[0].0, format!("/{field}"), "{value}");
    }
    for employees in [0, 10_000_000] {
        let kept: Value = admin.patch(&path(&company), json!({"employees": employees})).await.ok();
        assert_eq!(kept["employees"], employees);
    }
}

/// The names of a tenant's industries, in their order.
async fn industries(client: &Client) -> Vec<String> {
    let industries: Vec<Value> = client.get("/meta/industries").await.ok();
    industries.iter().filter_map(|industry| industry["name"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn an_industry_is_one_of_the_tenants_own() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let admin = acme.admin();
    let defaults = industries(&admin).await;
    assert!(defaults.len() >= 20 && defaults.contains(&"Technology".to_owned()), "{defaults:?}");
    assert_eq!(defaults.last().map(String::as_str), Some("Other"), "in the order in which it is shown");
    let client = acme.client().await;
    assert_eq!(industries(&client).await, defaults, "any member may read them");

    let company: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    for answer in [
        admin.post(COMPANIES, json!({"name": "A", "industry": "Alchemy"})).await,
        admin.put(&path(&company), json!({"name": "A", "industry": "Alchemy"})).await,
        admin.patch(&path(&company), json!({"industry": "Alchemy"})).await,
    ] {
        let refused = answer.refused(400, "VALIDATION_ERROR");
        assert_eq!(pointers(&refused), [("/industry".to_owned(), "UNKNOWN_INDUSTRY".to_owned())]);
        assert!(refused.json()["details"]["industry"].is_string(), "{refused}");
    }

    // The list is the tenant's: what one adds, another does not have.
    sqlx::query("insert into tenon.industries (tenant_id, name, display_order) values ($1, 'Alchemy', 0)")
        .bind(acme.id.0)
        .execute(&mut app.connect().await)
        .await
        .expect("added");
    assert_eq!(industries(&admin).await[0], "Alchemy");
    assert_eq!(industries(&globex.admin()).await, defaults);
    let kept: Value = admin.patch(&path(&company), json!({"industry": "Alchemy"})).await.ok();
    assert_eq!(kept["industry"], "Alchemy");
    globex.admin().post(COMPANIES, json!({"name": "A", "industry": "Alchemy"})).await.status(400);
}

#[tokio::test]
async fn put_replaces_patch_merges_and_versions_guard() {
    let (_app, admin) = start().await;
    let company: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let kept: Value = admin.patch(&path(&company), json!({"employees": null, "name": "Renamed"})).await.ok();
    let mut expected = company.clone();
    for (field, value) in [
        ("employees", Value::Null),
        ("name", json!("Renamed")),
        ("version", json!(2)),
        ("updatedAt", kept["updatedAt"].clone()),
    ] {
        expected[field] = value;
    }
    assert_eq!(kept, expected);
    for change in [
        admin.with_header("if-match", "\"v1\"").patch(&path(&company), json!({"name": "x"})).await,
        admin.with_header("if-match", "\"v1\"").put(&path(&company), json!({"name": "x"})).await,
        admin.with_header("if-match", "\"v1\"").delete(&path(&company)).await,
    ] {
        let refused = change.refused(412, "VERSION_CONFLICT");
        assert_eq!(refused.json()["details"]["currentVersion"], "2");
    }
    let replaced =
        admin.with_header("if-match", "\"v2\"").put(&path(&company), json!({"name": "Bare"})).await;
    let replaced: Value = replaced.status(200).data();
    for field in ["externalId", "industry", "website", "employees", "domain", "ownerId"] {
        assert_eq!(replaced[field], Value::Null, "{field}");
    }
    assert_eq!(replaced["version"], 3);
    assert_eq!(admin.get(&path(&company)).await.ok::<Value>(), replaced);
}

#[tokio::test]
async fn an_external_id_is_unique_and_freed_by_deletion() {
    let (_app, admin) = start().await;
    let first: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let other: Value = admin.post(COMPANIES, factory::company(2)).await.created();
    for answer in [
        admin.post(COMPANIES, factory::company(1)).await,
        admin.patch(&path(&other), json!({"externalId": "erp-1"})).await,
    ] {
        let refused = answer.refused(409, "DUPLICATE");
        assert_eq!(refused.json()["details"]["conflictId"], first["id"]);
        assert!(refused.json()["details"]["externalId"].is_string(), "{refused}");
    }
    admin.delete(&path(&first)).await.no_content();
    for gone in [
        admin.get(&path(&first)).await,
        admin.patch(&path(&first), json!({"name": "x"})).await,
        admin.put(&path(&first), json!({"name": "x"})).await,
        admin.delete(&path(&first)).await,
        admin.get(&format!("{COMPANIES}/{}", Uuid::now_v7())).await,
    ] {
        assert_eq!(gone.refused(404, "NOT_FOUND").json()["error"], "Company not found");
    }
    let heir: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let refused = admin.post(&restore(&first), json!({})).await.refused(409, "RESTORE_CONFLICT");
    assert_eq!(refused.json()["details"]["conflictId"], heir["id"]);
    let last = admin.with_header("prefer", "return=representation").delete(&path(&heir)).await.ok::<Value>();
    assert!(last["deletedAt"].is_string(), "{last}");
    let back: Value = admin.post(&restore(&first), json!({})).await.ok();
    let mut expected = first.clone();
    expected["version"] = json!(3);
    expected["updatedAt"] = back["updatedAt"].clone();
    assert_eq!(back, expected);
    admin.post(&restore(&first), json!({})).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_list_is_newest_first_by_page_and_by_cursor() {
    let (_app, admin) = start().await;
    let created = factory::companies(&admin, 5).await;
    let newest: Vec<&str> = created.iter().rev().map(factory::id).collect();
    let ids = |list: &Value| -> Vec<String> {
        list["data"].as_array().expect("a list").iter().map(|one| factory::id(one).to_owned()).collect()
    };
    let page = admin.get(&format!("{COMPANIES}?page=2&pageSize=2")).await.status(200).json();
    assert_eq!(ids(&page), newest[2..4]);
    assert_eq!((&page["pagination"]["total"], &page["pagination"]["pages"]), (&json!(5), &json!(3)));
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let list = admin.get(&format!("{COMPANIES}{query}")).await.status(200).json();
        seen.extend(ids(&list));
        let Some(cursor) = list["pagination"]["nextCursor"].as_str() else { break };
        admin
            .get(&format!("/connection/contacts?limit=2&cursor={cursor}"))
            .await
            .refused(400, "CURSOR_MISMATCH");
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, newest);
}

#[tokio::test]
async fn every_change_writes_one_event() {
    let (app, admin) = start().await;
    let mut behind = app.connect().await;
    let before = log::counts(&mut behind).await;
    let company: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let patched: Value = admin.patch(&path(&company), json!({"employees": 7, "industry": null})).await.ok();
    admin.patch(&path(&company), json!({"domain": "COMPANY-1.example"})).await.status(200);
    admin.put(&path(&company), json!({"name": "Bare"})).await.status(200);
    admin.delete(&path(&company)).await.no_content();
    admin.post(&restore(&company), json!({})).await.status(200);
    let events = log::events(&mut behind, factory::id(&company)).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(
        types,
        ["company.created", "company.updated", "company.updated", "company.deleted", "company.restored"]
    );
    let after = log::counts(&mut behind).await;
    assert_eq!((after.0 - before.0, after.1 - before.1), (5, 5), "a change that changes nothing writes none");
    assert_eq!(events[0].json()["data"], company);
    assert_eq!(events[0].json()["object"], json!({"type": "company", "id": company["id"], "version": 1}));
    let updated = events[1].json();
    assert_eq!(updated["changedFields"], json!(["industry", "employees"]));
    assert_eq!(updated["previous"], json!({"industry": "Technology", "employees": 101}));
    assert_eq!(updated["data"], patched);
}
