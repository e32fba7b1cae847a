//! From a commit to its receiver, at 200 events a second.
//!
//! The instant of a commit is seen by nobody but the server, so it is taken to be that of the answer to whoever committed: the
//! API's 201, the statement's end. A receiver may be quicker than that answer, and its time is negative then. From the sending
//! of what was answered, both are told as notes: that counts the API's work too, and is more than was asked for.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::bare::Notified;
use super::http::Connection;
use super::meter::Spent;
use super::options::Options;
use super::row::{Bar, Row, Sample, percentile};
use super::stage::{PATIENCE, Stage, Tenant};

/// 200 a second.
pub(super) const EVERY: Duration = Duration::from_millis(5);
const WRITERS: usize = 8;
/// Events before those that count: they open connections and plan statements.
const WARM: usize = 50;

/// Ours: from the API's 201 to the POST. The yardstick: from the end of a statement that inserts and notifies to the POST.
pub(super) async fn commit_to_receiver(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.start_worker().await?;
    let tenant = stage.tenant("When", &["/when/ours".to_owned()]).await?;
    let mut rows = [("commit to receiver, p50", 1.2), ("commit to receiver, p99", 5.0)]
        .map(|(name, more)| Row::new(name, "ms", "a bare NOTIFY and POST", Bar::Above(more)));
    for round in 0..options.rounds {
        for turn in [round % 2, (round + 1) % 2] {
            let mut steady = match turn {
                0 => created(stage, &tenant, EVERY, options.duration()).await?,
                _ => notified(stage, EVERY, options.duration()).await?,
            };
            for (row, share) in rows.iter_mut().zip([0.5, 0.99]) {
                let sample = steady.sample(share);
                if turn == 0 { row.ours.push(sample) } else { row.yardstick.push(sample) }
            }
        }
    }
    Ok(rows.into())
}

/// What was written at a steady rate, and has come.
pub(super) struct Steady {
    /// How many; the first few of them have no latency below.
    pub(super) count: u64,
    pub(super) spent: Spent,
    /// Milliseconds from the commit to the receiver, of each.
    latencies: Vec<f64>,
    /// The same from the sending of what was answered.
    whole: Vec<f64>,
}

impl Steady {
    /// The latency that this share does not exceed.
    pub(super) fn sample(&mut self, share: f64) -> Sample {
        let Spent { postgres, bench, .. } = self.spent;
        Sample::new(percentile(&mut self.latencies, share))
            .cpu(self.spent.programs() + postgres + bench, self.count)
            .note("from the request's sending", percentile(&mut self.whole, share))
    }
}

/// Contacts of a tenant with one webhook below `/when`, created by the API, until the last delivery is acknowledged.
pub(super) async fn created(
    stage: &Stage<'_>,
    tenant: &Tenant,
    every: Duration,
    duration: Duration,
) -> Result<Steady> {
    stage.execute("checkpoint").await?;
    let mut connections = Vec::new();
    for _ in 0..WRITERS {
        connections.push(Arc::new(Mutex::new(Connection::open(tenant.target.address).await?)));
    }
    let write = |n: usize| {
        let connection = Arc::clone(&connections[n % WRITERS]);
        let request = tenant.target.contact();
        async move {
            let mut connection = connection.lock().await;
            let sent = Instant::now();
            let (status, body) = connection.exchange(&request).await?;
            let committed = Instant::now();
            ensure!(status == 201, "{status}: {}", String::from_utf8_lossy(body));
            let answer: Value = serde_json::from_slice(body)?;
            let id = answer["data"]["id"].as_str().context("a contact without an id")?;
            Ok(Written { id: id.parse()?, sent, committed })
        }
    };
    measured(stage, every, duration, write, Some(tenant)).await
}

/// Rows of a table, each of which is told to who sends it.
pub(super) async fn notified(stage: &Stage<'_>, every: Duration, duration: Duration) -> Result<Steady> {
    let create = "create schema if not exists bench; create table if not exists bench.events (id uuid primary key, body text not null)";
    stage.execute(create).await?;
    stage.execute("checkpoint").await?;
    let body: String =
        sqlx::query_scalar("select body from tenon.events where type = 'contact.created' limit 1")
            .fetch_one(&stage.admin)
            .await?;
    let mut about: Value = serde_json::from_str(&body)?;
    about["object"]["id"] = "{id}".into();
    let _notified =
        Notified::start(stage.database.admin_url(), stage.sink.url("/when/bare"), about.to_string()).await?;
    let admin = stage.admin.clone();
    let write = |_: usize| {
        let (admin, body) = (admin.clone(), body.clone());
        async move {
            let id = Uuid::now_v7();
            let mut connection = admin.acquire().await?;
            let sent = Instant::now();
            sqlx::query(
                "with event as (insert into bench.events values ($1, $2)) select pg_notify($3, $1::text)",
            )
            .bind(id)
            .bind(body)
            .bind(Notified::CHANNEL)
            .execute(&mut *connection)
            .await?;
            Ok(Written { id, sent, committed: Instant::now() })
        }
    };
    measured(stage, every, duration, write, None).await
}

/// Writes at a steady rate, whether or not the last is through; ends when all have come, and where there is a tenant are acknowledged.
async fn measured<F>(
    stage: &Stage<'_>,
    every: Duration,
    duration: Duration,
    write: impl Fn(usize) -> F,
    tenant: Option<&Tenant>,
) -> Result<Steady>
where
    F: Future<Output = Result<Written>> + Send + 'static,
{
    let count = WARM + usize::try_from(duration.as_millis() / every.as_millis())?;
    stage.sink.begin(count as u64);
    let meter = stage.meter();
    let mut ticks = tokio::time::interval(every);
    let mut writing = Vec::with_capacity(count);
    for n in 0..count {
        ticks.tick().await;
        writing.push(tokio::spawn(write(n)));
    }
    let mut written = Vec::with_capacity(count);
    for write in writing {
        written.push(write.await??);
    }
    stage.sink.reached(PATIENCE).await?;
    if let Some(tenant) = tenant {
        stage.jobs_gone(tenant).await?;
    }
    let spent = meter.stop();
    let came = stage.sink.objects();
    let (mut latencies, mut whole) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for Written { id, sent, committed } in written.into_iter().skip(WARM) {
        let came = came.get(&id).with_context(|| {
            format!("contact {id} did not come; {} others did, {} times", came.len(), stage.sink.count())
        })?;
        latencies.push(ms_between(committed, came.first));
        whole.push(ms_between(sent, came.first));
    }
    Ok(Steady { count: count as u64, spent, latencies, whole })
}

/// Something whose way to the receiver is timed.
struct Written {
    id: Uuid,
    sent: Instant,
    committed: Instant,
}

/// Negative where the second came first.
fn ms_between(first: Instant, second: Instant) -> f64 {
    let after = second.saturating_duration_since(first).as_secs_f64();
    (after - first.saturating_duration_since(second).as_secs_f64()) * 1e3
}
