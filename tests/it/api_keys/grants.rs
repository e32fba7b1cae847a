//! Nobody gives a key more than they hold.

use serde_json::{Value, json};
use tenon_common::account::role::Role;
use tenon_tests::TestApp;

use super::{KEYS, create, path, secret, start};

#[tokio::test]
async fn a_role_above_ones_own_is_refused() {
    let (app, admin) = start().await;
    for role in ["SUPER_ADMIN", "DEVELOPER"] {
        let refused = admin
            .post(KEYS, json!({"name": "A", "scopes": ["*"], "role": role}))
            .await
            .refused(400, "VALIDATION_ERROR");
        assert_eq!(refused.json()["errors"][0]["code"], "ROLE_TOO_HIGH");
    }
    let agent = create(&admin, json!({"name": "A", "scopes": ["*"], "role": "AGENT"})).await;
    let client = app.with(&secret(&agent));
    client.get("/connection/contacts").await.status(200);
    client.get(KEYS).await.refused(403, "ROLE_TOO_LOW");
    client.post(KEYS, json!({"name": "B", "scopes": ["*"]})).await.refused(403, "ROLE_TOO_LOW");
    admin.patch(&path(&agent), json!({"role": "DEVELOPER"})).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_key_above_ones_own_role_is_not_touched() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let developer = acme.person(Role::Developer).await;
    let above = create(&developer, json!({"name": "A", "scopes": ["*"]})).await;
    let admin = acme.admin();
    admin.patch(&path(&above), json!({"name": "B"})).await.refused(400, "VALIDATION_ERROR");
    admin.post(&format!("{}/rotate", path(&above)), json!({})).await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn scopes_that_ones_own_key_lacks_are_refused() {
    let (app, admin) = start().await;
    let limited =
        create(&admin, json!({"name": "limited", "scopes": ["api-keys:manage", "contacts:read"]})).await;
    let limited = app.with(&secret(&limited));
    for scope in ["*", "contacts:*", "contacts:write", "*:read", "webhooks:read"] {
        let refused = limited
            .post(KEYS, json!({"name": "A", "scopes": ["contacts:read", scope]}))
            .await
            .refused(400, "VALIDATION_ERROR");
        assert_eq!(refused.json()["errors"][0]["pointer"], "/scopes/1");
        assert_eq!(refused.json()["errors"][0]["code"], "SCOPE_NOT_HELD");
    }
    let less = create(&limited, json!({"name": "A", "scopes": ["contacts:read"]})).await;
    app.with(&secret(&less)).get("/connection/contacts").await.status(200);
    limited.patch(&path(&less), json!({"scopes": ["*"]})).await.refused(400, "VALIDATION_ERROR");

    // The new key of a rotation is a grant like any other.
    let powerful = create(&admin, json!({"name": "powerful", "scopes": ["*"]})).await;
    let refused =
        limited.post(&format!("{}/rotate", path(&powerful)), json!({})).await.refused(403, "FORBIDDEN");
    assert!(refused.json()["data"]["key"].is_null());
    let rotated: Value = limited.post(&format!("{}/rotate", path(&less)), json!({})).await.created();
    app.with(&secret(&rotated)).get("/connection/contacts").await.status(200);
}

#[tokio::test]
async fn scopes_are_checked() {
    let (_app, admin) = start().await;
    for scopes in [
        json!([]),
        json!(["contacts"]),
        json!(["contacts:fly"]),
        json!(["contacts:read", "contact:read"]),
        json!([""]),
    ] {
        let refused =
            admin.post(KEYS, json!({"name": "A", "scopes": scopes})).await.refused(400, "VALIDATION_ERROR");
        assert!(
            refused.json()["errors"][0]["pointer"].as_str().is_some_and(|at| at.starts_with("/scopes")),
            "{refused}"
        );
    }
    admin.post(KEYS, json!({"scopes": ["*"]})).await.refused(400, "VALIDATION_ERROR");
    admin.post(KEYS, json!({"name": "A"})).await.refused(400, "VALIDATION_ERROR");
}
