//! Many records in one transaction, each with an outcome of its own. What is wrong with one is no other's concern; what fails for
//! all is the function's own error. The number of statements does not depend on the number of records, unless some that are
//! changed collide.

mod changes;
mod upserts;

use std::collections::HashMap;

use uuid::Uuid;

use super::{Fields, Plan, Record, not_found, settle, store};
use crate::db::TenantTx;
use crate::error::{Error, FieldError, Result};

pub use changes::{Edit, delete_each, update_each};
pub use upserts::{Missing, Upsert, upsert_each, upsert_plans};

/// What became of each, in the order in which they were asked for.
pub type Outcomes<T> = Vec<Result<T>>;

/// The records of these ids.
pub async fn get_each<R: Record>(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<Outcomes<R>> {
    let mut found: Vec<R> = sqlx::query_as(R::statements().find_all)
        .bind(tx.actor().tenant)
        .bind(ids)
        .fetch_all(tx.conn())
        .await?;
    R::fill(tx, &mut found).await?;
    let found: HashMap<Uuid, R> = found.into_iter().map(|record| (record.id(), record)).collect();
    Ok(ids.iter().map(|id| found.get(id).cloned().ok_or_else(not_found::<R>)).collect())
}

/// Creates records and their events; those that collide, with each other too, are refused.
pub async fn create_each<R: Record>(tx: &mut TenantTx<'_>, fields: Vec<Fields<R>>) -> Result<Outcomes<R>> {
    let mut plans: Vec<Result<Plan<R>>> = fields.into_iter().map(|fields| Plan::new(tx, fields)).collect();
    settle::all(tx, &mut plans, true).await?;
    let records: Vec<&R> = plans.iter().flatten().map(|plan| &plan.after).collect();
    let (inserted, takers) = store::insert_or_refuse(tx, &records).await?;
    for outcome in &mut plans {
        if let Ok(plan) = outcome
            && !inserted.contains(&plan.after.id())
        {
            *outcome = Err(takers.error(&plan.after));
        }
    }
    let created: Vec<&Plan<R>> = plans.iter().flatten().collect();
    R::written(tx, &created).await?;
    store::record(tx, created.into_iter()).await?;
    Ok(after(plans))
}

/// The records that plans came to.
fn after<R: Record>(plans: Outcomes<Plan<R>>) -> Outcomes<R> {
    plans.into_iter().map(|plan| plan.map(|plan| plan.after)).collect()
}

/// Two items of a batch cannot mean the same record.
fn repeated(field: &str) -> Error {
    let message = "An earlier item of the batch means the same record";
    Error::Invalid(vec![FieldError::new(field, "REPEATED", message)])
}
