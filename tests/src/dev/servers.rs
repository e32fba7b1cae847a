//! The API and the worker as children: started, looked after, stopped.

use super::database::DevDatabase;
use super::folder::Folder;
use super::ports;
use super::stop::Stop;
use crate::Client;
use crate::checkout;
use crate::postgres::Cluster;
use crate::process::{Process, Program, Signal};
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use std::time::{Duration, Instant};

/// How often children are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// A child that cannot be started is tried again after this.
const PAUSE: Duration = Duration::from_secs(2);
/// How long both may take until they are ready.
const READY: Duration = Duration::from_secs(60);

/// What children are told.
pub(super) struct Settings<'a> {
    pub(super) database: &'a DevDatabase,
    pub(super) secret_key: &'a str,
}

impl Settings<'_> {
    /// A command that an operator gives: it may use the administrator's login.
    pub(super) fn of_operator(&self, program: Program) -> Program {
        self.common(program)
            .env("TENON_MIGRATE_DATABASE_URL", &self.database.admin_url)
            .env("TENON_DATABASE_URL", &self.database.app_url)
    }

    pub(super) async fn migrate(&self) -> Result<()> {
        self.of_operator(Program::api_command(["migrate"])).run().await?;
        Ok(())
    }

    fn common(&self, program: Program) -> Program {
        program
            .with_our_settings()
            .env("TENON_STORAGE_URL", &checkout::tenon_folder().join("files").to_string_lossy())
            .env("TENON_SECRET_KEY", self.secret_key)
            .env("TENON_ALLOW_LOCAL_WEBHOOKS", "true")
    }
}

pub(super) struct Servers {
    pub(super) api: Process,
    pub(super) worker: Process,
}

impl Servers {
    /// Starts both and waits until both are ready.
    pub(super) async fn start(folder: &Folder, settings: &Settings<'_>, port: u16) -> Result<Self> {
        let http = ports::free(port, "the API", &[])?;
        let api_operations = ports::free(ports::API_OPERATIONS, "the API's operations port", &[http])?;
        let worker_operations =
            ports::free(ports::WORKER_OPERATIONS, "the worker's operations port", &[http, api_operations])?;
        let api = settings
            .common(Program::api())
            .env("TENON_DATABASE_URL", &settings.database.app_url)
            .env("TENON_HTTP_ADDRESS", &format!("127.0.0.1:{http}"))
            .env("TENON_OPERATIONS_ADDRESS", &format!("127.0.0.1:{api_operations}"))
            .log_to(folder.log("api"));
        let worker = settings
            .common(Program::worker())
            .env("TENON_DATABASE_URL", &settings.database.worker_url)
            .env("TENON_OPERATIONS_ADDRESS", &format!("127.0.0.1:{worker_operations}"))
            .log_to(folder.log("worker"));
        let (api, worker) = tokio::try_join!(api.try_start(), worker.try_start())?;
        let mut servers = Self { api, worker };
        wait_until_ready(&mut servers.api, "the API").await?;
        wait_until_ready(&mut servers.worker, "the worker").await?;
        Ok(servers)
    }

    pub(super) fn api_url(&self) -> String {
        self.api.url()
    }

    /// Looks at everything once, after a moment. True where a child was started again.
    pub(super) async fn look_after(&mut self, cluster: &Cluster) -> bool {
        tokio::time::sleep(LOOK).await;
        if cluster.has_ended() {
            match cluster.revive().await {
                Ok(()) => eprintln!("PostgreSQL had ended; it is started again"),
                Err(error) => {
                    eprintln!("PostgreSQL has ended and cannot be started again: {error:#}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        let api = revive(&mut self.api, "the API").await;
        let worker = revive(&mut self.worker, "the worker").await;
        api || worker
    }

    /// SIGTERM to both and the wait for their end; another Ctrl-C kills them.
    pub(super) async fn stop(&mut self, stop: &mut Stop) {
        self.api.signal(Signal::SIGTERM);
        self.worker.signal(Signal::SIGTERM);
        tokio::select! {
            _ = async { (self.api.wait().await, self.worker.wait().await) } => {}
            () = stop.asked() => eprintln!("Killing what has not stopped"),
        }
    }
}

async fn wait_until_ready(process: &mut Process, what: &str) -> Result<()> {
    let client = Client::new(&process.operations_url());
    let end = Instant::now() + READY;
    loop {
        let answer = match client.try_send(Method::GET, "/readyz", None).await {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Ok(answer) => answer.to_string(),
            Err(error) => format!("{error:#}"),
        };
        let ended = process.try_wait().context("waiting for a child")?;
        ensure!(ended.is_none(), "{what} ended while it got ready:\n{}", process.log_tail());
        ensure!(
            Instant::now() < end,
            "{what} is not ready after {READY:?}: {answer}\n{}",
            process.log_tail()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Starts the process again where it has ended, and says so.
async fn revive(process: &mut Process, what: &str) -> bool {
    let Ok(Some(status)) = process.try_wait() else { return false };
    eprintln!("{what} (process {}) has ended: {status}", process.id());
    match process.try_start_again().await {
        Ok(()) => {
            eprintln!("{what} is started again as process {}", process.id());
            true
        }
        Err(error) => {
            eprintln!("{what} cannot be started again: {error:#}");
            tokio::time::sleep(PAUSE).await;
            false
        }
    }
}
