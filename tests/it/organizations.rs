//! Organizations: names, slugs that are never re-issued, settings, deletion and the way back, and what the operator may do.

mod founding;

use serde_json::{Value, json};
use tenon_common::role::Role;
use tenon_tests::app::PASSWORD;
use tenon_tests::stack::SECRET_KEY;
use tenon_tests::{Client, Program, Tenant, TestApp, eventually};

fn path(tenant: &Tenant) -> String {
    format!("/organizations/{}", tenant.id)
}

/// The types and bodies of the tenant's events about itself, in order.
async fn events(app: &TestApp, tenant: &Tenant) -> Vec<(String, Value)> {
    let events: Vec<(String, String)> = sqlx::query_as(
        "select type, body::text from tenon.events where tenant_id = $1 and type like 'tenant.%' order by id",
    )
    .bind(tenant.id.0)
    .fetch_all(&mut app.connect().await)
    .await
    .expect("events");
    let json = |body: String| serde_json::from_str(&body).expect("JSON");
    events.into_iter().map(|(name, body)| (name, json(body))).collect()
}

async fn operate<const N: usize>(app: &TestApp, arguments: [&str; N]) -> anyhow::Result<Value> {
    let command = Program::api_command(arguments)
        .env("TENON_DATABASE_URL", app.database().app_url())
        .env("TENON_SECRET_KEY", SECRET_KEY);
    Ok(serde_json::from_str(&command.run().await?)?)
}

