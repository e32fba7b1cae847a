//! Every operation of the OpenAPI document, from outside: with another tenant's ids, without a credential, without the scope,
//! with the lowest role. An operation without an entry in `entries.rs` fails the suite. Every answer is held against what the document
//! promises of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_common::id::EventId;
use tenon_tests::{Answer, Client, Tenant, TestApp, factory};

use super::contract;
use super::entries::Needs::{self, Credential, Nothing, Scope};
use super::entries::{STAGE, entries};
use crate::conventions::ALL;
use crate::raw;

/// An operation of the document with its entry.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    /// `/api/v1/…/{id}`.
    pub(super) template: String,
    /// Whether the document asks for a credential.
    secured: bool,
    pub(super) needs: Needs,
    pub(super) body: Value,
    /// As the document has it.
    pub(super) described: Value,
}

/// All of them; fails where document and entries differ.
pub(super) fn operations() -> Vec<Operation> {
    let document = TestApp::document();
    let mut entries = entries();
    let mut operations = Vec::new();
    for (template, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods
            .as_object()
            .expect("methods")
            .iter()
            .filter(|(_, operation)| operation["operationId"].is_string())
        {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let entry = entries.iter().position(|(name, ..)| name == id);
            let (_, needs, body) =
                entries.swap_remove(entry.unwrap_or_else(|| panic!("{id} has no entry in this test")));
            let security = operation.get("security").or(document.get("security"));
            let secured = security.and_then(Value::as_array).is_some_and(|schemes| !schemes.is_empty());
            operations.push(Operation {
                id: id.to_owned(),
                method: method.to_uppercase(),
                template: template.clone(),
                secured,
                needs,
                body,
                described: operation.clone(),
            });
        }
    }
    assert!(entries.is_empty(), "not in the document any more: {entries:?}");
    operations
}

/// One record of each kind, and a deleted one.
pub(super) struct Records {
    pub(super) tenant: String,
    pub(super) user: String,
    /// By the names of their kinds: `contacts`.
    pub(super) whole: BTreeMap<&'static str, Value>,
    pub(super) deleted: BTreeMap<&'static str, Value>,
    pub(super) webhook: String,
    pub(super) event: String,
    pub(super) key: String,
    /// An import that can be cancelled, resumed and reverted, in that order.
    import: String,
    import_template: String,
    upload: String,
    /// An export that waits, and one whose file is there.
    export: String,
    exported: String,
    audit_event: String,
    audit_sink: String,
}

pub(super) async fn records(app: &TestApp, tenant: &Tenant) -> Records {
    let admin = tenant.admin();
    let webhook = factory::webhook(&admin).await;
    let (mut whole, mut deleted) = (BTreeMap::new(), BTreeMap::new());
    for of in ALL {
        whole.insert(of.records, admin.post(&of.path(), (of.body)(0)).await.created());
        let gone: Value = admin.post(&of.path(), (of.body)(1)).await.created();
        admin.delete(&format!("{}/{}", of.path(), factory::id(&gone))).await.no_content();
        deleted.insert(of.records, gone);
    }
    for of in ["contacts", "leads"] {
        let [one, other] = [of, "companies"].map(|of| factory::id(&whole[of]));
        admin
            .put(&format!("/connection/{of}/{one}/associations/company/{other}"), Value::Null)
            .await
            .status(201);
    }
    let keys: Vec<Value> = admin.get("/api-keys").await.ok();
    let event: uuid::Uuid = sqlx::query_scalar(
        "insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status)
         select tenant_id, $2::uuid, id, gen_random_uuid(), type, 'failed' from tenon.events where tenant_id = $1 limit 1
         returning event_id",
    )
    .bind(tenant.id.0)
    .bind(factory::id(&webhook))
    .fetch_one(&mut app.connect().await)
    .await
    .expect("a delivery");
    let template = json!({"name": "Mine", "options": {"object": "contacts"}});
    let template: Value = admin.post("/import-templates", template).await.created();
    let rows = json!({"options": {"object": "contacts"}, "rows": [{"name": "Grace"}]});
    let import = admin.post("/imports", rows).await.status(202).json()["data"].clone();
    sqlx::query(
        "update tenon.imports set state = 'cancelled', total = 1, finished_at = now(), revert_until = now() + interval '1 day'
         where tenant_id = $1",
    )
    .bind(tenant.id.0)
    .execute(&mut app.connect().await)
    .await
    .expect("an import");
    let exports = exports(app, tenant).await;
    let sink: Value = admin.post("/audit-sinks", json!({"name": "Mine", "kind": "file"})).await.created();
    Records {
        export: exports[0].clone(),
        exported: exports[1].clone(),
        audit_sink: factory::id(&sink).to_owned(),
        audit_event: audit_event(app, tenant).await,
        import: factory::id(&import).to_owned(),
        import_template: factory::id(&template).to_owned(),
        upload: factory::id(&factory::upload(&admin).await).to_owned(),
        tenant: tenant.id.to_string(),
        user: admin.id.to_string(),
        whole,
        deleted,
        webhook: factory::id(&webhook).to_owned(),
        event: EventId(event).wire(),
        key: factory::id(&keys[0]).to_owned(),
    }
}

