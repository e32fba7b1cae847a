//! Contacts: the plans' examples by shape, the life of a contact, and what every change leaves behind.

mod events;
mod lists;
mod paging;
mod plans;

use serde_json::{Value, json};
use tenon_tests::{Person, TestApp, factory};
use uuid::Uuid;

const CONTACTS: &str = "/connection/contacts";

fn path(contact: &Value) -> String {
    format!("{CONTACTS}/{}", factory::id(contact))
}

/// An app with one tenant, and its administrator.
async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn is_instant(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == "2025-11-02T10:00:00.000Z".len()
        && text.ends_with('Z')
        && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

#[tokio::test]
async fn the_plans_example_of_creating() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let body = json!({"name": "John Doe", "email": "john@example.com", "phone": "+1234567890", "company": "ACME Corp"});
    let answer = acme.admin().post(CONTACTS, body).await.status(201);
    let json = answer.json();
    assert_eq!(keys(&json), ["success", "data", "metadata"]);
    assert_eq!(json["success"], true);
    let contact = &json["data"];
    assert_eq!(contact["name"], "John Doe");
    assert_eq!(contact["email"], "john@example.com");
    assert_eq!(contact["phone"], "+1234567890");
    assert_eq!(contact["company"], "ACME Corp");
    assert_eq!(contact["tenantId"], acme.id.to_string());
    assert_eq!(contact["version"], 1);
    assert_eq!(contact["createdBy"]["type"], "apiKey");
    assert_eq!(contact["title"], Value::Null, "absent values are null, not missing");
    assert!(contact.as_object().expect("an object").contains_key("title"));
    assert!(is_instant(&contact["createdAt"]), "{contact}");
    assert!(is_instant(&json["metadata"]["timestamp"]), "{json}");
    assert_eq!(json["metadata"]["requestId"], answer.header("x-request-id"));
    assert_eq!(answer.header("location"), format!("/api/v1{}", path(contact)));
    assert_eq!(answer.header("etag"), "\"v1\"");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_plans_example_of_a_wrong_email() {
    let (_app, admin) = start().await;
    let answer =
        admin.post(CONTACTS, json!({"name": "John Doe", "email": "not an address"})).await.status(400);
    let json = answer.json();
    assert_eq!(keys(&json), ["success", "error", "code", "details", "errors", "docs", "metadata"]);
    assert_eq!(json["success"], false);
    assert_eq!(json["error"], "Validation failed");
    assert_eq!(json["code"], "VALIDATION_ERROR");
    assert_eq!(json["details"], json!({"email": "Invalid email format"}));
    assert_eq!(
        json["errors"],
        json!([{"pointer": "/email", "code": "INVALID_EMAIL", "message": "Invalid email format"}])
    );
}

#[tokio::test]
async fn the_plans_examples_of_404_and_403() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let missing = acme.admin().get(&format!("{CONTACTS}/{}", Uuid::now_v7())).await.refused(404, "NOT_FOUND");
    assert_eq!(missing.json()["error"], "Contact not found");
    let client = acme.client().await;
    let forbidden = client.post(CONTACTS, json!({"name": "John Doe"})).await.refused(403, "ROLE_TOO_LOW");
    assert_eq!(forbidden.json()["error"], "Forbidden");
    assert_eq!(forbidden.json()["details"]["required"], "contacts:write");
}

