//! New records.

use super::{Fields, Plan, Record, settle, store, unique};
use crate::db::TenantTx;
use crate::error::{ConflictCode, Error, Result};

/// Creates one record and its event: two statements, and a few more for what it names.
pub async fn create<R: Record>(tx: &mut TenantTx<'_>, fields: Fields<R>) -> Result<R> {
    let mut created = create_many(tx, vec![fields]).await?;
    created.pop().ok_or_else(|| Error::internal("a record was created and not answered"))
}

/// Creates records and their events; two statements, whatever their number, and a few more for what they name. The first that
/// is refused is refused with all of them.
pub async fn create_many<R: Record>(tx: &mut TenantTx<'_>, fields: Vec<Fields<R>>) -> Result<Vec<R>> {
    let mut plans: Vec<Result<Plan<R>>> = fields.into_iter().map(|fields| Plan::new(tx, fields)).collect();
    if let Some(refused) = plans.iter().position(Result::is_err) {
        plans.swap_remove(refused)?;
    }
    settle::all(tx, &mut plans, false).await?;
    let plans: Vec<Plan<R>> = plans.into_iter().collect::<Result<_>>()?;
    let records: Vec<&R> = plans.iter().map(|plan| &plan.after).collect();
    let inserted = store::insert(tx, &records).await?;
    if let Some(refused) = records.iter().find(|record| !inserted.contains(&record.id())) {
        return Err(unique::collision(tx, *refused, ConflictCode::Duplicate).await?);
    }
    R::written(tx, &plans.iter().collect::<Vec<_>>()).await?;
    store::record(tx, plans.iter()).await?;
    Ok(plans.into_iter().map(|plan| plan.after).collect())
}
