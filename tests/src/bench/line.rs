//! What waits when the worker comes: deliveries, as a fan-out without room leaves them, and changes, as requests leave them. Laid by
//! statements over whole sets, with ids in the order of their making.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use tenon_common::change::FanOutEvent;
use tenon_common::id::{EventId, TenantId, WebhookId};
use tenon_common::job::EncodedJob;
use tenon_common::webhook::delivery::DeliverWebhook;
use uuid::Uuid;

use super::stage::{Stage, Tenant};
use crate::stack::text;

/// A number takes the last 20 bits of an id: five hexadecimal digits, or four of base32.
const NUMBERS: u64 = 1 << 20;
/// Objects that are changed in turns.
pub(super) const OBJECTS: u64 = 100;

/// The last four characters of a ULID, and of an event's id on the wire.
const BASE32: &str = "
    create schema if not exists bench;
    create or replace function bench.base32(n bigint) returns text language sql immutable as $$
        select substr(d, (n >> 15 & 31)::integer + 1, 1) || substr(d, (n >> 10 & 31)::integer + 1, 1)
            || substr(d, (n >> 5 & 31)::integer + 1, 1) || substr(d, (n & 31)::integer + 1, 1)
        from (values ('0123456789ABCDEFGHJKMNPQRSTVWXYZ')) as digits (d)
    $$";

/// Events of the tenant, so many that wait for each of its webhooks, and the deliveries' jobs. Those that are left of an earlier time count.
/// No job of the tenant may be there, and no worker.
pub(super) async fn wait_in_line(stage: &Stage<'_>, tenant: &Tenant, events: u64) -> Result<()> {
    stage.execute(BASE32).await?;
    if !has(&stage.admin, tenant, "contact.created").await? {
        stage.contact(tenant).await?;
        forget_jobs(&stage.admin, tenant).await?;
    }
    let pending = "select count(*) from tenon.deliveries where tenant_id = $1 and webhook_id = $2 and status = 'pending'";
    let pending: i64 =
        sqlx::query_scalar(pending).bind(tenant.id).bind(tenant.webhooks[0]).fetch_one(&stage.admin).await?;
    let missing = events.saturating_sub(pending.unsigned_abs());
    if missing > 0 {
        lay(&stage.admin, tenant, missing).await?;
    }
    for webhook in &tenant.webhooks {
        enqueue(&stage.admin, tenant, *webhook).await?;
    }
    Ok(())
}

/// Events like the tenant's first, each with a delivery for each webhook that is due, and the id of its job.
async fn lay(admin: &PgPool, tenant: &Tenant, events: u64) -> Result<()> {
    ensure!(events * tenant.webhooks.len() as u64 <= NUMBERS, "{events} are too many for one statement");
    let first = numbered();
    sqlx::query(
        "with like_this as (
             select * from tenon.events where tenant_id = $1 and type = 'contact.created' order by id limit 1
         ), made as materialized (
             select n, overlay($2::uuid::text placing lpad(to_hex(n), 5, '0') from 32 for 5)::uuid as id,
                    left($3::text, 26) || bench.base32(n) as wire
             from generate_series(0::bigint, $4::bigint - 1) n
         ), event as (
             insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
             select l.tenant_id, m.id, l.type, l.object_type, l.object_id, l.object_version,
                    overlay(l.body placing m.wire from 8 for 30), l.context
             from like_this l, made m
         )
         insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, next_attempt_at, job_id)
         select $1, w.id, m.id, gen_random_uuid(), 'contact.created', now(),
                left($5::text, 22) || bench.base32(m.n * cardinality($6::uuid[]) + w.number - 1)
         from made m, unnest($6::uuid[]) with ordinality as w (id, number)",
    )
    .bind(tenant.id)
    .bind(first.0)
    .bind(first.wire())
    .bind(i64::try_from(events)?)
    .bind(delivery(tenant, Uuid::nil())?.id)
    .bind(&tenant.webhooks)
    .execute(admin)
    .await?;
    Ok(())
}

/// The jobs of all that is pending for the webhook.
async fn enqueue(admin: &PgPool, tenant: &Tenant, webhook: Uuid) -> Result<()> {
    let job = delivery(tenant, webhook)?;
    sqlx::query(
        "insert into apalis.jobs (id, job_type, job, max_attempts, metadata)
         select d.job_id, $3, convert_to(replace($4::text, $5::text, d.event_id::text), 'UTF8'), $6, $7::hstore
         from tenon.deliveries d where d.tenant_id = $1 and d.webhook_id = $2 and d.status = 'pending'
         order by d.event_id",
    )
    .bind(tenant.id)
    .bind(webhook)
    .bind(job.queue)
    .bind(String::from_utf8(job.payload)?)
    .bind(Uuid::nil().to_string())
    .bind(job.max_attempts)
    .bind(job.metadata)
    .execute(admin)
    .await?;
    Ok(())
}