/// What was done takes effect within the 5 seconds that a credential is believed.
async fn soon(client: &Client, status: u16) {
    eventually("it takes effect", async || {
        let answer = client.get("/me").await;
        if answer.status == status { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn an_organization_is_shown_replaced_and_changed() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let shown = admin.get(&path(&acme)).await.status(200);
    assert_eq!(shown.header("etag"), "\"v1\"");
    let shown: Value = shown.data();
    assert_eq!(
        (&shown["name"], &shown["slug"], &shown["plan"]),
        (&json!("acme"), &json!("acme"), &json!("unlimited"))
    );
    assert_eq!((&shown["settings"], &shown["deletedAt"]), (&json!({}), &Value::Null));
    admin.with_header("if-none-match", "\"v1\"").get(&path(&acme)).await.status(304);

    let settings = json!({"timeZone": "Europe/Vienna", "deal": {"currency": "EUR", "rounded": true}});
    let body = json!({"name": " Acme Corp ", "slug": "acme-corp", "settings": settings});
    let replaced: Value = admin.put(&path(&acme), body.clone()).await.ok();
    assert_eq!(
        (&replaced["name"], &replaced["slug"], &replaced["version"]),
        (&json!("Acme Corp"), &json!("acme-corp"), &json!(2))
    );
    assert_eq!(replaced["settings"], settings);
    // The same again changes nothing.
    assert_eq!(admin.put(&path(&acme), body).await.ok::<Value>()["version"], 2);

    let patch =
        json!({"settings": {"timeZone": null, "deal": {"rounded": null, "tax": 20}, "open": [1, null]}});
    let changed: Value = admin.patch(&path(&acme), patch).await.ok();
    assert_eq!(changed["settings"], json!({"deal": {"currency": "EUR", "tax": 20}, "open": [1, null]}));
    assert_eq!((&changed["name"], &changed["version"]), (&json!("Acme Corp"), &json!(3)));
    let renamed: Value = admin.patch(&path(&acme), json!({"name": "Acme"})).await.ok();
    assert_eq!(renamed["settings"], changed["settings"]);
    let stale = admin.with_header("if-match", "\"v2\"").patch(&path(&acme), json!({"name": "B"})).await;
    assert_eq!(stale.refused(412, "VERSION_CONFLICT").json()["details"]["currentVersion"], "4");

    let events = events(&app, &acme).await;
    let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["tenant.created", "tenant.settings.updated", "tenant.settings.updated", "tenant.updated"]
    );
    let (_, event) = &events[2];
    assert_eq!(event["changedFields"], json!(["settings"]));
    assert_eq!((&event["data"], &event["previous"]["settings"]), (&changed, &settings));
}

#[tokio::test]
async fn every_number_in_the_settings_can_be_read_again() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    // What jsonb writes out digit by digit.
    let settings =
        json!({"largest": f64::MAX, "least": f64::MIN, "smallest": 5e-324, "tenth": 0.1, "whole": u64::MAX});
    let changed: Value = admin.patch(&path(&acme), json!({"settings": settings})).await.ok();
    assert_eq!(changed["settings"], settings);
    let shown: Value = admin.get(&path(&acme)).await.ok();
    assert_eq!(shown["settings"], settings);
    admin.get("/me").await.status(200);
}

#[tokio::test]
async fn what_breaks_a_rule_is_named() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let refused = async |body: Value| {
        let answer = acme.admin().put(&path(&acme), body).await;
        let json = answer.status(400).json();
        json["details"].as_object().expect("details").keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(refused(json!({})).await, ["name", "slug"]);
    assert_eq!(
        refused(json!({"name": "", "slug": "api", "settings": {"a": "x".repeat(17_000)}})).await,
        ["name", "settings", "slug"]
    );
    for slug in ["ab", "Acme", "1st", "a--b", "acme-", "acme_corp", "www", "ä-corp"] {
        assert_eq!(refused(json!({"name": "Acme", "slug": slug})).await, ["slug"], "{slug}");
    }
    assert_eq!(refused(json!({"name": "Acme", "slug": "acme", "settings": ["a"]})).await, ["settings"]);
    assert_eq!(refused(json!({"name": "Acme", "slug": "acme", "plan": "free"})).await, ["plan"]);
}

#[tokio::test]
async fn a_slug_is_never_another_tenants_again() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let take =
        async |tenant: &Tenant, slug: &str| tenant.admin().patch(&path(tenant), json!({"slug": slug})).await;
    take(&acme, "globex").await.refused(409, "SLUG_TAKEN");
    take(&acme, "initech").await.status(200);
    // Nobody has it, and still it is not free.
    let refused = take(&globex, "acme").await.refused(409, "SLUG_TAKEN").json();
    assert_eq!(refused["details"], json!({"slug": "Another organization has or had this slug"}));
    take(&globex, "initech").await.refused(409, "SLUG_TAKEN");
    let made = operate(
        &app,
        [
            "admin",
            "tenant",
            "create",
            "--name",
            "Acme",
            "--slug",
            "acme",
            "--owner-email",
            "a@b.example",
            "--owner-name",
            "Ada",
        ],
    )
    .await;
    let error = made.expect_err("taken").to_string();
    assert!(error.contains("has or had this slug"), "{error}");
    // Its own it may take again.
    take(&acme, "acme").await.status(200);
    acme.admin().delete(&path(&acme)).await.no_content();
    take(&globex, "acme").await.refused(409, "SLUG_TAKEN");
}