#[tokio::test]
async fn put_replaces_and_patch_merges() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();

    let kept: Value = admin.patch(&path(&contact), json!({"title": "Director"})).await.ok();
    let mut expected = contact.clone();
    for (field, value) in
        [("title", json!("Director")), ("version", json!(2)), ("updatedAt", kept["updatedAt"].clone())]
    {
        expected[field] = value;
    }
    assert_eq!(kept, expected, "an absent field is kept");

    let cleared: Value =
        admin.patch(&path(&contact), json!({"email": null, "phone": null, "company": null})).await.ok();
    for field in ["email", "phone", "phoneOriginal", "company"] {
        assert_eq!(cleared[field], Value::Null, "{field}: {cleared}");
    }
    assert_eq!(cleared["title"], "Director");
    admin.patch(&path(&contact), json!({"name": null})).await.refused(400, "VALIDATION_ERROR");

    let replaced = admin.put(&path(&contact), json!({"name": "Grace Hopper"})).await.status(200);
    assert_eq!(replaced.header("etag"), "\"v4\"");
    let replaced: Value = replaced.data();
    assert_eq!(replaced["name"], "Grace Hopper");
    assert_eq!(replaced["createdAt"], contact["createdAt"]);
    for field in ["externalId", "email", "title", "lifecycle", "ownerId"] {
        assert_eq!(replaced[field], Value::Null, "{field}: {replaced}");
    }
    let read: Value = admin.get(&path(&contact)).await.ok();
    assert_eq!(read, replaced);
}

#[tokio::test]
async fn values_are_kept_in_their_normal_form() {
    let (_app, admin) = start().await;
    let body = json!({"name": "  Zoe\u{308} ", "email": " Zoe@Example.com ", "phone": "+1 (415) 555-0123"});
    let contact: Value = admin.post(CONTACTS, body).await.created();
    assert_eq!(contact["name"], "Zo\u{eb}");
    assert_eq!(contact["email"], "Zoe@Example.com");
    assert_eq!(contact["phone"], "+14155550123");
    assert_eq!(contact["phoneOriginal"], "+1 (415) 555-0123");
    let london: Value =
        admin.patch(&path(&contact), json!({"phone": "+44 (0)20 7946 0958 ext. 5"})).await.ok();
    assert_eq!(
        (&london["phone"], &london["phoneOriginal"]),
        (&json!("+442079460958"), &json!("+44 (0)20 7946 0958 ext. 5"))
    );
    let renamed: Value = admin.patch(&path(&contact), json!({"title": "Dr"})).await.ok();
    assert_eq!(renamed["phoneOriginal"], london["phoneOriginal"]);
    let plain: Value = admin.patch(&path(&contact), json!({"phone": "+442079460958"})).await.ok();
    assert_eq!(plain["phoneOriginal"], "+442079460958");
}

#[tokio::test]
async fn deleting_answers_204_or_the_last_state() {
    let (_app, admin) = start().await;
    let contacts = factory::contacts(&admin, 2).await;

    let silent = admin.delete(&path(&contacts[0])).await.no_content();
    assert!(!silent.header("x-request-id").is_empty());
    let shown =
        admin.with_header("prefer", "return=representation").delete(&path(&contacts[1])).await.status(200);
    assert_eq!(shown.header("preference-applied"), "return=representation");
    let shown: Value = shown.data();
    assert!(is_instant(&shown["deletedAt"]), "{shown}");
    assert_eq!(shown["version"], 2);

    for contact in &contacts {
        admin.get(&path(contact)).await.refused(404, "NOT_FOUND");
        admin.patch(&path(contact), json!({"name": "x"})).await.refused(404, "NOT_FOUND");
        admin.put(&path(contact), json!({"name": "x"})).await.refused(404, "NOT_FOUND");
        admin.delete(&path(contact)).await.refused(404, "NOT_FOUND");
    }
    assert_eq!(admin.get(CONTACTS).await.json()["pagination"]["total"], 0);
}

#[tokio::test]
async fn restoring_brings_all_of_it_back() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let restore = format!("{}/restore", path(&contact));
    admin.post(&restore, json!({})).await.refused(404, "NOT_FOUND");
    admin.delete(&path(&contact)).await.no_content();
    let restored = admin.post(&restore, json!({})).await.status(200);
    assert_eq!(restored.header("etag"), "\"v3\"");
    let restored: Value = restored.data();
    let mut expected = contact.clone();
    expected["version"] = json!(3);
    expected["updatedAt"] = restored["updatedAt"].clone();
    assert_eq!(restored, expected);
    let read: Value = admin.get(&path(&contact)).await.ok();
    assert_eq!(read, restored);
}

