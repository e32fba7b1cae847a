//! Changes of one record, each under a row lock.

use uuid::Uuid;

use super::plan::stamp;
use super::{Plan, Record, changed, expect, link, lock, settle, store};
use crate::change;
use crate::db::TenantTx;
use crate::error::{ConflictCode, Result};

/// Changes a record to what `edit` makes of it, under a row lock, if it has the expected version. A change that changes nothing
/// writes nothing, no event either.
pub async fn update<R: Record>(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    expected: Option<i64>,
    edit: impl FnOnce(R::Draft) -> R::Draft,
) -> Result<R> {
    let before: R = lock(tx, id, false).await?;
    update_locked(tx, before, expected, edit).await
}

/// The same for a record that this transaction has locked.
pub async fn update_locked<R: Record>(
    tx: &mut TenantTx<'_>,
    before: R,
    expected: Option<i64>,
    edit: impl FnOnce(R::Draft) -> R::Draft,
) -> Result<R> {
    expect(&before, expected)?;
    let plan = Plan::edited(before, edit)?;
    let mut plan = settle::one(tx, plan).await?;
    if !plan.stamp_if_changed(tx) {
        return Ok(plan.after);
    }
    store::put(tx, &plan).await?;
    R::written(tx, &[&plan]).await?;
    store::tell(tx, &plan).await?;
    Ok(plan.after)
}

/// Hides a record with what hangs on it, and frees its unique values. Answers its last state.
pub async fn delete<R: Record>(tx: &mut TenantTx<'_>, id: Uuid, expected: Option<i64>) -> Result<R> {
    let before: R = lock(tx, id, false).await?;
    delete_locked(tx, before, expected).await
}

/// The same for a record that this transaction has locked.
pub async fn delete_locked<R: Record>(tx: &mut TenantTx<'_>, before: R, expected: Option<i64>) -> Result<R> {
    expect(&before, expected)?;
    let plan = Plan::deleted(tx, before);
    store::put(tx, &plan).await?;
    R::written(tx, &[&plan]).await?;
    store::tell(tx, &plan).await?;
    Ok(plan.after)
}

/// Brings a deleted record back, with what was hidden with it. Refused with the record that has one of its unique values by now.
pub async fn restore<R: Record>(tx: &mut TenantTx<'_>, id: Uuid) -> Result<R> {
    let before: R = lock(tx, id, true).await?;
    link::show(tx, &before).await?;
    let mut after = before.clone();
    stamp(tx, &mut after);
    after.set_deleted_at(None);
    after.revive(tx).await?;
    let plan = Plan { before: Some(before), after, batch: None };
    store::store(tx, &plan, ConflictCode::RestoreConflict).await?;
    let restored = changed(R::EVENTS.restored, plan.before.as_ref(), &plan.after)?;
    change::record(tx, &[restored]).await?;
    Ok(plan.after)
}
