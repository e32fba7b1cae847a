//! API keys: from the one answer that shows the secret to revocation.

mod grants;

use serde_json::{Value, json};
use tenon_tests::{Client, Person, TestApp, eventually, factory};

use crate::log;

const KEYS: &str = "/api-keys";
const CONTACTS: &str = "/connection/contacts";

fn path(key: &Value) -> String {
    format!("{KEYS}/{}", factory::id(key))
}

fn secret(key: &Value) -> String {
    key["key"].as_str().expect("the key is shown").to_owned()
}

async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

async fn create(admin: &Client, body: Value) -> Value {
    admin.post(KEYS, body).await.created()
}

/// Within the 5 seconds that a checked key is believed.
async fn ends(client: &Client, status: u16, code: &str) {
    eventually("the key ends", async || {
        let answer = client.get("/me").await;
        if answer.status == status && answer.json()["code"] == code {
            Ok(())
        } else {
            Err(answer.to_string())
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let (app, admin) = start().await;
    let answer =
        admin.post(KEYS, json!({"name": "Newsletter", "scopes": ["contacts:read"]})).await.status(201);
    let created: Value = answer.data();
    assert_eq!(answer.header("location"), format!("/api/v1{}", path(&created)));
    let key = secret(&created);
    assert_eq!(key.len(), "tenon_live_".len() + 12 + 1 + 32 + 1 + 6);
    assert_eq!(created["prefix"].as_str(), Some(&key[.."tenon_live_".len() + 12]));
    assert_eq!(created["last4"].as_str(), Some(&key[key.len() - 4..]));
    assert_eq!((&created["role"], &created["scopes"]), (&json!("ADMIN"), &json!(["contacts:read"])));

    app.with(&key).get(CONTACTS).await.status(200);
    let by_header = app.anonymous().with_header("x-api-key", &key);
    by_header.get(CONTACTS).await.status(200);

    let mut expected = created.clone();
    expected["key"] = Value::Null;
    let mut read: Value = admin.get(&path(&created)).await.ok();
    read["lastUsedAt"] = Value::Null;
    read["lastUsedIp"] = Value::Null;
    assert_eq!(read, expected);
    let test = create(&admin, json!({"name": "Trial", "scopes": ["*"], "mode": "test"})).await;
    assert!(secret(&test).starts_with("tenon_test_"));
}

#[tokio::test]
async fn the_secret_is_in_no_later_answer_and_no_event() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let created = create(&admin, json!({"name": "A", "scopes": ["api-keys:manage", "contacts:*"]})).await;
    let old = secret(&created);
    let mut seen = String::new();
    let client = app.with(&old);
    seen += &client.post(CONTACTS, json!({"name": "A"})).await.status(201).text();
    seen += &client.get("/me").await.status(200).text();
    seen += &admin.patch(&path(&created), json!({"name": "B"})).await.status(200).text();
    seen += &admin.get(&path(&created)).await.status(200).text();
    let rotated: Value = admin.post(&format!("{}/rotate", path(&created)), json!({})).await.created();
    let new = secret(&rotated);
    assert_ne!(new, old);
    seen += &app.with(&new).post("/api-keys/self-revoke", json!({})).await.status(200).text();
    let show = admin.with_header("prefer", "return=representation");
    seen += &show.delete(&path(&created)).await.status(200).text();
    seen += &admin.get(KEYS).await.status(200).text();
    seen += &admin.get("/api-keys/x").await.status(400).text();

    let mut behind = app.connect().await;
    seen += &log::everything(&mut behind, acme.id).await;
    let hashes: Vec<String> = sqlx::query_scalar("select encode(secret_hash, 'hex') from tenon.api_keys")
        .fetch_all(&mut behind)
        .await
        .expect("hashes");
    assert!(
        seen.contains("api_key.created")
            && seen.contains("api_key.rotated")
            && seen.contains("api_key.revoked")
    );
    for key in [&old, &new] {
        let parts: Vec<&str> = key.split('_').collect();
        assert!(seen.contains(parts[2]), "the public part is there");
        assert!(!seen.contains(parts[3]), "the secret part is not");
    }
    assert!(hashes.iter().all(|hash| !seen.contains(hash)));
    // Nor in the database: only the hash is.
    let row: String = sqlx::query_scalar("select string_agg(k::text, ' ') from tenon.api_keys k")
        .fetch_one(&mut behind)
        .await
        .expect("rows");
    assert!(!row.contains(old.split('_').nth(3).expect("a secret")));
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let (app, admin) = start().await;
    let created = create(&admin, json!({"name": "A", "scopes": ["*"]})).await;
    let key = secret(&created);
    let other_secret = key.replace(&key[25..30], "AAAAA");
    for wrong in ["", "tenon_live_", &key[1..], &key[..key.len() - 1], &other_secret, &key.to_lowercase()] {
        app.with(wrong).get("/me").await.refused(401, "UNAUTHENTICATED");
        app.anonymous().with_header("x-api-key", wrong).get("/me").await.refused(401, "UNAUTHENTICATED");
    }
    app.anonymous()
        .with_header("authorization", &format!("Basic {key}"))
        .get("/me")
        .await
        .refused(401, "UNAUTHENTICATED");
    // Well formed, and not what was stored.
    sqlx::query("update tenon.api_keys set secret_hash = sha256('x') where id = $1::uuid")
        .bind(factory::id(&created))
        .execute(&mut app.connect().await)
        .await
        .expect("updated");
    app.with(&key).get("/me").await.refused(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_key_can_be_changed() {
    let (app, admin) = start().await;
    let created =
        create(&admin, json!({"name": "A", "scopes": ["contacts:read"], "ipAllowlist": ["127.0.0.1"]})).await;
    let patch = json!({"name": "B", "scopes": ["webhooks:read"], "ipAllowlist": [], "expiresAt": "2099-01-01T00:00:00Z"});
    let stale = admin
        .with_header("if-match", "\"v2\"")
        .patch(&path(&created), patch.clone())
        .await
        .refused(412, "VERSION_CONFLICT");
    assert_eq!(stale.json()["details"]["currentVersion"], "1");
    let changed: Value = admin.with_header("if-match", "\"v1\"").patch(&path(&created), patch).await.ok();
    assert_eq!((&changed["name"], &changed["version"]), (&json!("B"), &json!(2)));
    assert_eq!((&changed["scopes"], &changed["ipAllowlist"]), (&json!(["webhooks:read"]), &json!([])));
    assert_eq!(changed["expiresAt"], "2099-01-01T00:00:00.000Z");
    let kept: Value = admin.patch(&path(&created), json!({"expiresAt": null})).await.ok();
    assert_eq!((&kept["name"], &kept["expiresAt"], &kept["version"]), (&json!("B"), &Value::Null, &json!(3)));
    admin.with_header("if-none-match", "\"v3\"").get(&path(&created)).await.status(304);

    let mut behind = app.connect().await;
    let before = log::counts(&mut behind).await;
    let same: Value = admin.patch(&path(&created), json!({"name": "B"})).await.ok();
    assert_eq!(same, kept, "nothing changed");
    assert_eq!(log::counts(&mut behind).await, before, "nothing was written");

    let events = log::events(&mut behind, factory::id(&created)).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(types, ["api_key.created", "api_key.updated", "api_key.updated"]);
    assert_eq!(events[2].json()["previous"], json!({"expiresAt": "2099-01-01T00:00:00.000Z"}));
    let client = app.with(&secret(&created));
    client.get("/webhooks").await.status(200);
    client.get(CONTACTS).await.refused(403, "INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn a_revoked_key_ends_and_stays_in_the_list() {
    let (app, admin) = start().await;
    let created = create(&admin, json!({"name": "A", "scopes": ["*"]})).await;
    let client = app.with(&secret(&created));
    client.get("/me").await.status(200);
    admin.delete(&path(&created)).await.no_content();
    ends(&client, 401, "UNAUTHENTICATED").await;

    let read: Value = admin.get(&path(&created)).await.ok();
    assert!(read["revokedAt"].is_string() && read["revokedReason"].is_string(), "{read}");
    let listed: Vec<Value> = admin.get(KEYS).await.ok();
    assert!(listed.iter().any(|key| key["id"] == created["id"]));
    admin.patch(&path(&created), json!({"name": "B"})).await.refused(409, "STATE_CONFLICT");
    admin.post(&format!("{}/rotate", path(&created)), json!({})).await.refused(409, "STATE_CONFLICT");
    let mut behind = app.connect().await;
    let before = log::counts(&mut behind).await;
    admin.delete(&path(&created)).await.no_content();
    assert_eq!(log::counts(&mut behind).await, before, "revoking again changes nothing");

    // A key that was not used for 5 seconds is refused at once.
    let unused = create(&admin, json!({"name": "B", "scopes": ["*"]})).await;
    admin.delete(&path(&unused)).await.no_content();
    app.with(&secret(&unused)).get("/me").await.refused(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_key_can_revoke_itself() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let created = create(&acme.admin(), json!({"name": "A", "scopes": ["contacts:read"]})).await;
    let client = app.with(&secret(&created));
    let revoked: Value = client.post("/api-keys/self-revoke", json!({})).await.ok();
    assert_eq!(revoked["id"], created["id"]);
    assert!(revoked["revokedAt"].is_string());
    ends(&client, 401, "UNAUTHENTICATED").await;
    acme.agent().await.post("/api-keys/self-revoke", json!({})).await.refused(409, "STATE_CONFLICT");
}

#[tokio::test]
async fn rotation_overlaps() {
    let (app, admin) = start().await;
    let old =
        create(&admin, json!({"name": "A", "scopes": ["contacts:read"], "ipAllowlist": ["127.0.0.0/8"]}))
            .await;
    let rotate = format!("{}/rotate", path(&old));
    admin.post(&rotate, json!({"overlapSeconds": -1})).await.refused(400, "VALIDATION_ERROR");
    admin.post(&rotate, json!({"overlapSeconds": 604_801})).await.refused(400, "VALIDATION_ERROR");
    let new: Value = admin.post(&rotate, json!({"overlapSeconds": 3600})).await.created();
    assert_eq!(new["rotatedFrom"], old["id"]);
    for same in ["name", "scopes", "role", "ipAllowlist", "userId", "expiresAt"] {
        assert_eq!(new[same], old[same], "{same}");
    }
    let (with_old, with_new) = (app.with(&secret(&old)), app.with(&secret(&new)));
    with_old.get("/me").await.status(200);
    with_new.get("/me").await.status(200);
    let old_now: Value = admin.get(&path(&old)).await.ok();
    assert!(old_now["expiresAt"].is_string(), "{old_now}");
    let events = log::events(&mut app.connect().await, factory::id(&old)).await;
    assert_eq!(events.last().map(|event| event.json()["changedFields"].clone()), Some(json!(["expiresAt"])));

    // The overlap of a second rotation ends at once.
    let newest: Value =
        admin.post(&format!("{}/rotate", path(&new)), json!({"overlapSeconds": 0})).await.created();
    ends(&with_new, 401, "API_KEY_EXPIRED").await;
    app.with(&secret(&newest)).get("/me").await.status(200);
    with_old.get("/me").await.status(200);
    admin.post(&format!("{}/rotate", path(&new)), json!({})).await.refused(409, "STATE_CONFLICT");
}

#[tokio::test]
async fn a_key_expires() {
    let (app, admin) = start().await;
    let past = json!({"name": "A", "scopes": ["*"], "expiresAt": "2020-01-01T00:00:00Z"});
    let refused = admin.post(KEYS, past).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/expiresAt");
    let created =
        create(&admin, json!({"name": "A", "scopes": ["*"], "expiresAt": "2099-01-01T00:00:00Z"})).await;
    let client = app.with(&secret(&created));
    client.get("/me").await.status(200);
    sqlx::query("update tenon.api_keys set expires_at = now() where id = $1::uuid")
        .bind(factory::id(&created))
        .execute(&mut app.connect().await)
        .await
        .expect("updated");
    ends(&client, 401, "API_KEY_EXPIRED").await;
}

#[tokio::test]
async fn a_key_works_from_its_networks_only() {
    let (app, admin) = start().await;
    let list = |networks: Value| json!({"name": "A", "scopes": ["*"], "ipAllowlist": networks});
    let here = create(&admin, list(json!(["203.0.113.0/24", "127.0.0.1"]))).await;
    assert_eq!(here["ipAllowlist"], json!(["203.0.113.0/24", "127.0.0.1/32"]));
    app.with(&secret(&here)).get("/me").await.status(200);
    let elsewhere = create(&admin, list(json!(["203.0.113.7/24", "2001:db8::/32"]))).await;
    let client = app.with(&secret(&elsewhere));
    client.get("/me").await.refused(403, "IP_NOT_ALLOWED");
    // Whoever says so is no trusted proxy.
    client.with_header("x-forwarded-for", "203.0.113.7").get("/me").await.refused(403, "IP_NOT_ALLOWED");
    let refused = admin
        .post(KEYS, list(json!(["127.0.0.1", "localhost", "10.0.0.0/33"])))
        .await
        .refused(400, "VALIDATION_ERROR");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/ipAllowlist/1");
    assert_eq!(refused.json()["errors"][1]["pointer"], "/ipAllowlist/2");
}

#[tokio::test]
async fn the_last_use_is_known_to_the_minute() {
    let (app, admin) = start().await;
    let created = create(&admin, json!({"name": "A", "scopes": ["*"]})).await;
    assert_eq!((&created["lastUsedAt"], &created["lastUsedIp"]), (&Value::Null, &Value::Null));
    app.with(&secret(&created)).get("/me").await.status(200);
    app.state().keys.flush().await.expect("the last uses are written");
    let read: Value = admin.get(&path(&created)).await.ok();
    let at = read["lastUsedAt"].as_str().expect("it was used");
    assert!(at.ends_with(":00.000Z"), "{at}");
    assert_eq!(read["lastUsedIp"], "127.0.0.1");
    assert_eq!(read["version"], 1, "a use is no change");
}