/// An export that waits, and one whose file is there.
async fn exports(app: &TestApp, tenant: &Tenant) -> [String; 2] {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let export: Value = tenant.admin().post("/exports", json!({"object": "contacts"})).await.accepted();
        ids.push(factory::id(&export).to_owned());
    }
    let mut file = app
        .database()
        .storage()
        .upload(&format!("exports/{}/{}/1/file", tenant.id, ids[1]))
        .await
        .expect("begun");
    file.write(bytes::Bytes::from_static(b"id\r\n")).await.expect("written");
    file.finish().await.expect("finished");
    sqlx::query(
        "update tenon.exports set state = 'succeeded', fence = 1, bytes = 4, expires_at = now() + interval '1 day'
         where tenant_id = $1 and id = $2::uuid",
    )
    .bind(tenant.id.0)
    .bind(&ids[1])
    .execute(&mut app.connect().await)
    .await
    .expect("an export");
    ids.try_into().expect("two")
}

/// An entry of the tenant's audit trail, as a worker writes it; its id.
pub(crate) async fn audit_event(app: &TestApp, tenant: &Tenant) -> String {
    let entry: uuid::Uuid = sqlx::query_scalar(
        "insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, outcome)
         select tenant_id, id, created_at, type, 'records', 'system', 'succeeded' from tenon.events where tenant_id = $1 limit 1
         returning id",
    )
    .bind(tenant.id.0)
    .fetch_one(&mut app.connect().await)
    .await
    .expect("an entry");
    entry.to_string()
}

impl Records {
    /// The id of the record of a kind.
    pub(super) fn id(&self, records: &str) -> &str {
        factory::id(&self.whole[records])
    }

    /// The template of imports.
    pub(super) fn import_template(&self) -> &str {
        &self.import_template
    }

    /// The upload.
    pub(super) fn upload(&self) -> &str {
        &self.upload
    }

    /// The stage of the leads.
    pub(super) fn stage(&self) -> &str {
        factory::id(&self.whole["pipelines"]["stages"][0])
    }

    /// The record that a path of the document is about.
    pub(super) fn at(&self, template: &str) -> Option<&Value> {
        let records = template.strip_prefix("/api/v1/connection/")?.split('/').next()?;
        let deleted = template.ends_with("/restore") || template.ends_with("/purge");
        if deleted { self.deleted.get(records) } else { self.whole.get(records) }
    }
}

impl Operation {
    pub(super) fn path(&self, of: &Records) -> String {
        let record = of.at(&self.template);
        let id = match self.template.as_str() {
            template if template.contains("/organizations/") => &of.tenant,
            template if template.contains("/webhooks/") => &of.webhook,
            template if template.contains("/audit-events/") => &of.audit_event,
            template if template.contains("/audit-sinks/") => &of.audit_sink,
            template if template.contains("/imports/") => &of.import,
            "/api/v1/exports/{id}/download" => &of.exported,
            template if template.contains("/exports/") => &of.export,
            template if template.contains("/import-templates/") => &of.import_template,
            template if template.contains("/uploads/") => &of.upload,
            _ => record.map_or(of.key.as_str(), factory::id),
        };
        let external_id = record.and_then(|record| record["externalId"].as_str()).unwrap_or_default();
        let by_key = self.template.replace("{key}", "externalId").replace("{value}", external_id);
        let path =
            by_key.replace("{id}", id).replace("{eventId}", &of.event).replace("{stageId}", of.stage());
        // Companies are associated with the contact, all others with the company.
        let (kind, other) =
            if path.contains("/companies/") { ("contact", "contacts") } else { ("company", "companies") };
        let path = path.replace("{type}", kind).replace("{toId}", factory::id(&of.whole[other]));
        let query = if self.template.ends_with("/batch/upsert") { "?key=externalId" } else { "" };
        let path = format!("{path}{query}");
        assert!(!path.contains('{'), "a parameter that this test does not know: {path}");
        path
    }

