//! Contacts over HTTP beside pgbench. The worker does not run meanwhile, so that both have the machine to themselves.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenon_common::id::EventId;

use super::http::{Connection, Load, Until, load};
use super::options::Options;
use super::pgbench::{Done, Pgbench};
use super::row::{Bar, Row, Sample, percentile};
use super::stage::{Stage, Tenant, in_turns};

const CLIENTS: usize = 16;
/// Contacts that are read.
const CONTACTS: u64 = 20_000;
/// Pages of 50 that are read; the last of them are not, so that each is full.
const PAGES: u64 = 300;

/// GET of one of many contacts.
pub(super) async fn get(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    let (tenant, pgbench) = prepare(options, stage).await?;
    let mut row = Row::new("contact get", "1/s", "pgbench", Bar::Ratio(0.55));
    let ours = async |stage: &mut Stage<'_>| {
        let target = tenant.target.clone();
        let request = move || {
            let number = rand::random_range(1..=CONTACTS);
            target.get(&format!("/connection/contacts/00000000-0000-7000-8000-{number:012}"))
        };
        over_http(options, stage, &tenant, 200, request).await
    };
    let yardstick = async |stage: &mut Stage<'_>| {
        over_pgbench(options, stage, &tenant, &pgbench, Script::of("get.sql")).await
    };
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    Ok(vec![row])
}

/// A page of 50 by cursor, anywhere in the list.
pub(super) async fn page(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    let (tenant, pgbench) = prepare(options, stage).await?;
    let cursors = Arc::new(cursors(&tenant).await?);
    let mut row = Row::new("page of 50 by cursor", "1/s", "pgbench", Bar::Ratio(0.65));
    let ours = async |stage: &mut Stage<'_>| {
        let (target, cursors) = (tenant.target.clone(), Arc::clone(&cursors));
        let next = AtomicUsize::new(0);
        let request = move || {
            // A step that has no divisor in common with the number: all pages, in no order.
            let cursor = &cursors[next.fetch_add(97, Ordering::Relaxed) % cursors.len()];
            target.get(&format!("/connection/contacts?limit=50&cursor={cursor}"))
        };
        over_http(options, stage, &tenant, 200, request).await
    };
    let yardstick = async |stage: &mut Stage<'_>| {
        over_pgbench(options, stage, &tenant, &pgbench, Script::of("page.sql")).await
    };
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    Ok(vec![row])
}

/// POST of contacts, each with its event and its job.
pub(super) async fn create(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    let (_, pgbench) = prepare(options, stage).await?;
    let tenant = stage.tenant("Writer", &[]).await?;
    let sample = like_the_api(stage, &tenant).await?;
    stage.execute(KEYED).await?;
    let mut row = Row::new("contact create", "1/s", "pgbench", Bar::Ratio(0.80));
    let mut keyed = Row::new("contact create", "1/s", "pgbench, tables with nothing but keys", Bar::Nothing);
    let ours = async |stage: &mut Stage<'_>| {
        stage.execute("truncate apalis.jobs").await?;
        let target = tenant.target.clone();
        over_http(options, stage, &tenant, 201, move || target.contact()).await
    };
    let yardstick = async |stage: &mut Stage<'_>| {
        stage.execute("truncate apalis.jobs, bench.kept_jobs").await?;
        let variables = of_this_moment(&sample);
        let tables = ["bench.kept_contacts", "bench.kept_events", "bench.kept_jobs"];
        keyed.yardstick.push(created_by(&pgbench, options, stage, &tenant, tables, &variables).await?);
        let tables = ["tenon.contacts", "tenon.events", "apalis.jobs"];
        created_by(&pgbench, options, stage, &tenant, tables, &of_this_moment(&sample)).await
    };
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    stage.execute("truncate apalis.jobs").await?;
    // The notes stand with the other row.
    keyed.ours = row.ours.iter().map(|sample| Sample { notes: Vec::new(), ..sample.clone() }).collect();
    Ok(vec![row, keyed])
}

/// The tables that a create writes into, with the same columns and nothing else: no index, wall, trigger, check or reference.
const KEYED: &str = "
    create schema if not exists bench;
    create table if not exists bench.kept_contacts (like tenon.contacts including defaults including generated, primary key (tenant_id, id));
    create table if not exists bench.kept_events (like tenon.events including defaults including generated, primary key (tenant_id, id));
    create table if not exists bench.kept_jobs (like apalis.jobs including defaults including generated, primary key (id));
    grant usage on schema bench to tenon_app;
    grant select, insert on bench.kept_contacts, bench.kept_events, bench.kept_jobs to tenon_app";

/// With the time that UUIDv7s and ULIDs of this moment begin with.
fn of_this_moment(sample: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let (event, ulid) = (EventId::new(), EventId::new().wire());
    let prefix = event.to_string().get(..15).unwrap_or_default().to_owned();
    let mut variables = sample.to_vec();
    variables.extend([("prefix", prefix), ("ulid", ulid.get(4..14).unwrap_or_default().to_owned())]);
    variables
}

/// Creates by pgbench, into these tables of contacts, events and jobs.
async fn created_by(
    pgbench: &Pgbench,
    options: &Options,
    stage: &Stage<'_>,
    tenant: &Tenant,
    tables: [&str; 3],
    variables: &[(&str, String)],
) -> Result<Sample> {
    let places = ["contact_table", "event_table", "job_table"];
    let tables: Vec<_> = places.into_iter().zip(tables.map(str::to_owned)).collect();
    over_pgbench(options, stage, tenant, pgbench, Script { file: "create.sql", tables: &tables, variables })
        .await
}

