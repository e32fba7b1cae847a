//! What the conventions cost a create, and what a batch saves. The worker does not run meanwhile.

use anyhow::Result;
use serde_json::json;

use super::http::{Target, Until, load};
use super::options::Options;
use super::row::{Bar, Row, Sample, percentile};
use super::stage::{Stage, Tenant, in_turns};

const CLIENTS: usize = 16;
/// Contacts of a batch, which is the most.
const BATCH: u64 = 500;

/// Creates of a tenant whose limits are counted, without and with an `Idempotency-Key`, beside one's without limits.
pub(super) async fn prices(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let bare = stage.tenant("Bare", &[]).await?;
    let limited = stage.limited_tenant("Limited").await?;
    let mut rows = Vec::new();
    for (name, keyed, most) in
        [("create, limits counted", false, 1.1), ("create, limits counted, Idempotency-Key", true, 1.4)]
    {
        let mut row = Row::new(name, "1/s", "a create without limits", Bar::Ratio(1.0 / most));
        let ours = async |stage: &mut Stage<'_>| {
            let target = limited.target.clone();
            created(options, stage, &limited, move || if keyed { once(&target) } else { target.contact() })
                .await
        };
        let yardstick = async |stage: &mut Stage<'_>| {
            let target = bare.target.clone();
            created(options, stage, &bare, move || target.contact()).await
        };
        in_turns(options, &mut row, stage, ours, yardstick).await?;
        rows.push(row);
    }
    stage.execute("truncate apalis.jobs").await?;
    Ok(rows)
}

/// Contacts that one client creates in batches, beside one by one.
pub(super) async fn batch(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let tenant = stage.tenant("Bare", &[]).await?;
    let mut row = Row::new("contacts in batches of 500", "1/s", "one client, one by one", Bar::Ratio(10.0));
    let one_client =
        async |stage: &mut Stage<'_>, contacts_each: u64, status, request: fn(&Target) -> Vec<u8>| {
            stage.execute("truncate apalis.jobs").await?;
            stage.execute("checkpoint").await?;
            let target = tenant.target.clone();
            let meter = stage.meter();
            let until = Until::Elapsed(options.duration());
            let load = load(target.address, 1, until, status, move || request(&target)).await?;
            let spent = meter.stop();
            let done = load.done * contacts_each;
            let rate = load.rate() * contacts_each as f64;
            anyhow::Ok(Sample::new(rate).cpu(spent.programs() + spent.postgres, done))
        };
    let ours =
        async |stage: &mut Stage<'_>| one_client(stage, BATCH, 200, |target| contacts(target, BATCH)).await;
    let yardstick = async |stage: &mut Stage<'_>| one_client(stage, 1, 201, Target::contact).await;
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    stage.execute("truncate apalis.jobs").await?;
    Ok(vec![row])
}

async fn created(
    options: &Options,
    stage: &Stage<'_>,
    tenant: &Tenant,
    request: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Result<Sample> {
    stage.execute("truncate apalis.jobs").await?;
    stage.execute("checkpoint").await?;
    let meter = stage.meter();
    let until = Until::Elapsed(options.duration());
    let mut load = load(tenant.target.address, CLIENTS, until, 201, request).await?;
    let spent = meter.stop();
    Ok(Sample::new(load.rate())
        .cpu(spent.programs() + spent.postgres, load.done)
        .note("p99 ms", percentile(&mut load.latencies, 0.99)))
}

/// A contact that is like no other, under a key that is like no other.
fn once(target: &Target) -> Vec<u8> {
    let key = format!("idempotency-key: {}\r\n", uuid::Uuid::new_v4());
    let request = String::from_utf8(target.contact()).unwrap_or_default();
    request.replacen("content-type:", &(key + "content-type:"), 1).into_bytes()
}

/// A batch of so many contacts that are like no others.
pub(super) fn contacts(target: &Target, count: u64) -> Vec<u8> {
    let one = |_| {
        let email = format!("{}@example.com", uuid::Uuid::new_v4().simple());
        json!({"name": "John Doe", "email": email, "phone": "+1234567890", "company": "ACME Corp"})
    };
    let body = json!({"items": (0..count).map(one).collect::<Vec<_>>()});
    target.post("/connection/contacts/batch/create", &body.to_string())
}
