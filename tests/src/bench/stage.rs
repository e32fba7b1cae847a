//! What most rows stand on: a database, the real API and worker, tenants, and a receiver.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

use super::http::{Connection, Target};
use super::machine::Machine;
use super::meter::{Meter, Programs};
use super::options::Options;
use super::row::{Row, Sample};
use super::sink::Sink;
use crate::process::Signal;
use crate::stack::{SECRET_KEY, Stack, text};
use crate::{Client, Cluster, Process, Program, TestDatabase};

/// A measurement that takes longer has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);

/// The stage. Settings of the programs are their defaults, but that webhooks may be local and limits only count.
pub(super) struct Stage<'a> {
    pub(super) machine: &'a Machine,
    pub(super) api: Process,
    worker: Option<Process>,
    tenants: HashMap<String, Tenant>,
    pub(super) sink: Sink,
    /// Behind the wall, for preparing and for looking.
    pub(super) admin: PgPool,
    /// Dropped last.
    pub(super) database: TestDatabase,
}

/// A tenant on the plan without limits.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    pub(super) id: Uuid,
    pub(super) user: Uuid,
    pub(super) target: Target,
    pub(super) webhooks: Vec<Uuid>,
}

impl<'a> Stage<'a> {
    pub(super) async fn build(cluster: &Cluster, machine: &'a Machine) -> Result<Self> {
        let database = TestDatabase::create(cluster).await;
        let api = program(Program::api(), database.app_url()).try_start().await?;
        let admin = PgPool::connect_lazy(database.admin_url())?;
        // Not from a runtime's thread, which must not wait for another's.
        let sink = tokio::task::spawn_blocking(Sink::start).await??;
        Ok(Self { machine, api, worker: None, tenants: HashMap::new(), sink, admin, database })
    }

    pub(super) async fn start_worker(&mut self) -> Result<()> {
        if self.worker.is_none() {
            let worker = program(Program::worker(), self.database.worker_url());
            self.worker = Some(worker.try_start().await?);
        }
        Ok(())
    }

