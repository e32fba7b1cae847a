//! Sign-ins, refusals and the use of keys: what is no change and is in the trail all the same.

use serde_json::{Value, json};
use tenon_tests::app::PASSWORD;
use tenon_tests::process::Signal;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, TestApp, eventually};

use super::{EVENTS, entries, number, seal_all, verified};

const LOGIN: &str = "/auth/login";

async fn flush_all(app: &TestApp) {
    app.state().recorder.flush_all(&app.state().db).await;
}

async fn of(client: &Client, action: &str) -> Vec<Value> {
    client.get(&format!("{EVENTS}?limit=200&action={action}")).await.ok()
}

fn total(entries: &[Value]) -> i64 {
    entries.iter().map(|entry| entry["count"].as_i64().expect("a count")).sum()
}

/// The entries of an action, once that many acts are in them.
async fn counted(app: &TestApp, client: &Client, action: &str, acts: i64) -> Vec<Value> {
    eventually("all of them are in the trail", async || {
        flush_all(app).await;
        let found = of(client, action).await;
        if total(&found) == acts { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await
}

#[tokio::test]
async fn a_sign_in_is_in_the_trail_before_its_token_is_answered() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let agent = acme.agent().await;
    let browser =
        app.anonymous().with_header("user-agent", "audit-test/1").with_header("x-request-id", "request-0001");
    browser.post(LOGIN, json!({"email": agent.email, "password": PASSWORD})).await.status(200);
    let found = of(&acme.admin(), "auth.login.succeeded").await;
    let [entry] = &found[..] else { panic!("{found:?}") };
    assert_eq!(entry["actor"], json!({"type": "user", "id": agent.id}));
    assert_eq!(entry["resource"], json!({"type": "user", "id": agent.id, "version": null}));
    assert_eq!(
        (text(entry, "category"), text(entry, "outcome"), text(entry, "operation")),
        ("security", "succeeded", "create_login")
    );
    assert_eq!(
        (text(entry, "requestId"), text(entry, "userAgent"), text(entry, "ip")),
        ("request-0001", "audit-test/1", "127.0.0.1")
    );
    for nothing in ["eventId", "changes", "reason", "account"] {
        assert_eq!(entry[nothing], Value::Null, "{nothing}");
    }
    let told = format!("select count(*) from tenon.audit_events e where e::text like '%{PASSWORD}%'");
    assert_eq!(number(&mut app.connect().await, &told).await, 0);
}

#[tokio::test]
async fn a_failed_sign_in_is_told_to_the_tenants_that_it_concerns_and_to_no_other() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (agent, stranger) = (acme.agent().await, globex.agent().await);
    let wrong = "a wrong password that nobody has";
    let login = async |email: &str, organization: Option<&str>| {
        let mut body = json!({"email": email, "password": wrong});
        if let Some(slug) = organization {
            body["organization"] = json!(slug);
        }
        app.anonymous().post(LOGIN, body).await.refused(401, "INVALID_CREDENTIALS");
    };
    login(&agent.email, None).await;
    login(&agent.email, Some("acme")).await;
    let found = counted(&app, &acme.admin(), "auth.login.failed", 2).await;
    for entry in &found {
        assert_eq!(entry["actor"], json!({"type": "user", "id": null}), "nobody has proved to be it");
        assert_eq!(entry["resource"]["id"], json!(agent.id));
        assert_eq!((text(entry, "outcome"), text(entry, "reason")), ("failed", "INVALID_CREDENTIALS"));
        assert_eq!(entry["account"], Value::Null);
    }

    // Who is no member is not named, whether there is such an account or not; who names no organization concerns nobody.
    login(&stranger.email, Some("acme")).await;
    login("nobody@elsewhere.example", Some("acme")).await;
    login("nobody@elsewhere.example", None).await;
    login("nobody@elsewhere.example", Some("no-such-slug")).await;
    let found = counted(&app, &acme.admin(), "auth.login.failed", 4).await;
    let mut accounts: Vec<&str> = found.iter().filter_map(|entry| entry["account"].as_str()).collect();
    accounts.sort_unstable();
    assert_eq!(accounts, ["a***@globex.example", "n***@elsewhere.example"]);
    for entry in found.iter().filter(|entry| entry["account"].is_string()) {
        assert_eq!(entry["resource"], Value::Null);
    }
    assert_eq!(of(&globex.admin(), "auth.login.failed").await, Vec::<Value>::new());
    let told = format!(
        "select count(*) from tenon.audit_events e where e::text like '%{wrong}%' or e::text like '%nobody@%'"
    );
    assert_eq!(number(&mut app.connect().await, &told).await, 0);
}

#[tokio::test]
async fn a_suspended_user_with_the_right_password_was_refused() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let agent = acme.agent().await;
    let suspend = "update tenon.users set status = 'suspended' where email = $1";
    sqlx::query(suspend).bind(&agent.email).execute(&mut app.connect().await).await.expect("suspended");
    let body = json!({"email": agent.email, "password": PASSWORD});
    app.anonymous().post(LOGIN, body).await.refused(403, "ACCOUNT_SUSPENDED");
    let found = counted(&app, &acme.admin(), "auth.login.failed", 1).await;
    assert_eq!(found[0]["actor"], json!({"type": "user", "id": agent.id}));
    assert_eq!((text(&found[0], "outcome"), text(&found[0], "reason")), ("refused", "ACCOUNT_SUSPENDED"));
}