    /// An upsert names a value: where no record of the caller's tenant has it, it makes one.
    fn names_a_record(&self) -> bool {
        self.template.contains('{') && !self.id.starts_with("upsert_")
    }

    /// Of a credential, through the whole path.
    pub(super) async fn call(&self, app: &TestApp, credential: &str, of: &Records) -> Answer {
        let client = Client::new(&app.url()).with_bearer(credential);
        self.send(&client, &self.path(of), self.body_for(of)).await
    }

    /// The entry's body with the records in it; none where it is null.
    pub(super) fn body_for(&self, of: &Records) -> Option<Value> {
        let body = self.body.to_string().replace(STAGE, of.stage());
        (!self.body.is_null()).then(|| body.parse().expect("JSON"))
    }

    /// By a client of the root.
    pub(super) async fn send(&self, client: &Client, path: &str, body: Option<Value>) -> Answer {
        let method = self.method.parse().expect("a method");
        let answer = match self.id.as_str() {
            "append_upload" => {
                let client = client.with_header("upload-offset", &factory::UPLOADED.to_string());
                client.send_bytes(method, path, Some("application/octet-stream"), Vec::new()).await
            }
            _ => client.send(method, path, body).await,
        };
        contract::check(&self.id, &answer);
        answer
    }

    /// The head of a request whose body never comes.
    async fn call_without_body(&self, app: &TestApp, headers: &str, path: &str) -> raw::Answer {
        let method = &self.method;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: tenon\r\n{headers}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        );
        let answer = raw::exchange(&app.address(), request.as_bytes()).await;
        contract::check(&self.id, &answer);
        answer
    }
}

/// All rows of a tenant, as text.
pub(crate) async fn snapshot(admin: &mut PgConnection, tenant: &Tenant) -> Vec<(String, String)> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'tenon'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and a.attname = 'tenant_id'
         order by 1",
    )
    .fetch_all(&mut *admin)
    .await
    .expect("tables");
    assert!(tables.iter().any(|table| table == "contacts"), "{tables:?}");
    let mut rows = Vec::new();
    for table in tables {
        // The last use of a key is not the tenant's doing, and flushed later.
        let statement = format!(
            "select coalesce(string_agg(t::text, ' ' order by t::text), '') from tenon.{table} t where tenant_id = $1"
        );
        let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(tenant.id.0)
            .fetch_one(&mut *admin)
            .await
            .expect("rows");
        rows.push((table, text));
    }
    rows
}

#[tokio::test]
async fn another_tenants_records_are_not_there() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let theirs = records(&app, &globex).await;
    let mut admin = app.connect().await;
    let before = snapshot(&mut admin, &globex).await;
    let mut tried = 0;
    for operation in operations().iter().filter(|operation| operation.names_a_record()) {
        for credential in [
            acme.admin().credential,
            acme.person(tenon_common::account::role::Role::Developer).await.credential,
        ] {
            let answer = operation.call(&app, &credential, &theirs).await.refused(404, "NOT_FOUND");
            assert!(!answer.text().contains("globex"), "{}: {answer}", operation.id);
        }
        tried += 1;
    }
    assert!(tried >= 15, "{tried} operations name a record");
    assert_eq!(snapshot(&mut admin, &globex).await, before, "nothing of theirs has changed");
    // They are there: for their own tenant none of these is 404.
    for operation in
        operations().iter().filter(|operation| operation.names_a_record() && operation.method == "GET")
    {
        operation.call(&app, &globex.admin().credential, &theirs).await.status(200);
    }
}