#[tokio::test]
async fn if_match_guards_every_change() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    admin.patch(&path(&contact), json!({"title": "Director"})).await.status(200);

    let stale = admin.with_header("if-match", "\"v1\"");
    let changes = [
        stale.patch(&path(&contact), json!({"title": "x"})).await,
        stale.put(&path(&contact), json!({"name": "x"})).await,
        stale.delete(&path(&contact)).await,
    ];
    for refused in changes {
        let refused = refused.refused(412, "VERSION_CONFLICT");
        assert_eq!(refused.json()["details"]["currentVersion"], "2");
    }
    let unchanged: Value = admin.get(&path(&contact)).await.ok();
    assert_eq!(unchanged["title"], "Director");

    admin.with_header("if-match", "\"v2\"").patch(&path(&contact), json!({"title": "x"})).await.status(200);
    admin.with_header("if-match", "*").patch(&path(&contact), json!({"title": "y"})).await.status(200);
    admin.with_header("if-match", "\"v4\"").delete(&path(&contact)).await.no_content();
}

#[tokio::test]
async fn if_none_match_saves_the_body() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    for same in ["\"v1\"", "\"v7\", \"v1\"", "W/\"v1\"", "*"] {
        let answer = admin.with_header("if-none-match", same).get(&path(&contact)).await.status(304);
        assert_eq!(answer.header("etag"), "\"v1\"");
        assert!(answer.body.is_empty(), "{answer}");
    }
    admin.with_header("if-none-match", "\"v2\"").get(&path(&contact)).await.status(200);
}

#[tokio::test]
async fn an_email_is_unique_whatever_its_case() {
    let (_app, admin) = start().await;
    let first: Value =
        admin.post(CONTACTS, json!({"name": "A", "email": "John@Example.com"})).await.created();
    let same = json!({"name": "B", "email": "john@EXAMPLE.com"});
    let refused = admin.post(CONTACTS, same.clone()).await.refused(409, "DUPLICATE");
    assert_eq!(refused.json()["details"]["conflictId"], first["id"]);
    assert!(refused.json()["details"]["email"].is_string(), "{refused}");

    let other: Value = admin.post(CONTACTS, json!({"name": "B"})).await.created();
    let refused =
        admin.patch(&path(&other), json!({"email": "JOHN@example.com"})).await.refused(409, "DUPLICATE");
    assert_eq!(refused.json()["details"]["conflictId"], first["id"]);
    // Its own address in another case is no collision.
    admin.patch(&path(&first), json!({"email": "JOHN@EXAMPLE.COM"})).await.status(200);

    admin.delete(&path(&first)).await.no_content();
    let heir: Value = admin.post(CONTACTS, same).await.created();
    let refused =
        admin.post(&format!("{}/restore", path(&first)), json!({})).await.refused(409, "RESTORE_CONFLICT");
    assert_eq!(refused.json()["details"]["conflictId"], heir["id"]);
    admin.delete(&path(&heir)).await.no_content();
    admin.post(&format!("{}/restore", path(&first)), json!({})).await.status(200);
}

#[tokio::test]
async fn an_external_id_is_unique() {
    let (_app, admin) = start().await;
    let first: Value = admin.post(CONTACTS, json!({"name": "A", "externalId": "crm-1"})).await.created();
    let refused =
        admin.post(CONTACTS, json!({"name": "B", "externalId": "crm-1"})).await.refused(409, "DUPLICATE");
    assert_eq!(refused.json()["details"]["conflictId"], first["id"]);
    assert!(refused.json()["details"]["externalId"].is_string(), "{refused}");
    admin.post(CONTACTS, json!({"name": "B", "externalId": "CRM-1"})).await.status(201);
}

