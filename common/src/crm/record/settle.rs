//! Whether what plans name of other records is there.

use std::collections::HashSet;

use uuid::Uuid;

use super::{Plan, Record, Target};
use crate::db::TenantTx;
use crate::error::Result;

/// Settles one plan. Members are left to the foreign key.
pub(super) async fn one<R: Record>(tx: &mut TenantTx<'_>, plan: Plan<R>) -> Result<Plan<R>> {
    let mut plans = [Ok(plan)];
    all(tx, &mut plans, false).await?;
    let [plan] = plans;
    plan
}

/// Settles plans: those that name what is not there become refusals. At most one statement for each kind of record that is
/// named, whatever the number of plans, and none for what is not.
pub(super) async fn all<R: Record>(
    tx: &mut TenantTx<'_>,
    plans: &mut [Result<Plan<R>>],
    each: bool,
) -> Result<()> {
    for (place, reference) in R::REFERENCES.iter().enumerate() {
        let target = reference.target;
        let asked = R::REFERENCES[..place].iter().any(|earlier| earlier.target.is(target));
        if !asked && (each || !target.is_member()) {
            ask(tx, plans, target).await?;
        }
    }
    R::settle(tx, plans, each).await
}

async fn ask<R: Record>(
    tx: &mut TenantTx<'_>,
    plans: &mut [Result<Plan<R>>],
    target: &'static Target,
) -> Result<()> {
    let references = || R::REFERENCES.iter().filter(|reference| reference.target.is(target));
    let named: HashSet<Uuid> = plans
        .iter()
        .flatten()
        .flat_map(|plan| references().filter_map(|reference| plan.names(reference.id)))
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let found: Vec<Uuid> = sqlx::query_scalar(target.seen())
        .bind(tx.actor().tenant)
        .bind(named.into_iter().collect::<Vec<_>>())
        .fetch_all(tx.conn())
        .await?;
    let found: HashSet<Uuid> = found.into_iter().collect();
    for plan in plans {
        let Ok(planned) = plan else { continue };
        let unknown = |id: fn(&R) -> Option<Uuid>| planned.names(id).is_some_and(|id| !found.contains(&id));
        if let Some(reference) = references().find(|reference| unknown(reference.id)) {
            *plan = Err(target.refusal(reference.field));
        }
    }
    Ok(())
}
