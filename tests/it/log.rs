//! What changes leave behind, read as the administrator: events and the jobs that tell their readers.

use serde_json::Value;
use sqlx::PgConnection;
use tenon_common::id::TenantId;

/// An event's row.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Event {
    pub(crate) id: uuid::Uuid,
    pub(crate) r#type: String,
    /// As it is sent, byte for byte.
    pub(crate) body: String,
    pub(crate) context: String,
    /// The transaction that wrote the row.
    pub(crate) xmin: String,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a body is JSON")
    }
}

/// A fan-out job's row.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Job {
    pub(crate) lane: String,
    pub(crate) payload: String,
    pub(crate) xmin: String,
}

/// The events of an object, first to last.
pub(crate) async fn events(connection: &mut PgConnection, object: &str) -> Vec<Event> {
    sqlx::query_as(
        "select id, type, body, context, xmin::text as xmin from tenon.events where object_id = $1::uuid order by object_version, id",
    )
    .bind(object)
    .fetch_all(connection)
    .await
    .expect("events can be read")
}

/// All event bodies of a tenant, and all payloads of its jobs.
pub(crate) async fn everything(connection: &mut PgConnection, tenant: TenantId) -> String {
    let texts: Vec<String> = sqlx::query_scalar(
        "select body || context from tenon.events where tenant_id = $1
         union all select convert_from(job, 'UTF8') from apalis.jobs where lane = $1::text",
    )
    .bind(tenant.0)
    .fetch_all(connection)
    .await
    .expect("events and jobs can be read");
    texts.join("\n")
}

/// The jobs that tell an event's readers.
pub(crate) async fn fan_outs(connection: &mut PgConnection, event: &Event) -> Vec<Job> {
    sqlx::query_as(
        "select lane, convert_from(job, 'UTF8') as payload, xmin::text as xmin from apalis.jobs
         where kind = 'fan-out-event' and convert_from(job, 'UTF8') like '%' || $1 || '%'",
    )
    .bind(event.id.to_string())
    .fetch_all(connection)
    .await
    .expect("jobs can be read")
}

/// How many events and jobs there are.
pub(crate) async fn counts(connection: &mut PgConnection) -> (i64, i64) {
    sqlx::query_as("select (select count(*) from tenon.events), (select count(*) from apalis.jobs)")
        .fetch_one(connection)
        .await
        .expect("events and jobs can be counted")
}