#[tokio::test]
async fn without_a_credential_no_body_is_read() {
    for headers in ["", "Authorization: Bearer x\r\n"] {
        let mut public = BTreeSet::new();
        // A server for each hundred: who fails to name itself that often is limited.
        for some in operations().chunks(100) {
            let app = TestApp::start().await;
            let records = records(&app, &app.tenant("acme").await).await;
            for operation in some {
                assert_eq!(
                    operation.secured,
                    operation.needs != Nothing,
                    "{}: the document says otherwise",
                    operation.id
                );
                if operation.needs == Nothing {
                    public.insert(operation.id.clone());
                    continue;
                }
                let answer = operation.call_without_body(&app, headers, &operation.path(&records)).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (401, "UNAUTHENTICATED"),
                    "{}: {answer:?}",
                    operation.id
                );
            }
        }
        let expected = ["create_login", "get_key_set", "list_error_codes", "list_event_types"];
        assert_eq!(public.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn without_the_scope_nothing_is_done_or_told() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let records = records(&app, &acme).await;
    let other = |scope: &str| if scope == "contacts:read" { "webhooks:read" } else { "contacts:read" };
    let (contacts, webhooks) = (key(&acme, "contacts:read").await, key(&acme, "webhooks:read").await);
    let mut admin = app.connect().await;
    let before = snapshot(&mut admin, &acme).await;
    for operation in operations() {
        let Scope(scope) = operation.needs else { continue };
        let key = if other(scope) == "contacts:read" { &contacts } else { &webhooks };
        let headers = format!("Authorization: Bearer {key}\r\n");
        // Whether the record exists is not told either.
        let nobodys = ["{id}", "{eventId}", "{stageId}", "{key}", "{value}", "{type}", "{toId}"]
            .into_iter()
            .fold(operation.template.clone(), |path, parameter| path.replace(parameter, "x"));
        for path in [operation.path(&records), nobodys] {
            let answer = operation.call_without_body(&app, &headers, &path).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "INSUFFICIENT_SCOPE"),
                "{}: {answer:?}",
                operation.id
            );
            assert!(answer.body.contains(&format!("\"required\":\"{scope}\"")), "{answer:?}");
        }
    }
    assert_eq!(snapshot(&mut admin, &acme).await, before);
}

/// A key of the owner's with one scope.
pub(super) async fn key(tenant: &Tenant, scope: &str) -> String {
    key_with(tenant, &[scope]).await
}

async fn key_with(tenant: &Tenant, scopes: &[&str]) -> String {
    let key: Value =
        tenant.admin().post("/api-keys", json!({"name": scopes[0], "scopes": scopes})).await.created();
    key["key"].as_str().expect("a key").to_owned()
}

#[tokio::test]
async fn a_key_with_the_scope_is_enough() {
    let app = TestApp::start().await;
    for operation in operations() {
        let Scope(scope) = operation.needs else { continue };
        // Records of its own for each, for some of the operations delete theirs.
        let tenant = app.tenant(&operation.id.replace('_', "-")).await;
        let records = records(&app, &tenant).await;
        super::matrix::limit(&app, &tenant).await;
        // An import and an export need the permission of what they are of too.
        let scopes = match &operation.id {
            id if id.contains("import") => vec![scope, "contacts:write"],
            id if id.contains("export") => vec![scope, "contacts:read"],
            _ => vec![scope],
        };
        let answer = operation.call(&app, &key_with(&tenant, &scopes).await, &records).await;
        contract::counted(&operation.id, &answer);
        // A key can be given and rotated by who holds its scopes: the entry's body asks for contacts:read.
        let refused_grant = operation.id.ends_with("_api_key") && !answer.status.is_success();
        // Without a worker a test is let in, and waits for nobody.
        let nobody_answers =
            operation.id == "test_webhook" && answer.json()["code"] == "DEPENDENCY_UNAVAILABLE";
        assert!(answer.status.is_success() || refused_grant || nobody_answers, "{}: {answer}", operation.id);
        assert!(
            !refused_grant || answer.status == 400 || answer.json()["code"] == "FORBIDDEN",
            "{}: {answer}",
            operation.id
        );
    }
}

#[tokio::test]
async fn the_lowest_role_may_only_read_contacts() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let records = records(&app, &acme).await;
    let client = acme.client().await;
    let headers = format!("Authorization: Bearer {}\r\n", client.credential);
    for operation in operations() {
        match operation.needs {
            Nothing | Credential | Scope("contacts:read") => {}
            Scope(_) => {
                let answer = operation.call_without_body(&app, &headers, &operation.path(&records)).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (403, "ROLE_TOO_LOW"),
                    "{}: {answer:?}",
                    operation.id
                );
            }
        }
    }
}
