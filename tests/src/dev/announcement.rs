//! What a person or a program needs to know to use what runs.

use super::database::DevDatabase;
use super::demo::Demo;
use super::servers::Servers;
use serde::Serialize;

/// `dev.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Announcement {
    api_url: String,
    docs_url: String,
    api_metrics_url: String,
    worker_metrics_url: String,
    /// The administrator's.
    database_url: String,
    /// The slug.
    tenant: String,
    api_key: String,
    email: String,
    password: String,
    api_pid: u32,
    worker_pid: u32,
}

impl Announcement {
    pub(super) fn new(servers: &Servers, database: &DevDatabase, demo: &Demo) -> Self {
        let api_url = servers.api_url();
        Self {
            docs_url: format!("{api_url}/docs"),
            api_metrics_url: format!("{}/metrics", servers.api.operations_url()),
            worker_metrics_url: format!("{}/metrics", servers.worker.operations_url()),
            database_url: database.admin_url.clone(),
            tenant: demo.slug.clone(),
            api_key: demo.api_key.clone(),
            email: demo.email.clone(),
            password: demo.password.clone(),
            api_pid: servers.api.id(),
            worker_pid: servers.worker.id(),
            api_url,
        }
    }

    /// After a child was started again.
    pub(super) fn update(&mut self, servers: &Servers) {
        self.api_pid = servers.api.id();
        self.worker_pid = servers.worker.id();
    }

    #[expect(clippy::print_stdout, reason = "this is the program's answer")]
    pub(super) fn print(&self) {
        let Self { api_url, docs_url, api_metrics_url, worker_metrics_url, database_url, .. } = self;
        let Self { tenant, email, password, api_key, .. } = self;
        println!(
            "
Tenon is running.

  API       {api_url}
  Docs      {docs_url}
  Metrics   {api_metrics_url} (API)
            {worker_metrics_url} (worker)
  Database  {database_url}
  Tenant    {tenant}
  Login     {email}
  Password  {password}
  API key   {api_key}
  Logs      .tenon/logs/, and all of this in .tenon/dev.json

Try it:

curl -sS -X POST {api_url}/api/v1/connection/contacts -H 'Authorization: Bearer {api_key}' \\
  -H 'Content-Type: application/json' -d '{{\"name\":\"Alan Turing\",\"company\":\"Bombe Works\"}}'

Ctrl-C stops everything and keeps the data; `cargo dev -- --fresh` starts from nothing.
"
        );
    }
}