#[tokio::test]
async fn a_hundred_refusals_are_few_entries_that_count_a_hundred() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let agent = acme.agent().await;
    let one = agent.with_header("user-agent", "audit-test/1");
    for number in 0..100 {
        one.get(EVENTS).await.refused(403, "ROLE_TOO_LOW");
        if number == 10 {
            app.state().recorder.flush(&app.state().db).await;
        }
    }
    app.state().recorder.flush(&app.state().db).await;
    let found = of(&acme.admin(), "access.refused").await;
    assert_eq!((found.len(), total(&found)), (1, 11), "within a minute only the first");
    flush_all(&app).await;
    let found = of(&acme.admin(), "access.refused").await;
    assert_eq!((found.len(), total(&found)), (2, 100));
    for entry in &found {
        assert_eq!(entry["actor"], json!({"type": "user", "id": agent.id}));
        assert_eq!(
            (text(entry, "outcome"), text(entry, "operation"), text(entry, "reason")),
            ("refused", "list_audit_events", "ROLE_TOO_LOW")
        );
        assert_eq!((text(entry, "userAgent"), text(entry, "category")), ("audit-test/1", "security"));
    }

    // Other operations, other callers, other codes are not alike.
    agent.delete("/connection/pipelines/0").await.refused(403, "ROLE_TOO_LOW");
    let key = acme.key(&["contacts:read"]).await;
    key.get(EVENTS).await.refused(403, "INSUFFICIENT_SCOPE");
    let narrow = acme.key(&["api-keys:manage", "contacts:read"]).await;
    let wide: Value =
        acme.admin().post("/api-keys", json!({"name": "Wide", "scopes": ["*"]})).await.created();
    narrow
        .post(&format!("/api-keys/{}/rotate", text(&wide, "id")), json!({}))
        .await
        .refused(403, "FORBIDDEN");
    let found = counted(&app, &acme.admin(), "access.refused", 103).await;
    let mut reasons: Vec<_> =
        found.iter().map(|entry| (text(entry, "operation"), text(entry, "reason"))).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(
        reasons,
        [
            ("delete_pipeline", "ROLE_TOO_LOW"),
            ("list_audit_events", "INSUFFICIENT_SCOPE"),
            ("list_audit_events", "ROLE_TOO_LOW"),
            ("rotate_api_key", "FORBIDDEN")
        ]
    );
    assert_eq!(of(&globex.admin(), "access.refused").await, Vec::<Value>::new());
    // Without a credential there is no tenant to tell.
    app.anonymous().get(EVENTS).await.refused(401, "UNAUTHENTICATED");
    flush_all(&app).await;
    assert_eq!(total(&of(&acme.admin(), "access.refused").await), 103);
}