#[tokio::test]
async fn tenants_do_not_collide() {
    let app = TestApp::start().await;
    for slug in ["acme", "globex"] {
        app.tenant(slug).await.admin().post(CONTACTS, factory::contact(1)).await.status(201);
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let (_app, admin) = start().await;
    let wrong = json!({
        "name": " ", "email": "nobody", "phone": "call me", "company": "", "title": "x".repeat(101), "lifecycle": "y".repeat(51),
        "externalId": "",
    });
    for refused in [admin.post(CONTACTS, wrong.clone()).await, {
        let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
        admin.patch(&path(&contact), wrong.clone()).await
    }] {
        let json = refused.refused(400, "VALIDATION_ERROR").json();
        let mut pointers: Vec<&str> = json["errors"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|error| error["pointer"].as_str())
            .collect();
        pointers.sort_unstable();
        assert_eq!(
            pointers,
            ["/company", "/email", "/externalId", "/lifecycle", "/name", "/phone", "/title"],
            "{json}"
        );
        assert_eq!(
            keys(&json["details"]),
            ["company", "email", "externalId", "lifecycle", "name", "phone", "title"]
        );
    }
    // Wrong types and missing fields, likewise.
    let json = admin
        .post(CONTACTS, json!({"email": 7, "phone": [], "ownerId": "x"}))
        .await
        .refused(400, "VALIDATION_ERROR")
        .json();
    let found: Vec<(&str, &str)> = json["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|error| Some((error["pointer"].as_str()?, error["code"].as_str()?)))
        .collect();
    let expected = [
        ("/email", "INVALID_TYPE"),
        ("/phone", "INVALID_TYPE"),
        ("/ownerId", "INVALID_ID"),
        ("/name", "REQUIRED"),
    ];
    assert_eq!(found, expected, "{json}");
}

#[tokio::test]
async fn owner_and_user_are_members() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let stranger = globex.agent().await.id;
    let member = acme.agent().await.id;
    for (field, id) in [("ownerId", stranger.0), ("userId", stranger.0), ("ownerId", Uuid::now_v7())] {
        let refused = acme
            .admin()
            .post(CONTACTS, json!({"name": "A", field: id}))
            .await
            .refused(400, "VALIDATION_ERROR");
        assert_eq!(refused.json()["errors"][0]["pointer"], format!("/{field}"));
        assert_eq!(refused.json()["errors"][0]["code"], "NOT_A_MEMBER");
    }
    let contact: Value = acme.admin().post(CONTACTS, json!({"name": "A", "ownerId": member})).await.created();
    assert_eq!(contact["ownerId"], member.to_string());
    acme.admin().patch(&path(&contact), json!({"ownerId": stranger})).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn of_concurrent_changes_one_wins_per_version() {
    let (app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    for version in 1..=4 {
        let guarded = admin.with_header("if-match", &format!("\"v{version}\""));
        let changes = (0..16)
            .map(|number| guarded.patch(&path(&contact), json!({"title": format!("{version} by {number}")})));
        let answers = futures::future::join_all(changes).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        let lost = answers.iter().filter(|answer| answer.status == 412).count();
        assert_eq!((won, lost), (1, 15), "version {version}");
    }
    let events = crate::log::events(&mut app.connect().await, factory::id(&contact)).await;
    let versions: Vec<Value> = events.iter().map(|event| event.json()["object"]["version"].clone()).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn of_concurrent_creations_with_one_address_one_wins() {
    let (_app, admin) = start().await;
    let creations = (0..16).map(|_| admin.post(CONTACTS, json!({"name": "A", "email": "one@example.com"})));
    let answers = futures::future::join_all(creations).await;
    let made: Vec<Value> =
        answers.iter().filter(|answer| answer.status == 201).map(tenon_tests::Answer::data).collect();
    assert_eq!(made.len(), 1);
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        let refused = refused.refused(409, "DUPLICATE");
        assert_eq!(refused.json()["details"]["conflictId"], made[0]["id"]);
    }
}
