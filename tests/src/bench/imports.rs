//! A large file of contacts, beside the same rows inserted by nothing but `INSERT … SELECT FROM unnest`, in chunks of the same size,
//! as the same login, into the same table with the same indexes.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::fmt::Write;
use std::time::{Duration, Instant};

use super::options::Options;
use super::process::{memory, reset_peak};
use super::row::{Bar, Row, Sample};
use super::stage::{Stage, Tenant, in_turns};
use crate::Client;
use crate::stack::text;

/// Rows of the large file.
const ROWS: u64 = 1_000_000;
/// Rows of the small one, whose memory the large one's is compared with.
const FEW: u64 = 1_000;
const CHUNK: usize = 5_000;

/// Imports with one event at the end, and with an event a row; and the worker's memory.
pub(super) async fn imports(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    let rows = options.count(ROWS);
    let mut made = Vec::new();
    let mut grown = Row::new("worker's peak, import of 1 M above 1 k rows", "MiB", "", Bar::AtMost(32.0));
    for (name, events, least) in
        [("import, one event", "summary", 0.5), ("import, an event a row", "all", 0.3)]
    {
        let mut row = Row::new(name, "rows/s", "insert … select from unnest", Bar::Ratio(least));
        let ours = async |stage: &mut Stage<'_>| {
            let tenant = fresh(stage).await?;
            stage.stop_worker().await;
            stage.start_worker().await?;
            run(stage, &tenant, FEW, events).await?;
            let small = memory(stage.worker_id()?)?.peak;
            reset_peak(stage.worker_id()?)?;
            let sample = run(stage, &tenant, rows, events).await?;
            let large = memory(stage.worker_id()?)?.peak;
            grown.ours.push(Sample::new(large - small).note("1 k MiB", small).note("1 M MiB", large));
            stage.stop_worker().await;
            Ok(sample)
        };
        let yardstick = async |stage: &mut Stage<'_>| {
            let tenant = fresh(stage).await?;
            stage.stop_worker().await;
            bare(stage, &tenant, rows).await
        };
        in_turns(options, &mut row, stage, ours, yardstick).await?;
        made.push(row);
    }
    made.push(grown);
    Ok(made)
}

/// The tenant, with no contact and nothing to do.
async fn fresh(stage: &mut Stage<'_>) -> Result<Tenant> {
    let tenant = stage.tenant("Imports", &[]).await?;
    for statement in [
        "truncate apalis.jobs",
        "truncate tenon.import_chunks, tenon.import_errors, tenon.import_keys, tenon.import_tries, tenon.imports",
        "truncate tenon.contacts, tenon.leads, tenon.activities, tenon.activity_links, tenon.associations cascade",
        "truncate tenon.events",
        "checkpoint",
    ] {
        stage.execute(statement).await?;
    }
    Ok(tenant)
}

/// Imports so many rows; rows a second from the first to the last.
async fn run(stage: &Stage<'_>, tenant: &Tenant, rows: u64, events: &str) -> Result<Sample> {
    let mut file = String::from("externalId,name,email,phone,company,title\n");
    for row in 0..rows {
        let person = Person::of(row, rows);
        writeln!(file, "{},{},{},{},{},{}", person.0, person.1, person.2, person.3, person.4, person.5)?;
    }
    let client = Client::new(&format!("{}/api/v1", stage.api.url())).with_bearer(&tenant.target.key);
    let meter = stage.meter();
    let options = json!({"object": "contacts", "bulkEvents": events});
    let sent = client.upload("/imports", &options, "contacts.csv", file.as_bytes()).await;
    ensure!(sent.status == 202, "sending the file: {sent}");
    let path = format!("/imports/{}", text(&sent.json()["data"], "id"));
    let end = Instant::now() + Duration::from_secs(330);
    let ended = loop {
        let now: Value = client.get(&path).await.ok();
        if !now["finishedAt"].is_null() {
            break now;
        }
        ensure!(Instant::now() < end, "the import does not end: {now}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let spent = meter.stop();
    ensure!(ended["created"] == rows, "not every row was made: {ended}");
    let time = |field: &str| -> Result<chrono::DateTime<chrono::Utc>> { Ok(text(&ended, field).parse()?) };
    let validated = (time("startedAt")? - time("createdAt")?).num_milliseconds() as f64 / 1000.0;
    let taken = (time("finishedAt")? - time("startedAt")?).num_milliseconds() as f64 / 1000.0;
    Ok(Sample::new(rows as f64 / taken.max(0.001))
        .cpu(spent.programs() + spent.postgres, rows)
        .note("s until the first row", validated))
}

/// The fields of a row. Names and addresses are shuffled as people's are, so that indexes are not filled from one end.
struct Person(String, String, String, String, String, &'static str);

impl Person {
    fn of(row: u64, rows: u64) -> Self {
        const TITLES: [&str; 4] = ["CEO", "Engineer", "Buyer", "Clerk"];
        let shuffled = (row * 7_919 + 13) % rows.max(1);
        Self(
            format!("crm-{shuffled}-{rows}"),
            format!("Person {shuffled}"),
            format!("p{shuffled}.{rows}@example{}.com", row % 997),
            format!("+1415{:07}", row % 10_000_000),
            format!("Company {}", row % 5_000),
            TITLES[row as usize % 4],
        )
    }
}

/// The same rows, with nothing around them.
async fn bare(stage: &Stage<'_>, tenant: &Tenant, rows: u64) -> Result<Sample> {
    let mut connection = PgConnection::connect(stage.database.worker_url()).await?;
    let meter = stage.meter();
    let began = Instant::now();
    let all: Vec<u64> = (0..rows).collect();
    for chunk in all.chunks(CHUNK) {
        let people: Vec<Person> = chunk.iter().map(|row| Person::of(*row, rows)).collect();
        let column =
            |of: fn(&Person) -> &str| people.iter().map(|person| of(person).to_owned()).collect::<Vec<_>>();
        let begin = format!("BEGIN; SET LOCAL app.tenant_id = '{}'; SET LOCAL app.rank = '5'", tenant.id);
        sqlx::raw_sql(sqlx::AssertSqlSafe(begin)).execute(&mut connection).await?;
        sqlx::query(
            "insert into tenon.contacts (tenant_id, id, external_id, name, email, email_key, phone, phone_original, company, title,
                                         created_at, created_by, updated_at, updated_by)
             select $1, u.id, u.external_id, u.name, u.email, u.email, u.phone, u.phone, u.company, u.title, now(), 'system', now(), 'system'
             from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
                 as u (id, external_id, name, email, phone, company, title)",
        )
        .bind(tenant.id)
        .bind(people.iter().map(|_| uuid::Uuid::now_v7()).collect::<Vec<_>>())
        .bind(column(|person| &person.0))
        .bind(column(|person| &person.1))
        .bind(column(|person| &person.2))
        .bind(column(|person| &person.3))
        .bind(column(|person| &person.4))
        .bind(column(|person| person.5))
        .execute(&mut connection)
        .await?;
        sqlx::raw_sql("COMMIT").execute(&mut connection).await?;
    }
    let taken = began.elapsed().as_secs_f64();
    let spent = meter.stop();
    let made: i64 = sqlx::query_scalar("select count(*) from tenon.contacts where tenant_id = $1")
        .bind(tenant.id)
        .fetch_one(&stage.admin)
        .await
        .context("counting")?;
    ensure!(made as u64 == rows, "{made} of {rows}");
    connection.close().await?;
    Ok(Sample::new(rows as f64 / taken).cpu(spent.postgres, rows))
}