#[tokio::test]
async fn a_user_sees_the_organizations_that_it_is_a_member_of() {
    let app = TestApp::start().await;
    let (acme, globex, _other) =
        (app.tenant("acme").await, app.tenant("globex").await, app.tenant("other").await);
    let ada = acme.agent().await;
    globex.member(&ada.email, Role::Client).await;
    let summary = |tenant: &Tenant| json!({"id": tenant.id, "name": tenant.slug, "slug": tenant.slug, "plan": "unlimited"});
    let list: Value = ada.get("/organizations").await.ok();
    assert_eq!(list, json!([summary(&acme), summary(&globex)]));
    // A key is its organization's, whoever made it.
    let list: Value = acme.admin().get("/organizations").await.ok();
    assert_eq!(list, json!([summary(&acme)]));
    // Being a member does not make it the credential's.
    let owner = globex.member(&format!("owner@{}.example", acme.slug), Role::Admin).await;
    owner.get(&path(&globex)).await.status(200);
    owner.get(&path(&acme)).await.refused(404, "NOT_FOUND");
    owner.patch(&path(&acme), json!({"name": "B"})).await.refused(404, "NOT_FOUND");
    owner.delete(&path(&acme)).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_deleted_organization_is_gone_and_can_be_brought_back() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (key, agent) = (acme.admin(), acme.agent().await);
    let contact: Value = key.post("/connection/contacts", json!({"name": "Grace"})).await.created();
    let boss = acme.person(Role::Admin).await;
    let elsewhere = globex.member(&boss.email, Role::Client).await;
    let agent_elsewhere = globex.member(&agent.email, Role::Admin).await;
    let restore = format!("{}/restore", path(&acme));
    elsewhere.post(&restore, Value::Null).await.refused(404, "NOT_FOUND");

    let last = key.with_header("prefer", "return=representation").delete(&path(&acme)).await.status(200);
    assert!(last.data::<Value>()["deletedAt"].is_string(), "{last}");
    soon(&key, 401).await;
    soon(&agent, 401).await;
    soon(&boss, 401).await;
    let login = json!({"email": format!("owner@{}.example", acme.slug), "password": PASSWORD});
    app.anonymous().post("/auth/login", login.clone()).await.refused(401, "INVALID_CREDENTIALS");
    assert_eq!(elsewhere.get("/organizations").await.ok::<Vec<Value>>().len(), 1);

    // Only who is an ADMIN there brings it back: not by a role elsewhere, not by a key, and a stranger learns nothing.
    agent_elsewhere.post(&restore, Value::Null).await.refused(404, "NOT_FOUND");
    globex.admin().post(&restore, Value::Null).await.refused(404, "NOT_FOUND");
    let back: Value = elsewhere.post(&restore, Value::Null).await.ok();
    assert_eq!((&back["deletedAt"], &back["version"]), (&Value::Null, &json!(3)));
    soon(&key, 200).await;
    assert_eq!(
        key.get(&format!("/connection/contacts/{}", contact["id"].as_str().expect("an id")))
            .await
            .ok::<Value>(),
        contact
    );
    app.anonymous().post("/auth/login", login).await.status(200);
    // Tokens of before stay dead: the epoch has passed them.
    soon(&boss, 401).await;
    let names: Vec<_> = events(&app, &acme).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["tenant.created", "tenant.deleted", "tenant.restored"]);
}

#[tokio::test]
async fn an_operator_changes_plans_and_restores_for_thirty_days() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let id = acme.id.to_string();
    let changed =
        operate(&app, ["admin", "tenant", "plan", "--tenant", &id, "--plan", "team"]).await.expect("a plan");
    assert_eq!(changed, json!({"tenantId": id, "slug": "acme", "name": "acme", "plan": "team"}));
    let answer = acme.admin().get("/me").await.status(200);
    assert_eq!(answer.header("x-ratelimit-limit"), "1000");
    let (name, event) = events(&app, &acme).await.pop().expect("an event");
    assert_eq!((name.as_str(), &event["changedFields"]), ("tenant.updated", &json!(["plan"])));

    acme.admin().delete(&path(&acme)).await.no_content();
    soon(&acme.admin(), 401).await;
    let restore = ["admin", "tenant", "restore", "--tenant", &id];
    let age = async |age: &str| {
        let aged = sqlx::query("update tenon.tenants set deleted_at = now() - $2::interval where id = $1");
        aged.bind(acme.id.0).bind(age).execute(&mut app.connect().await).await.expect("aged");
    };
    age("30 days 1 minute").await;
    let error = operate(&app, restore).await.expect_err("too late").to_string();
    assert!(error.contains("Organization not found"), "{error}");
    age("29 days 23 hours").await;
    assert_eq!(operate(&app, restore).await.expect("back")["slug"], "acme");
    soon(&acme.admin(), 200).await;
    operate(&app, restore).await.expect_err("it is not deleted");
}
