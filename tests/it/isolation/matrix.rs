//! Every operation, by every kind of credential: nobody, credentials that are none any more, keys with each scope, users of each
//! role. What may be done is what the table of roles and the key's scopes say, and everybody is counted.
//!
//! Operations are asked in a way that passes every check of who asks and does nothing: with ids that are none, and bodies that are
//! no objects. The order of refusals is 401, 403, 400, 404; that those who may are answered well is for the tests of `operations`.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tenon_common::account::api_key::{KeySecret, Mode};
use tenon_common::role::{Permission, Role};
use tenon_tests::{Answer, Client, Tenant, TestApp};

use super::contract;
use super::entries::Needs;
use super::operation::{Operation, operations};
use super::records::{key, snapshot};

/// The API behind a proxy, so that each request may come from an address of its own: who fails to name itself a hundred times from
/// one is limited.
pub(super) async fn behind_a_proxy() -> TestApp {
    TestApp::start_as(|app| app.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")]).await
}

/// Puts a tenant on a plan that counts its requests, and allows enough of them.
pub(super) async fn limit(app: &TestApp, tenant: &Tenant) {
    set(app, "update tenon.tenants set plan = 'business' where id = $1", tenant.id.0).await;
}

pub(super) async fn set(app: &TestApp, statement: &'static str, id: uuid::Uuid) {
    let done = sqlx::query(statement).bind(id).execute(&mut app.connect().await).await.expect(statement);
    assert_eq!(done.rows_affected(), 1, "{statement}");
}

/// A client of the root, from an address that nobody else has.
pub(super) fn from_elsewhere(app: &TestApp) -> (Client, std::net::IpAddr) {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
    (Client::new(&app.url()).with_header("x-forwarded-for", &address.to_string()), address.into())
}

impl Operation {
    /// Asks for it as `client`, and for nothing that could be done.
    pub(super) async fn probe(&self, client: &Client) -> Answer {
        self.send(client, &self.nowhere(), (!self.body.is_null()).then(|| json!("no object"))).await
    }

    /// Its path, with ids that are none.
    pub(super) fn nowhere(&self) -> String {
        let path =
            self.template.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment });
        let path = path.collect::<Vec<_>>().join("/");
        // An export is recorded: here it is asked for what it does not know.
        if self.id.starts_with("export_") { format!("{path}?page=1") } else { path }
    }

    /// Whether asking for it does something even so: it takes neither an id nor a body, and is no reading.
    pub(super) fn cannot_be_probed(&self) -> bool {
        !self.template.contains('{') && self.body.is_null() && self.method != "GET"
    }
}

fn permission(name: &str) -> Permission {
    let known = Permission::ALL.into_iter().find(|permission| permission.name() == name);
    known.unwrap_or_else(|| panic!("{name} is no permission"))
}

/// An answer to somebody who may ask: not a refusal of the caller.
#[track_caller]
fn let_in(operation: &Operation, who: &str, answer: &Answer) {
    let refused = matches!(answer.status.as_u16(), 401 | 429 | 500..)
        || ["INSUFFICIENT_SCOPE", "ROLE_TOO_LOW", "ACCOUNT_SUSPENDED"].contains(&code(answer).as_str());
    assert!(!refused, "{} refuses {who}: {answer}", operation.id);
}

#[track_caller]
fn kept_out(operation: &Operation, who: &str, answer: &Answer, expected: &str, scope: &str) {
    assert_eq!(
        (answer.status.as_u16(), code(answer).as_str()),
        (403, expected),
        "{} and {who}: {answer}",
        operation.id
    );
    assert_eq!(answer.json()["details"], json!({"required": scope}), "{} and {who}: {answer}", operation.id);
}