    pub(super) async fn stop_worker(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            worker.signal(Signal::SIGTERM);
            worker.wait().await;
        }
    }

    /// As `kill -9` does: what it has under way is not waited for.
    pub(super) async fn kill_worker(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            worker.kill9().await;
        }
    }

    /// A new API process; tenants are asked for again afterwards.
    pub(super) async fn restart_api(&mut self) {
        self.api.restart().await;
    }

    /// The worker's process id.
    pub(super) fn worker_id(&self) -> Result<u32> {
        Ok(self.worker.as_ref().context("the worker is not running")?.id())
    }

    pub(super) fn meter(&self) -> Meter<'a> {
        let worker = self.worker.as_ref().map(Process::id);
        Meter::start(self.machine, Programs { api: Some(self.api.id()), worker })
    }

    /// The tenant of this name; made at the first call, with a webhook for each of the paths at the receiver.
    pub(super) async fn tenant(&mut self, name: &str, paths: &[String]) -> Result<Tenant> {
        let webhook = |path: &String| json!({"url": self.sink.url(path), "events": ["contact.created"]});
        let webhooks: Vec<Value> = paths.iter().map(webhook).collect();
        self.tenant_with(name, &webhooks).await
    }

    /// The same with webhooks that are made of these bodies.
    pub(super) async fn tenant_with(&mut self, name: &str, bodies: &[Value]) -> Result<Tenant> {
        if let Some(tenant) = self.tenants.get(name) {
            return Ok(tenant.clone());
        }
        let made = Stack::tenant(&self.database, name).await;
        let key = text(&made, "apiKey").to_owned();
        let address = self.api.addresses().http.context("the API has no address")?;
        let client = self.client(&key);
        let mut webhooks = Vec::new();
        for body in bodies {
            let answer = client.try_send(reqwest::Method::POST, "/webhooks", Some(body.clone())).await?;
            ensure!(answer.status == 201, "making a webhook: {answer}");
            let made = answer.json()["data"].clone();
            let is_known = |field: &String| !made[field].is_null();
            ensure!(body.as_object().is_some_and(|body| body.keys().all(is_known)), "{body} made {made}");
            webhooks.push(text(&made, "id").parse()?);
        }
        let tenant = Tenant {
            id: text(&made, "tenantId").parse()?,
            user: text(&made, "userId").parse()?,
            target: Target { address, key },
            webhooks,
        };
        self.tenants.insert(name.to_owned(), tenant.clone());
        Ok(tenant)
    }

    /// The same on the plan business, whose limits are counted. Nobody is refused here.
    pub(super) async fn limited_tenant(&mut self, name: &str) -> Result<Tenant> {
        let tenant = self.tenant(name, &[]).await?;
        let plan = "update tenon.tenants set plan = 'business' where id = $1";
        sqlx::query(plan).bind(tenant.id).execute(&self.admin).await?;
        Ok(tenant)
    }

    /// One contact of the tenant, through the API.
    pub(super) async fn contact(&self, tenant: &Tenant) -> Result<()> {
        let mut connection = Connection::open(tenant.target.address).await?;
        let (status, body) = connection.exchange(&tenant.target.contact()).await?;
        ensure!(status == 201, "making a contact: {status} {}", String::from_utf8_lossy(body));
        Ok(())
    }

    pub(super) async fn execute(&self, statement: &str) -> Result<()> {
        execute(&self.admin, statement).await
    }

    /// A client of the API with a tenant's key.
    pub(super) fn client(&self, key: &str) -> Client {
        Client::new(&format!("{}/api/v1", self.api.url())).with_bearer(key)
    }

    /// Waits until no event or delivery of the tenant waits or is under way.
    pub(super) async fn jobs_gone(&self, tenant: &Tenant) -> Result<Instant> {
        // What comes after '/' is '0'.
        self.none_left(
            &["fan-out-event", "deliver-webhook"],
            &tenant.id.to_string(),
            &format!("{}0", tenant.id),
        )
        .await
    }

    /// The same of all tenants.
    pub(super) async fn all_jobs_gone(&self) -> Result<Instant> {
        self.none_left(&["fan-out-event", "deliver-webhook"], "", "~").await
    }

    /// The same of the tenant's fan-outs alone.
    pub(super) async fn fanned_out(&self, tenant: &Tenant) -> Result<Instant> {
        self.none_left(&["fan-out-event"], &tenant.id.to_string(), &format!("{}0", tenant.id)).await
    }

    /// Looks by the indexes of what waits and of what is held, so that it costs nothing however large the table was.
    async fn none_left(&self, kinds: &[&str], first_lane: &str, end: &str) -> Result<Instant> {
        let mut connection = PgConnection::connect(self.database.admin_url()).await?;
        let settings = "set enable_seqscan = off; set enable_bitmapscan = off; set jit = off";
        sqlx::raw_sql(settings).execute(&mut connection).await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left: bool = sqlx::query_scalar(
                "select exists (select from apalis.jobs where kind = any ($1) and status = 'Pending' and lane >= $2 and lane < $3)
                     or exists (select from apalis.jobs where lock_by is not null and orphaned >= 0 and kind = any ($1)
                                                          and lane >= $2 and lane < $3)",
            )
            .bind(kinds)
            .bind(first_lane)
            .bind(end)
            .fetch_one(&mut connection)
            .await?;
            if !left {
                let gone = Instant::now();
                connection.close().await?;
                return Ok(gone);
            }
            ensure!(Instant::now() < deadline, "jobs are left after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn program(program: Program, url: &str) -> Program {
    program
        .env("TENON_DATABASE_URL", url)
        .env("TENON_SECRET_KEY", SECRET_KEY)
        .env("TENON_ALLOW_LOCAL_WEBHOOKS", "true")
        .env("TENON_RATE_LIMITS", "shadow")
}

/// Statements without parameters, of the bench's own making.
pub(super) async fn execute(pool: &PgPool, statement: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(pool).await.context(statement.to_owned())?;
    Ok(())
}

/// Measures a row's rounds: ours and the yardstick in turns, each first in every other round.
pub(super) async fn in_turns<C>(
    options: &Options,
    row: &mut Row,
    context: &mut C,
    mut ours: impl AsyncFnMut(&mut C) -> Result<Sample>,
    mut yardstick: impl AsyncFnMut(&mut C) -> Result<Sample>,
) -> Result<()> {
    for round in 0..options.rounds {
        if round % 2 == 0 {
            row.ours.push(limited(ours(context)).await?);
            row.yardstick.push(limited(yardstick(context)).await?);
        } else {
            row.yardstick.push(limited(yardstick(context)).await?);
            row.ours.push(limited(ours(context)).await?);
        }
    }
    Ok(())
}

async fn limited(sample: impl Future<Output = Result<Sample>>) -> Result<Sample> {
    tokio::time::timeout(2 * PATIENCE, sample).await.context("a measurement does not end")?
}
