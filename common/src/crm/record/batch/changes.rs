//! Changes of many records.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Outcomes, after, repeated};
use crate::crm::record::{Plan, Record, expect, link, not_found, settle, store};
use crate::db::TenantTx;
use crate::error::{ConflictCode, Error, Result};

/// One record's change.
#[derive(Clone, Copy, Debug)]
pub struct Edit<E> {
    /// Which.
    pub id: Uuid,
    /// The version that it must have, if any.
    pub expected: Option<i64>,
    /// What to make of it.
    pub edit: E,
}

/// Changes records, each if it has the expected version. What changes nothing writes nothing.
pub async fn update_each<R, E>(tx: &mut TenantTx<'_>, edits: Vec<Edit<E>>) -> Result<Outcomes<R>>
where
    R: Record,
    E: FnOnce(R::Draft) -> R::Draft,
{
    if edits.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = edits.iter().map(|edit| edit.id).collect();
    let mut locked = Locked::of(tx, &ids).await?;
    let plan = |edit: Edit<E>| Plan::edited(locked.take(edit.id, edit.expected)?, edit.edit);
    let plans = edits.into_iter().map(plan).collect();
    Ok(after(store_each(tx, plans).await?))
}

/// Deletes records, each if it has the expected version. Answers their last states.
pub async fn delete_each<R: Record>(
    tx: &mut TenantTx<'_>,
    deletions: Vec<(Uuid, Option<i64>)>,
) -> Result<Outcomes<R>> {
    if deletions.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = deletions.iter().map(|(id, _)| *id).collect();
    let mut locked = Locked::of(tx, &ids).await?;
    let plan = |(id, expected): (Uuid, Option<i64>)| Ok(Plan::deleted(tx, locked.take(id, expected)?));
    let plans = deletions.into_iter().map(plan).collect();
    Ok(after(store_each(tx, plans).await?))
}

/// Records that this transaction has locked, each to be taken once.
struct Locked<R> {
    records: HashMap<Uuid, R>,
    taken: HashSet<Uuid>,
}

impl<R: Record> Locked<R> {
    /// In the order of their ids, so that two batches do not wait for each other.
    async fn of(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<Self> {
        let mut found: Vec<R> = sqlx::query_as(R::statements().lock_all)
            .bind(tx.actor().tenant)
            .bind(ids)
            .fetch_all(tx.conn())
            .await?;
        R::fill(tx, &mut found).await?;
        let records = found.into_iter().map(|record| (record.id(), record)).collect();
        Ok(Self { records, taken: HashSet::new() })
    }

    fn take(&mut self, id: Uuid, expected: Option<i64>) -> Result<R> {
        if !self.taken.insert(id) {
            return Err(repeated("id"));
        }
        let record = self.records.remove(&id).ok_or_else(not_found::<R>)?;
        expect(&record, expected)?;
        Ok(record)
    }
}

/// Writes what is planned and its events. All at once, or one by one where that collides.
pub(super) async fn store_each<R: Record>(
    tx: &mut TenantTx<'_>,
    mut plans: Vec<Result<Plan<R>>>,
) -> Result<Outcomes<Plan<R>>> {
    settle::all(tx, &mut plans, true).await?;
    for plan in plans.iter_mut().flatten() {
        if !plan.deletes() {
            plan.stamp_if_changed(tx);
        }
    }
    if plans.iter().flatten().any(Plan::moves) {
        tx.widen_to_tenant().await?;
    }
    if !store::write_all(tx, &written(&plans)).await? {
        plans = store_one_by_one(tx, plans).await?;
    }
    let written = written(&plans);
    link::hide(tx, &written).await?;
    R::written(tx, &written).await?;
    store::record(tx, written.into_iter()).await?;
    Ok(plans)
}

/// The plans that change something.
fn written<R: Record>(plans: &[Result<Plan<R>>]) -> Vec<&Plan<R>> {
    plans.iter().flatten().filter(|plan| plan.changes()).collect()
}

async fn store_one_by_one<R: Record>(
    tx: &mut TenantTx<'_>,
    plans: Vec<Result<Plan<R>>>,
) -> Result<Vec<Result<Plan<R>>>> {
    let mut stored = Vec::with_capacity(plans.len());
    for plan in plans {
        let outcome = match plan {
            Ok(plan) if plan.changes() => {
                if plan.moves() {
                    tx.widen_to_tenant().await?;
                }
                match store::store(tx, &plan, ConflictCode::Duplicate).await {
                    Ok(()) => Ok(plan),
                    Err(conflict @ Error::Conflict(_)) => Err(conflict),
                    Err(failed) => return Err(failed),
                }
            }
            other => other,
        };
        stored.push(outcome);
    }
    Ok(stored)
}
