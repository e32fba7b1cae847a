//! The export of a tenant with a million contacts beside COPY of the same columns, and what it takes of the API's memory.

use anyhow::{Context, Result, ensure};
use futures::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::lists::{MANY, filled};
use super::options::Options;
use super::process::{memory, reset_peak};
use super::row::{Bar, Row, Sample};
use super::stage::{Stage, Tenant, in_turns};

/// An export has at least this share of COPY's speed.
const OF_COPY: f64 = 0.35;
/// MiB that the API may take for it.
const MEMORY: f64 = 16.0;
/// Until a start's own work is over.
const SETTLE: Duration = Duration::from_secs(3);

/// The columns that an export shows.
const COLUMNS: &str = "id, tenant_id, external_id, name, email, phone, phone_original, company, company_id, title, lifecycle, \
                       owner_id, user_id, version, created_at, created_by, updated_at, updated_by, deleted_at";

/// CSV and NDJSON in turns with COPY; then the memory, of processes that were just started.
pub(super) async fn exports(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let contacts = options.count(MANY);
    let tenant = filled(stage, "Many", contacts).await?;
    stage.execute("vacuum (analyze) tenon.contacts").await?;
    let mut rows = Vec::new();
    for (name, format) in [("export: CSV", "csv"), ("export: NDJSON", "ndjson")] {
        let mut row = Row::new(name, "contacts/s", "COPY", Bar::Ratio(OF_COPY));
        let ours = async |stage: &mut Stage<'_>| exported(stage, &tenant, format, contacts).await;
        let yardstick = async |stage: &mut Stage<'_>| copied(stage, &tenant, contacts).await;
        in_turns(options, &mut row, stage, ours, yardstick).await?;
        rows.push(row);
    }
    let mut row = Row::new("export: the API's growth", "MiB", "", Bar::AtMost(MEMORY));
    for _ in 0..options.rounds {
        row.ours.push(Sample::new(grown(stage, contacts).await?));
    }
    rows.push(row);
    Ok(rows)
}

async fn exported(stage: &Stage<'_>, tenant: &Tenant, format: &str, contacts: u64) -> Result<Sample> {
    let meter = stage.meter();
    let started = Instant::now();
    let bytes = download(tenant, &format!("/connection/contacts/export?format={format}")).await?;
    let elapsed = started.elapsed().as_secs_f64();
    let spent = meter.stop();
    let per = |ms: f64| ms / contacts as f64;
    Ok(Sample::new(contacts as f64 / elapsed)
        .cpu(spent.programs() + spent.postgres, contacts)
        .note("MB", bytes as f64 / 1e6)
        .note("API's CPU µs/row", per(spent.programs()) * 1e3)
        .note("PostgreSQL's CPU µs/row", per(spent.postgres) * 1e3))
}

/// Reads all of an answer and keeps none of it; its bytes.
async fn download(tenant: &Tenant, path: &str) -> Result<u64> {
    let mut request = String::from_utf8(tenant.target.get(path))?;
    request.insert_str(request.len() - 2, "connection: close\r\n");
    let mut stream = TcpStream::connect(tenant.target.address).await?;
    stream.write_all(request.as_bytes()).await?;
    let (mut buffer, mut tail, mut bytes) = (vec![0; 256 * 1024], Vec::new(), 0);
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        ensure!(
            bytes > 0 || buffer.starts_with(b"HTTP/1.1 200 "),
            "{}",
            String::from_utf8_lossy(&buffer[..read])
        );
        bytes += read as u64;
        tail.extend_from_slice(&buffer[read.saturating_sub(7)..read]);
        tail.drain(..tail.len().saturating_sub(7));
    }
    ensure!(tail.ends_with(b"\r\n0\r\n\r\n"), "the export broke off after {bytes} bytes");
    Ok(bytes)
}

/// COPY by the API's login, as its tenant.
async fn copied(stage: &Stage<'_>, tenant: &Tenant, contacts: u64) -> Result<Sample> {
    let mut connection = PgConnection::connect(stage.database.app_url()).await?;
    let settings =
        format!("set statement_timeout = 0; set app.tenant_id = '{}'; set app.rank = '3'", tenant.id);
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut connection).await?;
    let copy = format!(
        "copy (select {COLUMNS} from tenon.contacts where tenant_id = '{}' and deleted_at is null) to stdout (format csv, header)",
        tenant.id
    );
    let meter = stage.meter();
    let started = Instant::now();
    let mut bytes = 0;
    let mut stream = connection.copy_out_raw(&copy).await?;
    while let Some(piece) = stream.try_next().await? {
        bytes += piece.len();
    }
    drop(stream);
    let elapsed = started.elapsed().as_secs_f64();
    let spent = meter.stop();
    connection.close().await?;
    Ok(Sample::new(contacts as f64 / elapsed).cpu(spent.postgres, contacts).note("MB", bytes as f64 / 1e6))
}

/// How much more memory the API had at its peak than before it was asked for anything.
async fn grown(stage: &mut Stage<'_>, contacts: u64) -> Result<f64> {
    stage.restart_api().await;
    tokio::time::sleep(SETTLE).await;
    let mut tenant = stage.tenant("Many", &[]).await?;
    tenant.target.address = stage.api.addresses().http.context("the API has no address")?;
    reset_peak(stage.api.id())?;
    let before = memory(stage.api.id())?;
    let bytes = download(&tenant, "/connection/contacts/export").await?;
    ensure!(bytes > contacts * 100, "{bytes} bytes");
    Ok(memory(stage.api.id())?.peak - before.now)
}