#[tokio::test]
async fn a_key_that_comes_from_a_forbidden_address_was_refused() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let input = json!({"name": "Office", "scopes": ["contacts:read"], "ipAllowlist": ["192.0.2.0/24"]});
    let made: Value = acme.admin().post("/api-keys", input).await.created();
    app.with(text(&made, "key")).get("/connection/contacts").await.refused(403, "IP_NOT_ALLOWED");
    let found = counted(&app, &acme.admin(), "access.refused", 1).await;
    assert_eq!(found[0]["actor"], json!({"type": "apiKey", "id": made["id"]}));
    assert_eq!(
        (text(&found[0], "reason"), text(&found[0], "operation"), text(&found[0], "ip")),
        ("IP_NOT_ALLOWED", "list_contacts", "127.0.0.1")
    );
}

#[tokio::test]
async fn the_first_use_of_a_key_is_in_the_trail_and_the_others_are_counted() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let key = acme.key(&["contacts:read"]).await;
    let agent = acme.agent().await;
    let me: Value = key.get("/me").await.ok();
    let uses = async || {
        let path = format!("{EVENTS}?limit=200&action=auth.key.used&actorId={}", text(&me, "apiKeyId"));
        let found: Vec<Value> = acme.admin().get(&path).await.ok();
        let alike = found.iter().all(|entry| {
            (text(entry, "outcome"), text(entry, "ip")) == ("succeeded", "127.0.0.1")
                && entry["actor"]["type"] == "apiKey"
        });
        assert!(alike, "{found:?}");
        (found.len(), total(&found))
    };
    app.state().recorder.flush(&app.state().db).await;
    for _ in 0..5 {
        key.get("/connection/contacts").await.status(200);
        // A token is no key.
        agent.get("/connection/contacts").await.status(200);
    }
    app.state().recorder.flush(&app.state().db).await;
    assert_eq!(uses().await, (1, 1), "within the hour only the first");
    flush_all(&app).await;
    assert_eq!(uses().await, (2, 6));
}

#[tokio::test]
async fn what_is_written_directly_is_chained_as_all_else() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let agent = acme.agent().await;
    entries(&app, &acme, 2).await;
    app.anonymous().post(LOGIN, json!({"email": agent.email, "password": PASSWORD})).await.status(200);
    agent.get(EVENTS).await.refused(403, "ROLE_TOO_LOW");
    flush_all(&app).await;
    entries(&app, &acme, 1).await;
    seal_all(&app).await;
    let whole = verified(&acme.admin()).await;
    assert_eq!((&whole["ok"], &whole["checkedThrough"]), (&json!(true), &json!(5)));
    let change = "update tenon.audit_events set count = 1, reason = 'X' where action = 'access.refused'";
    super::tamper(&mut app.connect().await, change).await;
    assert_eq!(verified(&acme.admin()).await["broken"]["reason"], "changed");
}

#[tokio::test]
async fn the_real_api_writes_them_by_itself_and_when_it_ends() {
    let mut stack = Stack::start().await;
    let input = json!({"name": "Narrow", "scopes": ["contacts:read"]});
    let made: Value = stack.owner.post("/api-keys", input).await.created();
    let narrow = stack.owner.with_bearer(text(&made, "key"));
    for _ in 0..3 {
        narrow.get(EVENTS).await.refused(403, "INSUFFICIENT_SCOPE");
    }
    let refusals = "select coalesce(sum(count), 0) from tenon.audit_events where action = 'access.refused'";
    eventually("the first is written", async || {
        number(&mut stack.database.connect().await, refusals).await > 0
    })
    .await;
    for _ in 0..4 {
        narrow.get(EVENTS).await.refused(403, "INSUFFICIENT_SCOPE");
    }
    stack.api.signal(Signal::SIGTERM);
    stack.api.wait().await;
    assert_eq!(number(&mut stack.database.connect().await, refusals).await, 7);
}
