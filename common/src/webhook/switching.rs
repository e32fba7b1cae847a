//! Switching webhooks on and off, and to other events, beside all that goes on with them.
//!
//! What a webhook gets is decided by its state when the event was committed: whether it was active, what it had subscribed to, and what it
//! wanted of that. The database keeps each state with the snapshots that it began and ended with (`migrations/0120_expand_webhook_switches.sql`,
//! `migrations/0161_expand_webhook_shapes.sql`), so that fan-outs decide the same whenever they come. A lock keeps switches of a tenant's
//! webhooks apart from fan-outs and from ends of attempts: what those have read of a webhook still holds when they write, and a switch sees
//! all that they have written. Switches take it alone, before any row; the others share it.

use crate::actor::Actor;
use crate::db::{Db, TenantTx};
use crate::error::Result;
use crate::event;
use crate::id::{TenantId, WebhookId};

/// Events that are looked at when those are counted that were not gathered: what a second is enough for.
const LOOKED_AT: i64 = 200_000;

/// Events that were not gathered, for the webhook was not active when they were committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotGathered {
    /// How many, of the types that it had subscribed to at the time, and of the events that are still kept.
    pub events: i64,
    /// Whether there may be more: so many events were looked at, and not all.
    pub or_more: bool,
    /// Whether the webhook would have got fewer: it had a filter, or skipped its own changes, and neither was asked.
    pub or_fewer: bool,
}

/// Keeps fan-outs and ends of attempts of the tenant waiting until the end of the transaction, and waits for those under way. What is read
/// afterwards is what they have left.
pub(crate) async fn alone(tx: &mut TenantTx<'_>) -> Result<()> {
    // More than others may take: a large fan-out is waited for, and what is pending may be much. A request has 30 seconds.
    let patience =
        "select set_config('lock_timeout', '15s', true), set_config('statement_timeout', '20s', true)";
    sqlx::query(patience).execute(tx.conn()).await?;
    let statement = "select pg_advisory_xact_lock(120, tenon.switch_lock($1))";
    sqlx::query(statement).bind(tx.actor().tenant).execute(tx.conn()).await?;
    Ok(())
}

/// Keeps switches of the tenant's webhooks waiting until the end of the transaction.
pub(crate) async fn beside_none(tx: &mut TenantTx<'_>) -> Result<()> {
    let statement = "select pg_advisory_xact_lock_shared(120, tenon.switch_lock($1))";
    sqlx::query(statement).bind(tx.actor().tenant).execute(tx.conn()).await?;
    Ok(())
}

/// Runs `work` in a transaction of the actor's tenant, in which none of its webhooks is switched. Costs no round trip. Its end is not waited
/// for on the disk: it is for what is done again, alike, where a crash of the database has undone it.
pub async fn write_beside_none<T>(
    db: &Db,
    actor: &Actor,
    work: impl AsyncFnOnce(&mut TenantTx<'_>) -> Result<T>,
) -> Result<T> {
    let first = format!("{}; SET LOCAL synchronous_commit = off", shared_lock(actor.tenant));
    db.write_after(actor, &first, work).await
}

/// The number is what `tenon.switch_lock` says: a call of it would be planned each time.
fn shared_lock(tenant: TenantId) -> String {
    format!("SELECT pg_advisory_xact_lock_shared(120, {})", tenant.0.as_bytes()[15] & 63)
}

/// Has workers forget what they have learned of the webhook's address: what they read from now on has a later number of it.
pub(crate) async fn forget_address(tx: &mut TenantTx<'_>, id: WebhookId) -> Result<()> {
    let statement =
        "update tenon.webhooks set address_version = address_version + 1 where tenant_id = $1 and id = $2";
    sqlx::query(statement).bind(tx.actor().tenant).bind(id).execute(tx.conn()).await?;
    Ok(())
}

/// What a webhook did not gather between its last active state and this one, which has just begun.
pub(crate) async fn not_gathered(tx: &mut TenantTx<'_>, id: WebhookId) -> Result<NotGathered> {
    let statement = "with silent as (
                         select s.*, array(select k.type from unnest($3::text[]) as k (type)
                                           where s.events && tenon.subscriptions_to(k.type)) as types
                         from tenon.webhook_states s
                         where s.tenant_id = $1 and s.webhook_id = $2 and not s.active
                           and s.version > coalesce((select max(a.version) from tenon.webhook_states a
                                                     where a.tenant_id = $1 and a.webhook_id = $2 and a.active), 0)
                     )
                     select coalesce(sum(counted.events)::bigint, 0), coalesce(bool_or(counted.looked_at >= $4), false),
                            coalesce(bool_or(counted.events > 0 and (s.filter is not null or s.skip_own)), false)
                     from silent s
                     cross join lateral (
                         select count(*) as looked_at,
                                count(*) filter (where e.type = any (s.types)
                                                   and not tenon.is_before(e.xid, s.begun, s.begun_by)
                                                   and tenon.is_before(e.xid, s.ended, s.ended_by)) as events
                         from (select l.type, l.xid from tenon.events l where l.tenant_id = $1 and l.id >= s.begun_from
                               order by l.id limit $4) e
                     ) as counted";
    let (events, or_more, or_fewer) = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(event::subscribable())
        .bind(LOOKED_AT)
        .fetch_one(tx.conn())
        .await?;
    Ok(NotGathered { events, or_more, or_fewer })
}
