//! Logging in, access tokens, and how long they are good.

mod limits;
mod tokens;

use serde_json::{Value, json};
use tenon_common::role::Role;
use tenon_tests::app::PASSWORD;
use tenon_tests::{Answer, Client, TestApp, eventually};

fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

async fn login(app: &TestApp, email: &str) -> String {
    let token: Value = app.anonymous().post("/auth/login", credentials(email, PASSWORD)).await.ok();
    assert_eq!((&token["tokenType"], &token["expiresIn"]), (&json!("Bearer"), &json!(600)));
    token["accessToken"].as_str().expect("a token").to_owned()
}

/// What was done takes effect within the 5 seconds that an answer is believed.
async fn soon(client: &Client, status: u16, code: Option<&str>) {
    eventually("it takes effect", async || {
        let answer = client.get("/me").await;
        let same = answer.status == status && code.is_none_or(|code| answer.json()["code"] == code);
        if same { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
}

async fn administrate(app: &TestApp, statement: &'static str) {
    let done = sqlx::query(statement).execute(&mut app.connect().await).await.expect("administrated");
    assert!(done.rows_affected() > 0, "{statement}");
}

/// The answer without what differs between any two requests.
fn lasting(answer: &Answer) -> Value {
    let mut json = answer.json();
    json["metadata"] = Value::Null;
    json
}

#[tokio::test]
async fn a_login_gives_a_token() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let agent = acme.agent().await;
    let client = app.with(&login(&app, &agent.email.to_uppercase()).await);
    let me: Value = client.get("/me").await.ok();
    assert_eq!(
        me["organization"],
        json!({"id": acme.id, "name": "acme", "slug": "acme", "plan": "unlimited"})
    );
    assert_eq!(me["user"], json!({"id": agent.id, "name": "Ada Lovelace", "email": agent.email}));
    assert_eq!((&me["role"], &me["apiKeyId"]), (&json!("AGENT"), &Value::Null));
    assert_eq!(
        me["permissions"],
        json!([
            "contacts:read",
            "contacts:write",
            "contacts:delete",
            "companies:read",
            "companies:write",
            "companies:delete",
            "pipelines:read",
            "leads:read",
            "leads:write",
            "leads:delete",
            "activities:read",
            "activities:write",
            "activities:delete",
            "exports:read",
            "exports:write"
        ])
    );
    let key: Value = acme.admin().get("/me").await.ok();
    assert!(key["apiKeyId"].is_string());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_look_the_same() {
    let app = TestApp::start().await;
    let agent = app.tenant("acme").await.agent().await;
    let wrong = app.anonymous().post("/auth/login", credentials(&agent.email, "incorrect horse")).await;
    let unknown = app.anonymous().post("/auth/login", credentials("nobody@acme.example", PASSWORD)).await;
    let wrong = wrong.refused(401, "INVALID_CREDENTIALS");
    assert_eq!(lasting(&wrong), lasting(&unknown.refused(401, "INVALID_CREDENTIALS")));
    // A member of another tenant, a tenant that is not there, a suspended account without its password: the same again.
    app.tenant("globex").await;
    for organization in ["globex", "nothing", "ACME"] {
        let body = json!({"email": agent.email, "password": PASSWORD, "organization": organization});
        assert_eq!(
            lasting(&app.anonymous().post("/auth/login", body).await),
            lasting(&wrong),
            "{organization}"
        );
    }
    let suspended = app.tenant("initech").await.agent().await;
    sqlx::query("update tenon.users set status = 'suspended' where id = $1")
        .bind(suspended.id.0)
        .execute(&mut app.connect().await)
        .await
        .expect("suspended");
    let answer = app.anonymous().post("/auth/login", credentials(&suspended.email, "incorrect horse")).await;
    assert_eq!(lasting(&answer), lasting(&wrong));
    let answer = app.anonymous().post("/auth/login", credentials(&suspended.email, PASSWORD)).await;
    answer.refused(403, "ACCOUNT_SUSPENDED");
}

#[tokio::test]
async fn a_member_of_several_tenants_chooses() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let ada = acme.member("ada@example.com", Role::Admin).await;
    assert_eq!(globex.member("Ada@Example.com", Role::Agent).await.id, ada.id, "one address, one person");
    let choices = app
        .anonymous()
        .post("/auth/login", credentials("ada@example.com", PASSWORD))
        .await
        .refused(409, "TENANT_REQUIRED");
    assert_eq!(choices.json()["details"], json!({"acme": "acme", "globex": "globex"}));
    // Whoever does not know the password is not told.
    app.anonymous()
        .post("/auth/login", credentials("ada@example.com", "incorrect horse"))
        .await
        .refused(401, "INVALID_CREDENTIALS");
    for (tenant, role) in [(&acme, "ADMIN"), (&globex, "AGENT")] {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "organization": tenant.slug});
        let token: Value = app.anonymous().post("/auth/login", body).await.ok();
        let me: Value = app.with(token["accessToken"].as_str().expect("a token")).get("/me").await.ok();
        assert_eq!((&me["organization"]["id"], &me["role"]), (&json!(tenant.id), &json!(role)));
    }
}

#[tokio::test]
async fn the_tenant_comes_from_the_credential_alone() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    tenon_tests::factory::contacts(&globex.admin(), 1).await;
    for person in [acme.admin(), acme.agent().await] {
        for header in ["x-tenant-id", "x-organization-id", "x-org-id"] {
            for value in [globex.id.to_string(), globex.slug.clone()] {
                let client = person.with_header(header, &value);
                let me: Value = client.get("/me?tenantId=globex").await.ok();
                assert_eq!(me["organization"]["id"], json!(acme.id));
                assert_eq!(client.get("/connection/contacts").await.json()["pagination"]["total"], 0);
            }
        }
    }
}

#[tokio::test]
async fn a_suspended_membership_ends_tokens_and_keys() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (token, key) = (acme.agent().await, acme.admin());
    token.get("/me").await.status(200);
    key.get("/me").await.status(200);
    administrate(&app, "update tenon.memberships set status = 'suspended'").await;
    soon(&token, 403, Some("ACCOUNT_SUSPENDED")).await;
    soon(&key, 403, Some("ACCOUNT_SUSPENDED")).await;
    app.anonymous()
        .post("/auth/login", credentials(&token.email, PASSWORD))
        .await
        .refused(401, "INVALID_CREDENTIALS");
    administrate(&app, "update tenon.memberships set status = 'active'").await;
    soon(&token, 200, None).await;
    soon(&key, 200, None).await;
}

#[tokio::test]
async fn what_happens_to_a_user_takes_effect() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let agent = acme.agent().await;
    agent.get("/webhooks").await.refused(403, "ROLE_TOO_LOW");
    administrate(&app, "update tenon.memberships set role = 'ADMIN' where role = 'AGENT'").await;
    eventually("the new role", async || agent.get("/webhooks").await.status == 200).await;

    administrate(&app, "update tenon.users set token_epoch = 1").await;
    soon(&agent, 401, Some("TOKEN_REVOKED")).await;
    let again = app.with(&login(&app, &agent.email).await);
    again.get("/me").await.status(200);
    administrate(&app, "update tenon.tenants set token_epoch = 1").await;
    soon(&again, 401, Some("TOKEN_REVOKED")).await;
    administrate(&app, "update tenon.tenants set deleted_at = now()").await;
    soon(&acme.admin(), 401, Some("UNAUTHENTICATED")).await;
    app.anonymous()
        .post("/auth/login", credentials(&agent.email, PASSWORD))
        .await
        .refused(401, "INVALID_CREDENTIALS");
}
