//! What a tenant has for the operations to be about: one record of each kind, a webhook, a key, an import …

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_common::id::EventId;
use tenon_tests::{Tenant, TestApp, factory};

use crate::conventions::ALL;

/// One record of each kind, and a deleted one.
pub(super) struct Records {
    pub(super) tenant: String,
    pub(super) user: String,
    /// By the names of their kinds: `contacts`.
    pub(super) whole: BTreeMap<&'static str, Value>,
    pub(super) deleted: BTreeMap<&'static str, Value>,
    pub(super) webhook: String,
    pub(super) event: String,
    /// A replay that was cancelled.
    pub(super) replay: String,
    pub(super) key: String,
    /// An import that can be cancelled, resumed and reverted, in that order.
    pub(super) import: String,
    pub(super) import_template: String,
    pub(super) upload: String,
    /// An export that waits, and one whose file is there.
    pub(super) export: String,
    pub(super) exported: String,
    pub(super) audit_event: String,
    pub(super) audit_sink: String,
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
         select tenant_id, $2::uuid, id, gen_random_uuid(), type, 'failed' from tenon.events
         where tenant_id = $1 and type = 'contact.created' limit 1
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
        replay: replay(app, tenant, factory::id(&webhook)).await,
        webhook: factory::id(&webhook).to_owned(),
        event: EventId(event).wire(),
        key: factory::id(&keys[0]).to_owned(),
    }
}

/// A replay of the webhook that was cancelled: there may be another one.
async fn replay(app: &TestApp, tenant: &Tenant, webhook: &str) -> String {
    let replay: uuid::Uuid = sqlx::query_scalar(
        "insert into tenon.webhook_replays (tenant_id, id, webhook_id, state, since, until, only_failed, include_never_attempted,
                                            rate_per_second, finished_at, created_at, created_by, updated_at, updated_by)
         values ($1, gen_random_uuid(), $2::uuid, 'cancelled', now(), now(), true, false, 1, now(), now(), 'system', now(), 'system')
         returning id",
    )
    .bind(tenant.id.0)
    .bind(webhook)
    .fetch_one(&mut app.connect().await)
    .await
    .expect("a replay");
    replay.to_string()
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

/// A key of the owner's with one scope.
pub(super) async fn key(tenant: &Tenant, scope: &str) -> String {
    key_with(tenant, &[scope]).await
}

pub(super) async fn key_with(tenant: &Tenant, scopes: &[&str]) -> String {
    let scopes: std::collections::BTreeSet<&str> = scopes.iter().copied().collect();
    let key: Value = tenant.admin().post("/api-keys", json!({"name": "A", "scopes": scopes})).await.created();
    key["key"].as_str().expect("a key").to_owned()
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
