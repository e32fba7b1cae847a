//! Deliveries that wait when the worker comes.

use anyhow::{Result, ensure};
use std::time::Duration;
use tenon_common::id::{DeliveryId, EventId, TenantId, WebhookId};
use tenon_common::job::{self, EncodedJob};
use tenon_common::webhook::delivery::DeliverWebhook;

use super::bare;
use super::options::Options;
use super::row::{Bar, Row, Sample};
use super::stage::{PATIENCE, Stage, Tenant, in_turns};

const DELIVERIES: u64 = 20_000;
/// What a webhook has in flight by default.
const CONCURRENCY: usize = 10;

/// 20,000 deliveries of one webhook, from the first request to the last acknowledgement.
pub(super) async fn waiting(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.stop_worker().await;
    let tenant = stage.tenant("Waiting", &["/waiting".to_owned()]).await?;
    stage.contact(&tenant).await?;
    let count = options.count(DELIVERIES);
    let mut batched =
        Row::new("20,000 waiting deliveries", "1/s", "a bare loop in batches", Bar::Ratio(0.55));
    let mut singly =
        Row::new("20,000 waiting deliveries", "1/s", "a bare loop of single rows", Bar::Ratio(0.55));
    let ours = async |stage: &mut Stage<'_>| ours(stage, &tenant, count).await;
    let yardstick = async |stage: &mut Stage<'_>| {
        singly.yardstick.push(bare(stage, &tenant, count, false).await?);
        bare(stage, &tenant, count, true).await
    };
    in_turns(options, &mut batched, stage, ours, yardstick).await?;
    // The notes stand with the other row.
    singly.ours = batched.ours.iter().map(|sample| Sample { notes: Vec::new(), ..sample.clone() }).collect();
    Ok(vec![batched, singly])
}

async fn ours(stage: &mut Stage<'_>, tenant: &Tenant, count: u64) -> Result<Sample> {
    stage.execute("truncate apalis.jobs").await?;
    for begin in (0..count).step_by(5000) {
        wait_in_line(stage, tenant, 5000.min(count - begin)).await?;
    }
    for table in ["apalis.jobs", "tenon.deliveries", "tenon.delivery_attempts", "tenon.events"] {
        stage.execute(&format!("vacuum (analyze) {table}")).await?;
    }
    stage.execute("checkpoint").await?;
    stage.sink.begin(count);
    stage.start_worker().await?;
    let meter = stage.meter();
    let (first, _) = stage.sink.reached(PATIENCE).await?;
    let gone = stage.jobs_gone(tenant).await?;
    let spent = meter.stop();
    let came = stage.sink.count();
    stage.stop_worker().await;
    let sample = Sample::new(count as f64 / (gone - first).as_secs_f64())
        .cpu(spent.programs + spent.postgres, count)
        .note("worker's CPU ms/delivery", spent.programs / count as f64)
        .note("PostgreSQL's CPU ms/delivery", spent.postgres / count as f64)
        .note("receiver's CPU ms/delivery", spent.bench / count as f64)
        .note("sent more than once", (came - count) as f64);
    Ok(sample)
}

async fn bare(stage: &mut Stage<'_>, tenant: &Tenant, count: u64, batched: bool) -> Result<Sample> {
    let body: String = sqlx::query_scalar(
        "select body from tenon.events where tenant_id = $1 and type = 'contact.created' order by id limit 1",
    )
    .bind(tenant.id)
    .fetch_one(&stage.admin)
    .await?;
    bare::fill(&stage.admin, &stage.sink.url("/waiting"), &body, count).await?;
    stage.execute("checkpoint").await?;
    stage.sink.begin(count);
    let meter = stage.meter();
    let url = stage.database.admin_url();
    let deleted = match batched {
        true => bare::deliver(url, CONCURRENCY).await?,
        false => bare::deliver_singly(url, CONCURRENCY).await?,
    };
    let gone = std::time::Instant::now();
    let spent = meter.stop();
    ensure!(deleted == count, "{deleted} of {count} were deleted");
    let (first, _) = stage.sink.reached(Duration::ZERO).await?;
    Ok(Sample::new(count as f64 / (gone - first).as_secs_f64()).cpu(spent.bench + spent.postgres, count))
}

/// Events like the tenant's first, each with a delivery that is due and its job: what a fan-out without room leaves.
async fn wait_in_line(stage: &Stage<'_>, tenant: &Tenant, count: u64) -> Result<()> {
    let webhook = tenant.webhooks[0];
    let (mut events, mut wires, mut ids, mut jobs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let event = EventId::new();
        let args = DeliverWebhook {
            tenant_id: TenantId(tenant.id),
            webhook_id: WebhookId(webhook),
            event_id: event,
        };
        events.push(event.0);
        wires.push(event.wire());
        ids.push(DeliveryId::new().0);
        jobs.push(EncodedJob::new(&args, Some(tenant.id), None)?);
    }
    let mut tx = stage.admin.begin().await?;
    sqlx::query(
        "with first as (select * from tenon.events where tenant_id = $1 and type = 'contact.created' order by id limit 1)
         insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
         select f.tenant_id, e.id, f.type, f.object_type, f.object_id, f.object_version,
                overlay(f.body placing e.wire from 8 for 30), f.context
         from first f, unnest($2::uuid[], $3::text[]) as e (id, wire)",
    )
    .bind(tenant.id)
    .bind(&events)
    .bind(&wires)
    .execute(&mut *tx)
    .await?;
    let job_ids: Vec<_> = jobs.iter().map(|job| job.id.clone()).collect();
    sqlx::query(
        "insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, next_attempt_at, job_id)
         select $1, $2, d.event_id, d.id, 'contact.created', now(), d.job_id
         from unnest($3::uuid[], $4::uuid[], $5::text[]) as d (event_id, id, job_id)",
    )
    .bind(tenant.id)
    .bind(webhook)
    .bind(&events)
    .bind(&ids)
    .bind(&job_ids)
    .execute(&mut *tx)
    .await?;
    job::insert(&mut tx, jobs).await?;
    tx.commit().await?;
    Ok(())
}
