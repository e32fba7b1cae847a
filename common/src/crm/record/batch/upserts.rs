//! Upserts of many records by one of their unique values.

use std::collections::{HashMap, HashSet};

use super::changes::store_each;
use super::{Outcomes, repeated};
use crate::crm::record::{Fields, Key, Plan, Record, Upserted, not_found, settle, store};
use crate::db::TenantTx;
use crate::error::{Error, Result};

/// One record's upsert.
pub struct Upsert<R: Record, E> {
    /// By what it is known; of one kind within a batch.
    pub key: Key<R>,
    /// What to create, with the key among it; or why nothing can be, which is told where there is no record yet.
    pub fields: Result<Fields<R>>,
    /// What to make of the one that is there.
    pub edit: E,
}

/// What becomes of an item whose record is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is created.
    Create,
    /// It is refused.
    Refuse,
}

/// What is to be done with an item.
enum Step<R: Record, E> {
    Refuse(Error),
    Create(Box<Plan<R>>, Key<R>, E),
    Update(Box<R>, E),
}

/// Creates the records that are not there and changes those that are.
pub async fn upsert_each<R, E>(
    tx: &mut TenantTx<'_>,
    upserts: Vec<Upsert<R, E>>,
) -> Result<Outcomes<Upserted<R>>>
where
    R: Record,
    E: FnOnce(R::Draft) -> R::Draft,
{
    let upserted = |plan: Plan<R>| match plan.before {
        None => Upserted::Created(plan.after),
        Some(_) => Upserted::Updated(plan.after),
    };
    let plans = upsert_plans(tx, upserts, Missing::Create).await?;
    Ok(plans.into_iter().map(|plan| plan.map(upserted)).collect())
}

/// The same, told with what each record was before. [`Missing`] says whether what is not there is created.
pub async fn upsert_plans<R, E>(
    tx: &mut TenantTx<'_>,
    upserts: Vec<Upsert<R, E>>,
    missing: Missing,
) -> Result<Outcomes<Plan<R>>>
where
    R: Record,
    E: FnOnce(R::Draft) -> R::Draft,
{
    let steps = first_look(tx, upserts, missing).await?;
    let steps = create_missing(tx, steps).await?;
    let mut created = Vec::new();
    let mut plans = Vec::new();
    let mut made = Vec::with_capacity(steps.len());
    for step in steps {
        made.push(matches!(step, Step::Create(..)));
        match step {
            Step::Create(plan, ..) => created.push(*plan),
            Step::Update(before, edit) => plans.push(Plan::edited(*before, edit)),
            Step::Refuse(error) => plans.push(Err(error)),
        }
    }
    R::written(tx, &created.iter().collect::<Vec<_>>()).await?;
    store::record(tx, created.iter()).await?;
    let updated = store_each(tx, plans).await?;
    let (mut created, mut updated) = (created.into_iter(), updated.into_iter());
    let lost = || Error::internal("an upsert has no outcome");
    let outcome = |made: bool| match made {
        true => created.next().ok_or_else(lost),
        false => updated.next().unwrap_or_else(|| Err(lost())),
    };
    Ok(made.into_iter().map(outcome).collect())
}

/// Locks what is there, and decides what to do with each item.
async fn first_look<R, E>(
    tx: &mut TenantTx<'_>,
    upserts: Vec<Upsert<R, E>>,
    missing: Missing,
) -> Result<Vec<Step<R, E>>>
where
    R: Record,
{
    let mut found = lock_each_by(tx, upserts.iter().map(|upsert| &upsert.key)).await?;
    let mut seen = HashSet::new();
    let mut plans = Vec::new();
    let mut rest = Vec::with_capacity(upserts.len());
    for Upsert { key, fields, edit } in upserts {
        if !seen.insert(key.value().to_owned()) {
            rest.push(Err(Step::Refuse(repeated(key.field()))));
        } else if let Some(before) = found.remove(key.value()) {
            rest.push(Err(Step::Update(Box::new(before), edit)));
        } else if missing == Missing::Refuse {
            rest.push(Err(Step::Refuse(not_found::<R>())));
        } else {
            plans.push(fields.and_then(|fields| Plan::new(tx, fields)));
            rest.push(Ok((key, edit)));
        }
    }
    settle::all(tx, &mut plans, true).await?;
    let mut plans = plans.into_iter();
    let lost = || Err(Error::internal("an upsert has no plan"));
    let step = |item: Result<(Key<R>, E), Step<R, E>>| match item {
        Err(step) => step,
        Ok((key, edit)) => match plans.next().unwrap_or_else(lost) {
            Ok(plan) => Step::Create(Box::new(plan), key, edit),
            Err(refused) => Step::Refuse(refused),
        },
    };
    Ok(rest.into_iter().map(step).collect())
}

/// Creates what is not there. Where somebody was quicker by now, the step becomes an update; where another record has another of
/// its unique values, a refusal.
async fn create_missing<R, E>(tx: &mut TenantTx<'_>, steps: Vec<Step<R, E>>) -> Result<Vec<Step<R, E>>>
where
    R: Record,
{
    let mut missing: Vec<&R> = Vec::new();
    let mut keys: Vec<&Key<R>> = Vec::new();
    for step in &steps {
        if let Step::Create(plan, key, _) = step {
            missing.push(&plan.after);
            keys.push(key);
        }
    }
    let (inserted, takers) = store::insert_or_refuse(tx, &missing).await?;
    let mut late = match inserted.len() == keys.len() {
        true => HashMap::new(),
        false => lock_each_by(tx, keys.into_iter()).await?,
    };
    let decide = |step: Step<R, E>| match step {
        Step::Create(plan, key, edit) if !inserted.contains(&plan.after.id()) => {
            match late.remove(key.value()) {
                Some(before) => Step::Update(Box::new(before), edit),
                None => Step::Refuse(takers.error(&plan.after)),
            }
        }
        other => other,
    };
    Ok(steps.into_iter().map(decide).collect())
}

/// The records that have these values, by them, under row locks taken in the order of their ids.
async fn lock_each_by<'k, R: Record>(
    tx: &mut TenantTx<'_>,
    keys: impl Iterator<Item = &'k Key<R>>,
) -> Result<HashMap<String, R>> {
    let keys: Vec<&Key<R>> = keys.collect();
    let Some(first) = keys.first().copied() else { return Ok(HashMap::new()) };
    let values: Vec<&str> = keys.iter().map(|key| key.value()).collect();
    let mut found: Vec<R> = sqlx::query_as(R::statements().keys[first.place()].lock_all)
        .bind(tx.actor().tenant)
        .bind(values)
        .fetch_all(tx.conn())
        .await?;
    R::fill(tx, &mut found).await?;
    Ok(found.into_iter().filter_map(|record| Some((first.value_of(&record)?, record))).collect())
}
