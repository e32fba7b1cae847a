//! Changing, deleting and restoring a tenant. A deleted one is hidden with all that it has: its credentials are refused, within the
//! 5 seconds for which they are believed.

use chrono::TimeDelta;

use super::{Plan, Tenant, TenantDraft, changed, collision, restoration};
use crate::account::quota::{self, Quota};
use crate::change;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::wire;

/// A deleted tenant is kept for so long, unless the operator says otherwise: then it cannot be brought back, and is purged.
pub const RETENTION: TimeDelta = TimeDelta::days(30);

/// Changes the tenant to what `edit` makes of it, under a row lock, if it has the expected version. A change that changes nothing
/// writes nothing, no event either.
pub async fn update(
    tx: &mut TenantTx<'_>,
    expected: Option<i64>,
    edit: impl FnOnce(TenantDraft) -> TenantDraft,
) -> Result<Tenant> {
    let before = lock(tx, expected).await?;
    let draft = edit(TenantDraft::of(&before));
    let broken = draft.broken();
    if !broken.is_empty() {
        return Err(Error::Invalid(broken));
    }
    let mut after = before.clone();
    draft.apply(&mut after);
    if after.slug != before.slug {
        quota::claim(tx, Quota::SlugsOfDay, 1).await?;
    }
    let event = match after.settings == before.settings {
        false => EventType::TENANT_SETTINGS_UPDATED,
        true => EventType::TENANT_UPDATED,
    };
    store(tx, event, before, after).await
}

/// Changes what the tenant pays for.
pub async fn set_plan(tx: &mut TenantTx<'_>, plan: Plan) -> Result<Tenant> {
    let before = lock(tx, None).await?;
    let after = Tenant { plan: plan.name().to_owned(), ..before.clone() };
    store(tx, EventType::TENANT_UPDATED, before, after).await
}

/// Hides the tenant, and ends its access tokens for good.
pub async fn delete(tx: &mut TenantTx<'_>, expected: Option<i64>) -> Result<Tenant> {
    let before = lock(tx, expected).await?;
    let after = Tenant { deleted_at: Some(wire::now().max(before.updated_at)), ..before.clone() };
    store(tx, EventType::TENANT_DELETED, before, after).await
}

/// Brings a tenant back that was deleted within this time and not purged yet, with its keys and members. What was pending for its
/// webhooks goes on.
pub async fn restore(tx: &mut TenantTx<'_>, within: TimeDelta) -> Result<Tenant> {
    let before = find_locked(tx)
        .await?
        .filter(|tenant| tenant.deleted_at.is_some_and(|deleted_at| deleted_at > wire::now() - within));
    let before = before.ok_or(Error::NotFound(EntityKind::Tenant))?;
    let after = Tenant { deleted_at: None, ..before.clone() };
    let restored = store(tx, EventType::TENANT_RESTORED, before, after).await?;
    restoration::enqueue(tx).await?;
    Ok(restored)
}

/// Lets the rate limits of the tenant and its credentials begin anew, in every process, within the 5 seconds for which credentials
/// are believed. What the operator does; nothing of the tenant's changes.
pub async fn reset_limits(tx: &mut TenantTx<'_>) -> Result<Tenant> {
    let tenant = lock(tx, None).await?;
    sqlx::query("update tenon.tenants set limit_epoch = limit_epoch + 1 where id = $1")
        .bind(tenant.id)
        .execute(tx.conn())
        .await?;
    Ok(tenant)
}

async fn lock(tx: &mut TenantTx<'_>, expected: Option<i64>) -> Result<Tenant> {
    let found = find_locked(tx).await?.filter(|tenant| tenant.deleted_at.is_none());
    let tenant = found.ok_or(Error::NotFound(EntityKind::Tenant))?;
    match expected.is_some_and(|expected| expected != tenant.version) {
        true => Err(Error::Stale { current: tenant.version }),
        false => Ok(tenant),
    }
}

async fn find_locked(tx: &mut TenantTx<'_>) -> Result<Option<Tenant>> {
    let found = sqlx::query_as(concat!(
        "select ",
        super::columns!(),
        " from tenon.tenants where id = $1 and purging_since is null for no key update"
    ));
    Ok(found.bind(tx.actor().tenant).fetch_optional(tx.conn()).await?)
}

async fn store(tx: &mut TenantTx<'_>, event: EventType, before: Tenant, mut after: Tenant) -> Result<Tenant> {
    if after == before {
        return Ok(before);
    }
    after.version += 1;
    after.updated_at = after.deleted_at.unwrap_or_else(wire::now).max(before.updated_at);
    sqlx::query(
        "update tenon.tenants set name = $2, slug = $3, plan = $4, settings = $5, version = $6, updated_at = $7, deleted_at = $8,
                deleted_by = case when $8::timestamptz is null then null else $9 end,
                token_epoch = token_epoch + case when $8::timestamptz is null then 0 else 1 end
         where id = $1",
    )
    .bind(after.id)
    .bind(&after.name)
    .bind(&after.slug)
    .bind(&after.plan)
    .bind(&after.settings)
    .bind(after.version)
    .bind(after.updated_at)
    .bind(after.deleted_at)
    .bind(tx.actor().principal.reference().to_string())
    .execute(tx.conn())
    .await
    .map_err(collision)?;
    change::record(tx, &[changed(event, Some(&before), &after)?]).await?;
    Ok(after)
}
