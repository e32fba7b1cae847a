//! The whole system as an operator runs it: real binaries on a database of their own, a tenant, and its owner's client.

use serde_json::{Value, json};

use crate::{Client, Cluster, Process, Program, Receiver, TestDatabase};

/// 32 zero bytes: the master key of tests.
pub const SECRET_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// An API, a worker and a tenant.
pub struct Stack {
    /// `tenon-api serve`.
    pub api: Process,
    /// `tenon-worker run`.
    pub worker: Process,
    /// The owner's client, with an API key that may do everything.
    pub owner: Client,
    /// What `tenon-api admin tenant create` answered.
    pub tenant: Value,
    /// The database, dropped last.
    pub database: TestDatabase,
}

impl Stack {
    /// A stack whose failed deliveries are tried again within a second.
    pub async fn start() -> Self {
        Self::with("0,0.2,0.2,0.2,0.2", Cluster::shared().await).await
    }

    /// A stack with a retry schedule, on a server.
    pub async fn with(schedule: &str, cluster: &Cluster) -> Self {
        let database = TestDatabase::create(cluster).await;
        let api = Self::api(&database).start().await;
        let worker = Self::worker(&database, schedule).start().await;
        let tenant = Self::tenant(&database, "Acme").await;
        let owner = Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
        Self { api, worker, owner, tenant, database }
    }

    /// The API of a database, not started yet.
    pub fn api(database: &TestDatabase) -> Program {
        Program::api()
            .env("TENON_DATABASE_URL", database.app_url())
            .env("TENON_STORAGE_URL", database.files())
            .env("TENON_SECRET_KEY", SECRET_KEY)
            .env("TENON_ALLOW_LOCAL_WEBHOOKS", "true")
    }

    /// A worker of a database, not started yet. It is taken for dead after two seconds.
    pub fn worker(database: &TestDatabase, schedule: &str) -> Program {
        Program::worker()
            .env("TENON_DATABASE_URL", database.worker_url())
            .env("TENON_STORAGE_URL", database.files())
            .env("TENON_SECRET_KEY", SECRET_KEY)
            .env("TENON_ALLOW_LOCAL_WEBHOOKS", "true")
            .env("TENON_RETRY_SCHEDULE", schedule)
            .env("TENON_WORKER_DEAD_AFTER", "2")
            .env("TENON_SWEEP_EVERY", "0.5")
            .env("TENON_AUDIT_SEAL_EVERY", "0.1")
            .env("TENON_AUDIT_SINK_EVERY", "0.1")
            .env("TENON_AUDIT_SINK_RETRY_AFTER", "0.1")
    }

    /// A tenant with an owner and an API key, made as an operator makes it.
    pub async fn tenant(database: &TestDatabase, name: &str) -> Value {
        let email = format!("owner@{}.example", name.to_lowercase());
        let arguments = [
            "admin",
            "tenant",
            "create",
            "--name",
            name,
            "--plan",
            "unlimited",
            "--owner-email",
            &email,
            "--owner-name",
            "Ada",
            "--with-api-key",
        ];
        let made = Program::api_command(arguments)
            .env("TENON_DATABASE_URL", database.app_url())
            .env("TENON_SECRET_KEY", SECRET_KEY)
            .run()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        serde_json::from_str(&made).unwrap_or_else(|error| panic!("{error}: {made}"))
    }

    /// A webhook of the receiver for these events; the answer that shows its secret.
    pub async fn webhook(&self, receiver: &Receiver, events: &[&str]) -> Value {
        self.owner.post("/webhooks", json!({"url": receiver.url("/hook"), "events": events})).await.created()
    }

    /// A contact of this name.
    pub async fn contact(&self, name: &str) -> Value {
        self.owner.post("/connection/contacts", json!({"name": name})).await.created()
    }

    /// The deliveries of a webhook, newest first.
    pub async fn deliveries(&self, webhook: &Value) -> Vec<Value> {
        self.owner.get(&format!("/webhooks/{}/events?limit=200", text(webhook, "id"))).await.ok()
    }

    /// The newest delivery of a webhook; null while there is none.
    pub async fn newest(&self, webhook: &Value) -> Value {
        self.deliveries(webhook).await.into_iter().next().unwrap_or_default()
    }
}

/// The text of a field.
#[track_caller]
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}"))
}