/// Changes of [`OBJECTS`] contacts in turns, each with its event and its fan-out, the oldest a millisecond before the next: what as many
/// PATCHes leave. No job of the tenant may be there, and no worker.
pub(super) async fn changes(stage: &Stage<'_>, tenant: &Tenant, count: u64) -> Result<()> {
    ensure!(count <= NUMBERS, "{count} are too many for one statement");
    stage.execute(BASE32).await?;
    if !has(&stage.admin, tenant, "contact.updated").await? {
        change(stage, tenant).await?;
        forget_jobs(&stage.admin, tenant).await?;
    }
    let (first, object) = (numbered(), numbered());
    let args = FanOutEvent { tenant_id: TenantId(tenant.id), event_ids: vec![EventId(Uuid::nil())] };
    let job = EncodedJob::new(&args, Some(tenant.id), None)?;
    sqlx::query(
        r#"with like_this as (
             select * from tenon.events where tenant_id = $1 and type = 'contact.updated' order by id limit 1
         ), made as materialized (
             select n, overlay($2::uuid::text placing lpad(to_hex(n), 5, '0') from 32 for 5)::uuid as id,
                    left($3::text, 26) || bench.base32(n) as wire,
                    overlay($5::uuid::text placing lpad(to_hex(n % $6::bigint), 5, '0') from 32 for 5)::uuid as object,
                    2 + n / $6::bigint as version
             from generate_series(0::bigint, $4::bigint - 1) n
         ), event as (
             insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
             select l.tenant_id, m.id, l.type, l.object_type, m.object, m.version,
                    replace(replace(overlay(l.body placing m.wire from 8 for 30), l.object_id::text, m.object::text),
                            '"version":2', '"version":' || m.version), l.context
             from like_this l, made m
         )
         insert into apalis.jobs (id, job_type, job, max_attempts, metadata, run_at)
         select left($7::text, 22) || bench.base32(m.n), $8, convert_to(replace($9::text, $10::text, m.id::text), 'UTF8'), $11, $12::hstore,
                now() - ($4::bigint - m.n) * interval '1 millisecond'
         from made m"#,
    )
    .bind(tenant.id)
    .bind(first.0)
    .bind(first.wire())
    .bind(i64::try_from(count)?)
    .bind(object.0)
    .bind(i64::try_from(OBJECTS)?)
    .bind(job.id)
    .bind(job.queue)
    .bind(String::from_utf8(job.payload)?)
    .bind(Uuid::nil().to_string())
    .bind(job.max_attempts)
    .bind(job.metadata)
    .execute(&stage.admin)
    .await?;
    Ok(())
}

/// A contact that is changed once, by the API.
async fn change(stage: &Stage<'_>, tenant: &Tenant) -> Result<()> {
    let client = stage.client(&tenant.target.key);
    let contact = json!({"name": "John Doe", "email": "john@example.com", "company": "ACME Corp"});
    let made = client.try_send(Method::POST, "/connection/contacts", Some(contact)).await?;
    ensure!(made.status == 201, "making a contact: {made}");
    let made: Value = made.json();
    let path = format!("/connection/contacts/{}", text(&made["data"], "id"));
    let changed = client.try_send(Method::PATCH, &path, Some(json!({"title": "CEO"}))).await?;
    ensure!(changed.status == 200, "changing a contact: {changed}");
    Ok(())
}

/// The job of a delivery of the event nil.
fn delivery(tenant: &Tenant, webhook: Uuid) -> Result<EncodedJob> {
    let args = DeliverWebhook {
        tenant_id: TenantId(tenant.id),
        webhook_id: WebhookId(webhook),
        event_id: EventId(Uuid::nil()),
    };
    Ok(args.encoded(None)?)
}

/// An id of this moment whose last 20 bits are free for a number.
fn numbered() -> EventId {
    EventId(Uuid::from_u128(EventId::new().0.as_u128() & !u128::from(NUMBERS - 1)))
}

async fn has(admin: &PgPool, tenant: &Tenant, event: &str) -> Result<bool> {
    let has = "select exists (select from tenon.events where tenant_id = $1 and type = $2)";
    Ok(sqlx::query_scalar(has).bind(tenant.id).bind(event).fetch_one(admin).await?)
}

async fn forget_jobs(admin: &PgPool, tenant: &Tenant) -> Result<()> {
    let statement = "delete from apalis.jobs where lane = $1";
    sqlx::query(statement).bind(tenant.id.to_string()).execute(admin).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_the_last_digits_of_an_id_and_of_its_wire_form() {
        let first = numbered();
        let third = EventId(Uuid::from_u128(first.0.as_u128() | 3));
        assert_eq!(first.0.to_string()[31..], *"00000");
        assert_eq!(third.wire(), format!("{}0003", &first.wire()[..26]));
        let last = EventId(Uuid::from_u128(first.0.as_u128() | u128::from(NUMBERS - 1)));
        assert_eq!(last.wire(), format!("{}ZZZZ", &first.wire()[..26]));
    }
}
