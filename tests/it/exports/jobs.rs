//! Exports that a worker writes into files.

mod bounds;
mod expiry;
mod files;
mod kills;
mod lifecycle;
mod scope;

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use tenon_tests::eventually::within;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Person, Process, Tenant, TestApp};

/// How long an export may take: tests that run beside it fill the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// An app with one tenant and its administrator, and a worker.
struct Setting {
    worker: Process,
    acme: Tenant,
    admin: Person,
    app: TestApp,
}

impl Setting {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let acme = app.tenant("acme").await;
        let admin = acme.admin();
        let worker = Stack::worker(app.database(), "0").start().await;
        Self { worker, acme, admin, app }
    }

    /// Has every contact that the worker reads cost it a millisecond, or no longer.
    async fn slow(&self, is_slow: bool) {
        let statement = match is_slow {
            true => {
                "create or replace function tenon.slow() returns boolean language sql stable cost 100000 as 'select pg_sleep(0.001) is not null';
                 grant execute on function tenon.slow() to public;
                 create policy slow on tenon.contacts as restrictive for select to tenon_worker using (title is not null and tenon.slow())"
            }
            false => "drop policy slow on tenon.contacts",
        };
        self.app.connect().await.execute(AssertSqlSafe(statement)).await.expect("a policy");
    }

    /// The files of the storage, and what is not a file yet.
    fn files(&self) -> Vec<std::path::PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![std::path::PathBuf::from(self.app.database().files()).join("exports")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }
}

/// Asks for an export; as it was accepted.
async fn ask(client: &Client, body: Value) -> Value {
    let answer = client.post("/exports", body).await.status(202);
    let export = answer.json()["data"].clone();
    assert_eq!(answer.header("location"), format!("/api/v1/exports/{}", text(&export, "id")));
    export
}

fn path(export: &Value) -> String {
    format!("/exports/{}", text(export, "id"))
}

/// The export once it stands so.
async fn stands(client: &Client, export: &Value, state: &str) -> Value {
    within(PATIENCE, state, async || {
        let now: Value = client.get(&path(export)).await.ok();
        if now["state"] == state { Ok(now) } else { Err(now.to_string()) }
    })
    .await
}

/// Asks for an export and waits for its file.
async fn exported(client: &Client, body: Value) -> (Value, Vec<u8>) {
    let export = ask(client, body).await;
    let export = stands(client, &export, "succeeded").await;
    let answer = client.get(&format!("{}/download", path(&export))).await.status(200);
    assert_eq!(export["bytes"], json!(answer.body.len()));
    (export, answer.body.to_vec())
}

/// The export once so many records are written, or more.
async fn at_work(client: &Client, export: &Value, rows: i64) -> Value {
    within(PATIENCE, "it goes on", async || {
        let now: Value = client.get(&path(export)).await.ok();
        let so_many = now["rows"].as_i64().is_some_and(|written| written >= rows);
        if so_many && now["state"] == "running" { Ok(now) } else { Err(now.to_string()) }
    })
    .await
}
