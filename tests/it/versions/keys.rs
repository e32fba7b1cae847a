//! The version that an API key is kept with.

use serde_json::{Value, json};
use tenon_tests::{Client, TestApp, factory};

use super::change::{NEWEST, OLD};
use super::{CONTACTS, HEADER, answered_in, path, start};

fn with(app: &TestApp, key: &Value) -> Client {
    app.with(key["key"].as_str().expect("the key is shown"))
}

#[tokio::test]
async fn a_key_keeps_the_version_that_it_was_made_in() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let old = admin.with_header(HEADER, OLD);
    let body = json!({"name": "Robot", "scopes": ["*"]});
    let pinned: Value = old.post("/api-keys", body.clone()).await.created();
    let own: Value = admin.post("/api-keys", body).await.created();
    assert_eq!((&pinned["apiVersion"], &own["apiVersion"]), (&json!(OLD), &json!(NEWEST)));

    // Its requests are of that version where they name none.
    let robot = with(&app, &pinned);
    let created = robot.post(CONTACTS, json!({"fullName": "Grace"})).await.status(201);
    answered_in(&created, OLD);
    assert!(created.headers.contains_key("deprecation"));
    let grace: Value = created.data();
    assert_eq!(grace["fullName"], "Grace");
    let newest = robot.with_header(HEADER, NEWEST).get(&path(&grace)).await.status(200);
    answered_in(&newest, NEWEST);
    assert_eq!(newest.data::<Value>()["name"], "Grace");
    // What it makes is of its version too, and nobody else's requests are.
    let heir: Value = robot.post("/api-keys", json!({"name": "Heir", "scopes": ["*"]})).await.created();
    assert_eq!(heir["apiVersion"], OLD);
    answered_in(&with(&app, &own).get("/me").await.status(200), NEWEST);
    let session = app.tenant("globex").await.agent().await;
    answered_in(&session.get("/me").await.status(200), NEWEST);
    app.with("tenon_live_000000000000_00000000000000000000000000000000_000000").get("/me").await.status(401);
}

#[tokio::test]
async fn the_version_of_a_key_is_changed_by_saying_so() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let given = json!({"name": "Robot", "scopes": ["*"], "apiVersion": OLD});
    let key: Value = admin.post("/api-keys", given).await.created();
    assert_eq!(key["apiVersion"], OLD);
    let key_path = format!("/api-keys/{}", factory::id(&key));

    let wrong = json!({"name": "", "scopes": ["*"], "apiVersion": "2099-01-01"});
    let refused = admin.post("/api-keys", wrong.clone()).await.refused(400, "VALIDATION_ERROR").json();
    assert!(refused["details"]["name"].is_string(), "{refused}");
    let says = refused["details"]["apiVersion"].as_str().expect("a message");
    assert!(says.contains(OLD) && says.contains(NEWEST), "{says}");
    admin.put(&key_path, wrong.clone()).await.refused(400, "VALIDATION_ERROR");
    for no_version in ["", "2025-6-1", "2024-01-01"] {
        let answer = admin.patch(&key_path, json!({"apiVersion": no_version})).await;
        assert_eq!(answer.refused(400, "VALIDATION_ERROR").json()["errors"][0]["pointer"], "/apiVersion");
    }

    // A client that knows nothing of versions changes none.
    let replaced: Value = admin.put(&key_path, json!({"name": "Robot", "scopes": ["*:read"]})).await.ok();
    assert_eq!((&replaced["apiVersion"], &replaced["version"]), (&json!(OLD), &json!(2)));
    let rotated: Value = admin.post(&format!("{key_path}/rotate"), json!({})).await.created();
    assert_eq!(rotated["apiVersion"], OLD);
    let rotated_path = format!("/api-keys/{}", factory::id(&rotated));
    let patched: Value = admin.patch(&rotated_path, json!({"apiVersion": NEWEST})).await.ok();
    assert_eq!((&patched["apiVersion"], &patched["version"]), (&json!(NEWEST), &json!(2)));
    let same: Value = admin.patch(&rotated_path, json!({"apiVersion": NEWEST})).await.ok();
    assert_eq!(same["version"], 2, "nothing has changed");
    answered_in(&with(&app, &rotated).get("/me").await.status(200), NEWEST);
}