/// Stops the worker; the tenant whose contacts are read is filled.
async fn prepare(options: &Options, stage: &mut Stage<'_>) -> Result<(Tenant, Pgbench)> {
    stage.stop_worker().await;
    let tenant = stage.tenant("Reader", &[]).await?;
    sqlx::query(
        "insert into tenon.contacts (tenant_id, id, name, email, email_key, phone, phone_original, company, created_at,
                                     created_by, updated_at, updated_by)
         select $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Contact ' || n, 'contact' || n || '@example.com',
                'contact' || n || '@example.com', '+1234567890', '+1234567890', 'ACME Corp',
                '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second', 'system',
                '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second', 'system'
         from generate_series(1, $2) n
         on conflict do nothing",
    )
    .bind(tenant.id)
    .bind(i64::try_from(CONTACTS)?)
    .execute(&stage.admin)
    .await?;
    stage.execute("vacuum (analyze) tenon.contacts").await?;
    let pgbench = Pgbench::find(&stage.admin, stage.database.app_url(), options).await?;
    Ok((tenant, pgbench))
}

async fn over_http(
    options: &Options,
    stage: &Stage<'_>,
    tenant: &Tenant,
    expected: u16,
    request: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Result<Sample> {
    stage.execute("checkpoint").await?;
    let meter = stage.meter();
    let Load { done, elapsed, mut latencies } =
        load(tenant.target.address, CLIENTS, Until::Elapsed(options.duration()), expected, request).await?;
    let spent = meter.stop();
    let per = |ms: f64| ms / done as f64;
    Ok(Sample::new(done as f64 / elapsed.as_secs_f64())
        .cpu(spent.programs() + spent.postgres, done)
        .note("API's CPU ms/op", per(spent.programs()))
        .note("PostgreSQL's CPU ms/op", per(spent.postgres))
        .note("client's CPU ms/op", per(spent.bench))
        .note("p50 ms", percentile(&mut latencies, 0.5))
        .note("p99 ms", percentile(&mut latencies, 0.99)))
}

/// A script of pgbench.
#[derive(Clone, Copy)]
struct Script<'a> {
    file: &'a str,
    /// Names of tables, for its placeholders.
    tables: &'a [(&'a str, String)],
    variables: &'a [(&'a str, String)],
}

impl<'a> Script<'a> {
    /// One that needs neither.
    fn of(file: &'a str) -> Self {
        Self { file, tables: &[], variables: &[] }
    }
}

async fn over_pgbench(
    options: &Options,
    stage: &Stage<'_>,
    tenant: &Tenant,
    pgbench: &Pgbench,
    script: Script<'_>,
) -> Result<Sample> {
    stage.execute("checkpoint").await?;
    let mut placeholders = vec![
        ("tenant", tenant.id.to_string()),
        ("user", tenant.user.to_string()),
        ("contacts", CONTACTS.to_string()),
        ("pages", PAGES.to_string()),
    ];
    placeholders.extend(script.tables.iter().cloned());
    let mut all = vec![("tenant", tenant.id.to_string())];
    all.extend(script.variables.iter().cloned());
    let meter = stage.meter();
    let Done { transactions, rate } =
        pgbench.run(script.file, &placeholders, &all, CLIENTS, options.seconds).await?;
    let spent = meter.stop();
    Ok(Sample::new(rate)
        .cpu(spent.pgbench + spent.postgres, transactions)
        .note("PostgreSQL's CPU ms/op", spent.postgres / transactions as f64))
}

/// Cursors of the first pages.
async fn cursors(tenant: &Tenant) -> Result<Vec<String>> {
    let mut connection = Connection::open(tenant.target.address).await?;
    let (mut cursors, mut path) = (Vec::new(), "/connection/contacts?limit=50".to_owned());
    for _ in 0..PAGES {
        let (status, body) = connection.exchange(&tenant.target.get(&path)).await?;
        ensure!(status == 200, "{path}: {status} {}", String::from_utf8_lossy(body));
        let page: Value = serde_json::from_slice(body)?;
        let next =
            page["pagination"]["nextCursor"].as_str().with_context(|| format!("no cursor in {page}"))?;
        path = format!("/connection/contacts?limit=50&cursor={next}");
        cursors.push(next.to_owned());
    }
    Ok(cursors)
}

/// What the API writes beside a contact, for pgbench to write the same.
async fn like_the_api(stage: &Stage<'_>, tenant: &Tenant) -> Result<Vec<(&'static str, String)>> {
    stage.contact(tenant).await?;
    let (body, context): (String, String) = sqlx::query_as(
        "select body, context from tenon.events where tenant_id = $1 order by id desc limit 1",
    )
    .bind(tenant.id)
    .fetch_one(&stage.admin)
    .await?;
    let (payload, metadata): (String, String) = sqlx::query_as(
        "select job::text, metadata::text from apalis.jobs where lane = $1 order by id desc limit 1",
    )
    .bind(tenant.id.to_string())
    .fetch_one(&stage.admin)
    .await?;
    let actor = format!("apiKey:{}", tenant.user);
    Ok(vec![
        ("body", body),
        ("context", context),
        ("payload", payload),
        ("metadata", metadata),
        ("actor", actor),
    ])
}
