//! The audit trail: an entry of every change, append-only, chained, and verified.

mod chain;
mod direct;
mod reading;
mod retention;
mod sink_records;
mod sinks;
mod workers;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use tenon_common::Db;
use tenon_common::audit::seal;
use tenon_tests::app::connect;
use tenon_tests::{Client, Tenant, TestApp, eventually};

const EVENTS: &str = "/audit-events";

/// Everything that is asked of the chain.
async fn verified(client: &Client) -> Value {
    client.get(&format!("{EVENTS}/verify")).await.ok()
}

/// As the administrator, who may do what no server's login may.
async fn tamper(connection: &mut PgConnection, statement: &str) {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await;
    let done = done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    assert!(done.rows_affected() > 0, "{statement}");
}

async fn number(connection: &mut PgConnection, statement: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned())).fetch_one(connection).await.expect("a number")
}

/// Entries as the fan-out writes them, each by a transaction of its own, oldest first; with values in all columns.
async fn entries(app: &TestApp, tenant: &Tenant, count: i32) -> Vec<uuid::Uuid> {
    aged(app, tenant, count, "0").await
}

/// The same, of so long ago.
async fn aged(app: &TestApp, tenant: &Tenant, count: i32, age: &str) -> Vec<uuid::Uuid> {
    let mut admin = app.connect().await;
    let mut ids = Vec::new();
    for number in 0..count {
        let id = uuid::Uuid::now_v7();
        let insert = "insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, actor_id, resource_type, resource_id,
                                                      resource_version, outcome, changes, request_id, ip, user_agent, operation, reason, account)
                      values ($1, $2, now() - $4::text::interval, $3, 'records', 'user', $1, 'contact', $1, 1, 'succeeded', '{\"after\":{}}', 'r', '192.0.2.1', 'curl', 'o', 'r', 'a')";
        let inserted =
            sqlx::query(insert).bind(tenant.id.0).bind(id).bind(format!("contact.n{number}")).bind(age);
        inserted.execute(&mut admin).await.expect("an entry");
        ids.push(id);
    }
    ids
}

/// Seals as a worker does, until all that is there has its seal: a transaction of another test may hold the newest up.
async fn seal_all(app: &TestApp) -> Db {
    let worker = connect(app.database().worker_url());
    let mut admin = app.connect().await;
    eventually("all is sealed", async || {
        seal::seal_due(&worker).await.expect("sealed");
        number(&mut app.connect().await, "select count(*) from tenon.audit_events e where not exists
                (select from tenon.audit_seals s where s.tenant_id = e.tenant_id and s.audit_event_id = e.id)")
            .await
            == 0
    })
    .await;
    assert!(number(&mut admin, "select count(*) from tenon.audit_seals").await > 0);
    worker
}
