//! What a scenario acts on: the real API and worker on a database of their own, tenants, and receivers with their book.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

use super::book::Book;
use super::listener::Listener;
use super::scenario::Setting;
use crate::bench::process::memory;
use crate::process::Signal;
use crate::stack::{Stack, text};
use crate::{Client, Process, Program, TestDatabase};

/// No outage here uses up the attempts of a delivery.
pub(super) const SCHEDULE: &str = "0,0.5,1,1,2,2,3,3,5,5,5,10,10,10,10,20,20,20";
/// The deadline of an attempt, in seconds: shorter than a person would set it, for what hangs is waited for.
pub(super) const DEADLINE: &str = "3";

/// The whole.
pub(super) struct Site {
    pub(super) stack: Stack,
    pub(super) book: Book,
    pub(super) hooks: Vec<Hook>,
    /// Whether the worker is in a network of its own.
    pub(super) is_away: bool,
    /// The most that the programs have used, in MiB, over all their starts.
    pub(super) peaks: Peaks,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Peaks {
    pub(super) api: f64,
    pub(super) worker: f64,
}

/// A webhook.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) id: Uuid,
    pub(super) path: String,
    pub(super) tenant: Uuid,
    /// How long its events may take, from the answer to the client.
    pub(super) within: Option<Duration>,
}

/// A tenant, and a client with a key that may do everything there.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    pub(super) id: Uuid,
    pub(super) client: Client,
}

/// The API of a database, not started yet.
pub(super) fn api(database: &TestDatabase) -> Program {
    Stack::api(database)
}

/// A worker of a database, not started yet. Nobody takes it for dead as long as it lives.
pub(super) fn worker(database: &TestDatabase) -> Program {
    Stack::worker(database, SCHEDULE)
        .env("TENON_WORKER_DEAD_AFTER", "20")
        .env("TENON_WEBHOOK_TIMEOUT", DEADLINE)
}

/// The socket of a database's server.
pub(super) async fn socket(database: &TestDatabase) -> Result<PathBuf> {
    let mut connection = PgConnection::connect(database.admin_url()).await?;
    let folder: String =
        sqlx::query_scalar("show unix_socket_directories").fetch_one(&mut connection).await?;
    let port: String = sqlx::query_scalar("show port").fetch_one(&mut connection).await?;
    Ok(PathBuf::from(folder).join(format!(".s.PGSQL.{port}")))
}

impl Site {
    /// With the usual settings.
    pub(super) async fn start(setting: &Setting) -> Result<Self> {
        let database = setting.database().await;
        let (api, worker) = (api(&database), worker(&database));
        Self::of(database, api, worker).await
    }

    /// One whose worker is soon taken for dead, for those that kill it.
    pub(super) async fn mortal(setting: &Setting) -> Result<Self> {
        let database = setting.database().await;
        let (api, worker) = (api(&database), worker(&database).env("TENON_WORKER_DEAD_AFTER", "2"));
        Self::of(database, api, worker).await
    }

    /// Of programs that are not started yet.
    pub(super) async fn of(database: TestDatabase, api: Program, worker: Program) -> Result<Self> {
        let tenant = Stack::tenant(&database, "Acme").await;
        let (api, worker) = tokio::try_join!(api.try_start(), worker.try_start())?;
        let owner = Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
        let stack = Stack { api, worker, owner, tenant, database };
        let (book, hooks, peaks) = (Book::default(), Vec::new(), Peaks::default());
        Ok(Self { stack, book, hooks, is_away: false, peaks })
    }

    /// The first tenant.
    pub(super) fn first(&self) -> Result<Customer> {
        let id = text(&self.stack.tenant, "tenantId").parse()?;
        Ok(Customer { id, client: self.stack.owner.clone() })
    }

    /// One more tenant.
    pub(super) async fn customer(&self, name: &str) -> Result<Customer> {
        let tenant = Stack::tenant(&self.stack.database, name).await;
        let client = self.stack.owner.with_bearer(text(&tenant, "apiKey"));
        Ok(Customer { id: text(&tenant, "tenantId").parse()?, client })
    }

    /// A webhook of a tenant at a receiver, for the creation of contacts.
    pub(super) async fn hook(
        &mut self,
        customer: &Customer,
        listener: &Listener,
        path: &str,
        within: Option<Duration>,
    ) -> Result<()> {
        self.hook_at(customer, &listener.url(path), path, within).await
    }

    /// The same by another way to the receiver.
    pub(super) async fn hook_at(
        &mut self,
        customer: &Customer,
        url: &str,
        path: &str,
        within: Option<Duration>,
    ) -> Result<()> {
        let body = json!({"url": url, "events": ["contact.created"]});
        let answer = customer.client.try_send(Method::POST, "/webhooks", Some(body)).await?;
        ensure!(answer.status == 201, "making a webhook: {answer}");
        let webhook: Value = answer.json()["data"].clone();
        self.book.open(path, text(&webhook, "secret"));
        let id = text(&webhook, "id").parse().context("the webhook's id")?;
        self.hooks.push(Hook { id, path: path.to_owned(), tenant: customer.id, within });
        Ok(())
    }

    /// Remembers what memory the programs have used. What is not there uses none.
    pub(super) fn look(&mut self) {
        let peak = |process: &Process| memory(process.id()).map_or(0.0, |memory| memory.peak);
        self.peaks.api = self.peaks.api.max(peak(&self.stack.api));
        self.peaks.worker = self.peaks.worker.max(peak(&self.stack.worker));
    }

    /// `kill -9`, and a new start.
    pub(super) async fn kill_worker(&mut self) -> Result<()> {
        self.look();
        self.stack.worker.kill9().await;
        self.stack.worker.try_start_again().await.context("starting the worker again")
    }

    /// `kill -9`, and a new start on the same port.
    pub(super) async fn kill_api(&mut self) -> Result<()> {
        self.look();
        self.stack.api.kill9().await;
        self.stack.api.try_start_again().await.context("starting the API again")
    }

    /// SIGTERM, the end that has to be a good one, and a new start.
    pub(super) async fn restart_worker(&mut self) -> Result<()> {
        self.look();
        restart(&mut self.stack.worker).await.context("restarting the worker")
    }

    /// The same of the API.
    pub(super) async fn restart_api(&mut self) -> Result<()> {
        self.look();
        restart(&mut self.stack.api).await.context("restarting the API")
    }
}

async fn restart(process: &mut Process) -> Result<()> {
    process.signal(Signal::SIGTERM);
    let status = process.wait().await;
    ensure!(status.success(), "it ended with {status}");
    process.try_start_again().await
}