fn code(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_document_says_what_each_operation_needs() {
    for operation in operations() {
        let said = operation.described["description"].as_str().unwrap_or_default();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let says_so = match operation.needs {
            Needs::Nothing => !said.contains("Needs `"),
            Needs::Credential => said.contains("eeds no permission") || said.contains("eeds any credential"),
            Needs::Scope(scope) => said.contains(&format!("eeds `{scope}`")),
        };
        assert!(says_so, "{} needs {:?}, and its description says: {said}", operation.id, operation.needs);
    }
}

/// A credential that is none, with the refusal that it gets.
struct Bad {
    what: &'static str,
    headers: Vec<(&'static str, String)>,
    refusal: (u16, &'static str),
}

async fn bad_credentials(app: &TestApp, tenant: &Tenant) -> Vec<Bad> {
    let admin = tenant.admin();
    let bearer = |credential: &str| vec![("authorization", format!("Bearer {credential}"))];
    let unauthenticated = (401, "UNAUTHENTICATED");
    let bad = |what, headers, refusal| Bad { what, headers, refusal };
    let key = async |more: Value| {
        let mut body = json!({"name": "A", "scopes": ["*"]});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        admin.post("/api-keys", body).await.created::<Value>()
    };
    let text = |key: &Value| key["key"].as_str().expect("a key").to_owned();
    let id = |key: &Value| key["id"].as_str().expect("an id").parse().expect("a UUID");

    let mut broken = admin.credential.clone();
    let last = broken.pop().expect("a character");
    broken.push(if last == 'A' { 'B' } else { 'A' });
    let unknown = KeySecret::generate(Mode::Live);
    let revoked = key(json!({})).await;
    admin.delete(&format!("/api-keys/{}", tenon_tests::factory::id(&revoked))).await.no_content();
    let expired = key(json!({})).await;
    let expire = "update tenon.api_keys set expires_at = now() - interval '1 second' where id = $1";
    set(app, expire, id(&expired)).await;
    let elsewhere = key(json!({"ipAllowlist": ["192.0.2.0/24"]})).await;
    let suspended = tenant.person(Role::Admin).await;
    set(app, "update tenon.memberships set status = 'suspended' where user_id = $1", suspended.id.0).await;
    let ended = tenant.person(Role::Admin).await;
    set(app, "update tenon.users set token_epoch = token_epoch + 1 where id = $1", ended.id.0).await;
    let stranger = tenant.person(Role::Admin).await;
    set(app, "delete from tenon.memberships where user_id = $1", stranger.id.0).await;
    vec![
        bad("nobody", Vec::new(), unauthenticated),
        bad("another scheme", vec![("authorization", "Basic YTpi".to_owned())], unauthenticated),
        bad("no token", bearer("x.y.z"), unauthenticated),
        bad("a key with a wrong character", bearer(&broken), unauthenticated),
        bad("a key that nobody made", vec![("x-api-key", unknown.reveal().to_owned())], unauthenticated),
        bad("a revoked key", vec![("x-api-key", text(&revoked))], unauthenticated),
        bad("an expired key", bearer(&text(&expired)), (401, "API_KEY_EXPIRED")),
        bad("a key from elsewhere", bearer(&text(&elsewhere)), (403, "IP_NOT_ALLOWED")),
        bad("a suspended member", bearer(&suspended.credential), (403, "ACCOUNT_SUSPENDED")),
        bad("a revoked token", bearer(&ended.credential), (401, "TOKEN_REVOKED")),
        bad("a member no more", bearer(&stranger.credential), (401, "TOKEN_REVOKED")),
    ]
}

#[tokio::test]
async fn a_bad_credential_is_refused_everywhere() {
    let app = behind_a_proxy().await;
    let acme = app.tenant("acme").await;
    let credentials = bad_credentials(&app, &acme).await;
    let operations = operations();
    let mut admin = app.connect().await;
    let before = snapshot(&mut admin, &acme).await;
    let mut tried = 0;
    for Bad { what, headers, refusal } in &credentials {
        for operation in operations.iter().filter(|operation| operation.needs != Needs::Nothing) {
            let (client, _) = from_elsewhere(&app);
            let client = headers.iter().fold(client, |client, (name, value)| client.with_header(name, value));
            let answer = operation.probe(&client).await;
            let refused = (answer.status.as_u16(), code(&answer));
            assert_eq!(refused, (refusal.0, refusal.1.to_owned()), "{} and {what}: {answer}", operation.id);
            if refusal.0 == 401 {
                contract::counted(&operation.id, &answer);
            }
            tried += 1;
        }
    }
    assert_eq!(snapshot(&mut admin, &acme).await, before, "nothing was done");
    eprintln!("{} operations x {} bad credentials: {tried} requests", operations.len(), credentials.len());
}

#[tokio::test]
async fn a_key_does_what_its_scope_says_and_nothing_else() {
    let app = behind_a_proxy().await;
    let acme = app.tenant("acme").await;
    limit(&app, &acme).await;
    let operations = operations();
    let mut admin = app.connect().await;
    let mut keys = Vec::new();
    for permission in Permission::ALL {
        keys.push((permission, key(&acme, permission.name()).await));
    }
    let before = snapshot(&mut admin, &acme).await;
    let (mut tried, mut allowed) = (0, 0);
    for (held, key) in &keys {
        let client = from_elsewhere(&app).0.with_bearer(key);
        for operation in operations.iter().filter(|operation| !operation.cannot_be_probed()) {
            let answer = operation.probe(&client).await;
            let who = format!("a key with {}", held.name());
            match operation.needs {
                Needs::Scope(scope) if scope != held.name() => {
                    kept_out(operation, &who, &answer, "INSUFFICIENT_SCOPE", scope);
                }
                Needs::Scope(_) => {
                    let_in(operation, &who, &answer);
                    allowed += 1;
                }
                Needs::Credential | Needs::Nothing => let_in(operation, &who, &answer),
            }
            if operation.needs != Needs::Nothing {
                contract::counted(&operation.id, &answer);
            }
            tried += 1;
        }
    }
    let scoped = operations.iter().filter(|operation| matches!(operation.needs, Needs::Scope(_))).count();
    assert_eq!(allowed, scoped, "each scoped operation is for one of the permissions");
    assert_eq!(snapshot(&mut admin, &acme).await, before, "nothing was done");
    eprintln!("{} operations x {} scopes: {tried} requests, {allowed} allowed", operations.len(), keys.len());
}

#[tokio::test]
async fn a_user_does_what_its_role_says_and_nothing_else() {
    let app = behind_a_proxy().await;
    let acme = app.tenant("acme").await;
    limit(&app, &acme).await;
    let operations = operations();
    let mut admin = app.connect().await;
    let mut people = Vec::new();
    for role in Role::ALL {
        people.push(acme.person(role).await);
    }
    let before = snapshot(&mut admin, &acme).await;
    let (mut tried, mut allowed) = (0, 0);
    for person in &people {
        let client = from_elsewhere(&app).0.with_bearer(&person.credential);
        for operation in &operations {
            let answer = operation.probe(&client).await;
            match operation.needs {
                Needs::Scope(scope) if !person.role.allows(permission(scope)) => {
                    kept_out(operation, person.role.name(), &answer, "ROLE_TOO_LOW", scope);
                }
                Needs::Scope(_) | Needs::Credential | Needs::Nothing => {
                    let_in(operation, person.role.name(), &answer);
                    allowed += 1;
                }
            }
            if operation.needs != Needs::Nothing {
                contract::counted(&operation.id, &answer);
            }
            tried += 1;
        }
    }
    assert_eq!(snapshot(&mut admin, &acme).await, before, "nothing was done");
    eprintln!(
        "{} operations x {} roles: {tried} requests, {allowed} allowed",
        operations.len(),
        people.len()
    );
}

/// The table itself: what it says of the ends of the ladder, and that each step may all that those below it may.
#[test]
fn a_higher_role_holds_what_a_lower_one_does() {
    for permission in Permission::ALL {
        let name = permission.name();
        assert!(
            name.ends_with(":read") || !Role::Client.allows(permission),
            "a CLIENT changes nothing: {name}"
        );
        assert!(Role::Admin.allows(permission), "an ADMIN manages all of its tenant: {name}");
        for pair in Role::ALL.windows(2) {
            assert!(pair[1].allows(permission) || !pair[0].allows(permission), "{name}: {pair:?}");
        }
    }
    for area in ["webhooks:", "api-keys:", "organizations:", "imports:", "changes:"] {
        let of_area = Permission::ALL.into_iter().filter(|permission| permission.name().starts_with(area));
        assert!(of_area.into_iter().all(|permission| permission.least_role() == Role::Admin), "{area}");
    }
}
