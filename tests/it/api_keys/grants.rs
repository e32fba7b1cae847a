//! Nobody gives a key more than they hold.

use serde_json::{Value, json};
use tenon_common::role::Role;
use tenon_tests::{Client, TestApp};

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

/// A key that ends, may be used from this machine alone, and has one more scope than it takes to manage keys.
async fn bounded(admin: &Client) -> Value {
    let end = chrono::Utc::now() + chrono::Duration::hours(1);
    let asked = json!({"name": "bounded", "scopes": ["api-keys:manage", "contacts:read"], "role": "ADMIN",
                       "expiresAt": end.to_rfc3339(), "ipAllowlist": ["127.0.0.0/16", "::1"]});
    create(admin, asked).await
}

#[tokio::test]
async fn a_key_does_not_take_its_own_bounds_away() {
    let (app, admin) = start().await;
    let key = bounded(&admin).await;
    let own = app.with(&secret(&key));
    let later = chrono::Utc::now() + chrono::Duration::hours(2);
    for (change, field, code) in [
        (json!({"expiresAt": null}), "expiresAt", "EXPIRY_NOT_HELD"),
        (json!({"expiresAt": later.to_rfc3339()}), "expiresAt", "EXPIRY_NOT_HELD"),
        (json!({"ipAllowlist": []}), "ipAllowlist", "NETWORK_NOT_HELD"),
        (json!({"ipAllowlist": ["127.0.0.0/8"]}), "ipAllowlist.0", "NETWORK_NOT_HELD"),
        (json!({"ipAllowlist": ["127.0.0.1", "10.0.0.1"]}), "ipAllowlist.1", "NETWORK_NOT_HELD"),
        (json!({"scopes": ["*"]}), "scopes.0", "SCOPE_NOT_HELD"),
        (json!({"role": "DEVELOPER"}), "role", "ROLE_TOO_HIGH"),
    ] {
        let refused = own.patch(&path(&key), change).await.refused(400, "VALIDATION_ERROR").json();
        assert!(refused["details"][field].is_string(), "{refused}");
        assert_eq!(refused["errors"][0]["code"], code, "{refused}");
    }
    // Narrower it may become.
    let narrower: Value = own.patch(&path(&key), json!({"ipAllowlist": ["127.0.0.1"]})).await.ok();
    assert_eq!(narrower["ipAllowlist"], json!(["127.0.0.1/32"]));
    // What a replacement says nothing of is the caller's own.
    let body = json!({"name": "replaced", "scopes": ["api-keys:manage"]});
    let replaced: Value = own.put(&path(&key), body).await.ok();
    assert_eq!((&replaced["expiresAt"], &replaced["name"]), (&key["expiresAt"], &json!("replaced")));
    assert!(replaced["ipAllowlist"] != json!([]), "{replaced}");
}

#[tokio::test]
async fn what_a_bounded_key_makes_is_bounded_too() {
    let (app, admin) = start().await;
    let key = bounded(&admin).await;
    let own = app.with(&secret(&key));
    let child = create(&own, json!({"name": "child", "scopes": ["contacts:read"]})).await;
    assert_eq!((&child["expiresAt"], &child["ipAllowlist"]), (&key["expiresAt"], &key["ipAllowlist"]));
    let wider = json!({"name": "child", "scopes": ["contacts:read"], "ipAllowlist": ["10.0.0.0/8"]});
    let refused = own.post(KEYS, wider).await.refused(400, "VALIDATION_ERROR").json();
    assert_eq!(refused["errors"][0]["pointer"], "/ipAllowlist/0");

    let unbounded = create(&admin, json!({"name": "unbounded", "scopes": ["contacts:read"]})).await;
    let refused =
        own.patch(&path(&unbounded), json!({"name": "mine"})).await.refused(400, "VALIDATION_ERROR").json();
    assert!(
        refused["details"]["expiresAt"].is_string() && refused["details"]["ipAllowlist"].is_string(),
        "{refused}"
    );
    let refused =
        own.post(&format!("{}/rotate", path(&unbounded)), json!({})).await.refused(403, "FORBIDDEN").json();
    assert!(refused["details"]["reason"].as_str().is_some_and(|why| why.contains("expiresAt")), "{refused}");
    let rotated: Value = own.post(&format!("{}/rotate", path(&child)), json!({})).await.created();
    assert_eq!(rotated["expiresAt"], key["expiresAt"]);
    // Ending one is no grant.
    own.delete(&path(&unbounded)).await.no_content();
}

#[tokio::test]
async fn scopes_are_given_once_and_networks_are_bounded() {
    let (_app, admin) = start().await;
    let twice = json!({"name": "A", "scopes": vec!["contacts:read"; 50]});
    let refused = admin.post(KEYS, twice).await.refused(400, "VALIDATION_ERROR").json();
    assert_eq!(refused["errors"][0]["code"], "DUPLICATE_SCOPE");
    let networks: Vec<String> = (0..101).map(|number| format!("10.0.0.{number}")).collect();
    let many = json!({"name": "A", "scopes": ["*"], "ipAllowlist": networks});
    let refused = admin.post(KEYS, many).await.refused(400, "VALIDATION_ERROR").json();
    assert!(refused["details"]["ipAllowlist"].is_string());
}

#[tokio::test]
async fn a_replacement_keeps_nothing_but_mode_and_secret() {
    let (app, admin) = start().await;
    let asked = json!({"name": "A", "scopes": ["*"], "role": "AGENT", "mode": "test", "ipAllowlist": ["127.0.0.1"],
                       "expiresAt": (chrono::Utc::now() + chrono::Duration::hours(1)).to_rfc3339()});
    let key = create(&admin, asked).await;
    let replaced: Value =
        admin.put(&path(&key), json!({"name": "B", "scopes": ["contacts:read"]})).await.ok();
    assert_eq!(replaced["ipAllowlist"], json!([]));
    assert_eq!(replaced["expiresAt"], Value::Null);
    assert_eq!((&replaced["role"], &replaced["scopes"]), (&json!("ADMIN"), &json!(["contacts:read"])));
    assert_eq!((&replaced["prefix"], &replaced["version"]), (&key["prefix"], &json!(2)));
    app.with(&secret(&key)).get("/connection/contacts").await.status(200);
    admin.put(&path(&key), json!({"name": "B"})).await.refused(400, "VALIDATION_ERROR");
    let stale = admin.with_header("if-match", "\"v1\"");
    stale.put(&path(&key), json!({"name": "C", "scopes": ["*"]})).await.refused(412, "VERSION_CONFLICT");
}
