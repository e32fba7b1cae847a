//! Lists of a tenant with a million contacts beside those of one with a thousand: the same questions, answers of the same size.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::http::{Connection, Until, load};
use super::options::Options;
use super::row::{Bar, Row, Sample, percentile};
use super::stage::{Stage, Tenant, in_turns};

pub(super) const MANY: u64 = 1_000_000;
const FEW: u64 = 1_000;
/// A list of many may take so many times the time of a list of few.
const TIMES: f64 = 1.5;
/// Milliseconds at the median for words, whose costs depend on how many records have them.
const SEARCH_MS: f64 = 60.0;

/// What is asked, by the row's name.
const PAGES: [(&str, &str); 16] = [
    ("list: newest", ""),
    ("list: oldest", "&sort=createdAt"),
    ("list: last changed", "&sort=-updatedAt"),
    ("list: by name", "&sort=name"),
    ("list: by name, descending", "&sort=-name"),
    ("list: by email", "&sort=email"),
    ("list: by email, descending", "&sort=-email"),
    ("list: by externalId, descending", "&sort=-externalId"),
    ("list: by company", "&sort=company"),
    ("list: by company and name", "&sort=company,name"),
    ("list: by lifecycle, descending", "&sort=-lifecycle"),
    ("list: lifecycle = client", "&lifecycle=client"),
    ("list: company = Company 7", "&company=Company%207"),
    ("list: title = CEO", "&title=CEO"),
    ("list: created in a time", "&filter=createdAt%20%3C%202026-01-01T00%3A10%3A00Z"),
    ("list: name startsWith Ada", "&filter=name%20startsWith%20Ada"),
];

/// Words in many records, in few, and both together.
const WORDS: [&str; 8] =
    ["ada", "company", "0f3a", "grace+7b", "a1", "c4ee+sales", "%2B4915100000500", "example.com"];

/// Pages of 50, first and deep ones, by every sort and filter of standard fields; and words.
pub(super) async fn lists(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let many = filled(stage, "Many", options.count(MANY)).await?;
    let few = filled(stage, "Few", FEW).await?;
    stage.execute("vacuum (analyze) tenon.contacts").await?;
    let mut rows = Vec::new();
    for (name, query) in PAGES {
        let mut row = Row::new(name, "ms at p50", "a tenant of a thousand", Bar::Times(TIMES));
        let paths = [pages(&many, query).await?, pages(&few, query).await?].map(Arc::new);
        let ours = async |stage: &mut Stage<'_>| asked(options, stage, &many, &paths[0]).await;
        let yardstick = async |stage: &mut Stage<'_>| asked(options, stage, &few, &paths[1]).await;
        in_turns(options, &mut row, stage, ours, yardstick).await?;
        rows.push(row);
    }
    let words = WORDS.map(|words| format!("/connection/contacts?limit=50&q={words}")).to_vec();
    let words = Arc::new(words);
    let mut row = Row::new("list: words", "ms at p50", "a tenant of a thousand", Bar::AtMost(SEARCH_MS));
    let ours = async |stage: &mut Stage<'_>| asked(options, stage, &many, &words).await;
    let yardstick = async |stage: &mut Stage<'_>| asked(options, stage, &few, &words).await;
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    rows.push(row);
    Ok(rows)
}

/// A tenant with so many contacts, of which the same shares have the same values.
pub(super) async fn filled(stage: &mut Stage<'_>, name: &'static str, contacts: u64) -> Result<Tenant> {
    let tenant = stage.tenant(name, &[]).await?;
    sqlx::query(
        "insert into tenon.contacts (tenant_id, id, external_id, name, email, email_key, phone, phone_original, company, title, lifecycle,
                                     created_at, created_by, updated_at, updated_by)
         select $1, gen_random_uuid(), case when n % 2 = 0 then 'crm-' || n end,
                (array['Ada', 'Grace', 'John', 'Jane', 'Alan', 'Edsger', 'Barbara', 'Donald'])[1 + n % 8] || ' ' || initcap(substr(hash, 1, 8)),
                address, address, '+49151' || lpad(n::text, 8, '0'), '+49151' || lpad(n::text, 8, '0'),
                case when n % 9 > 0 then 'Company ' || n % 10 end, (array['CEO', 'CTO', 'Engineer', 'Sales', null])[1 + n % 5],
                (array['lead', 'client', 'prospect', null])[1 + n % 4],
                at, 'system', at + (n * 7907 % 1000003) * interval '1 second', 'system'
         from (select n, md5(n::text) as hash, case when n % 10 > 0 then md5(n::text) || '@example.com' end as address,
                      '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second' as at
               from generate_series(1, $2) n) as made
         on conflict do nothing",
    )
    .bind(tenant.id)
    .bind(i64::try_from(contacts)?)
    .execute(&stage.admin)
    .await?;
    Ok(tenant)
}

/// The paths of the first page, and of pages in the first half of the list of few or the first twentieth of many.
async fn pages(tenant: &Tenant, query: &str) -> Result<Vec<String>> {
    let mut connection = Connection::open(tenant.target.address).await?;
    let first = format!("/connection/contacts?limit=50{query}");
    let mut paths = vec![first.clone()];
    let mut path = format!("/connection/contacts?limit=200{query}");
    for _ in 0..200 {
        let (status, body) = connection.exchange(&tenant.target.get(&path)).await?;
        ensure!(status == 200, "{path}: {status} {}", String::from_utf8_lossy(body));
        let page: Value = serde_json::from_slice(body)?;
        let Some(next) = page["pagination"]["nextCursor"].as_str() else { break };
        path = format!("/connection/contacts?limit=200{query}&cursor={next}");
        paths.push(format!("{first}&cursor={next}"));
    }
    let mut whole = Vec::new();
    for path in paths {
        let (_, body) = connection.exchange(&tenant.target.get(&path)).await?;
        let page: Value = serde_json::from_slice(body)?;
        if page["data"].as_array().context("no list")?.len() == 50 {
            whole.push(path);
        }
    }
    ensure!(!whole.is_empty(), "{query}: no whole page");
    Ok(whole)
}

/// The median time of one client, who asks one after the other.
async fn asked(
    options: &Options,
    stage: &Stage<'_>,
    tenant: &Tenant,
    paths: &Arc<Vec<String>>,
) -> Result<Sample> {
    let (target, paths, next) = (tenant.target.clone(), Arc::clone(paths), AtomicUsize::new(0));
    let request = move || target.get(&paths[next.fetch_add(1, Ordering::Relaxed) % paths.len()]);
    let time = Until::Elapsed(options.duration().min(Duration::from_secs(2)));
    let meter = stage.meter();
    let mut load = load(tenant.target.address, 1, time, 200, request).await?;
    let spent = meter.stop();
    Ok(Sample::new(percentile(&mut load.latencies, 0.5))
        .cpu(spent.programs() + spent.postgres, load.done)
        .note("p99 ms", percentile(&mut load.latencies, 0.99)))
}
