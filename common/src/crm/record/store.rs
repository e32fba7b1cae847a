//! Writing records.

use std::collections::HashSet;

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::unique::{self, Takers};
use super::values::Values;
use super::{Plan, Record, link};
use crate::change;
use crate::db::TenantTx;
use crate::error::{ConflictCode, Error, Result, broken_constraint};
use crate::wire;

/// Inserts what collides with nothing; the ids of what it inserted. One statement.
pub(super) async fn insert<R: Record>(tx: &mut TenantTx<'_>, records: &[&R]) -> Result<HashSet<Uuid>> {
    let records = unique::in_order(records);
    let ids: Vec<Uuid> = records.iter().map(|record| record.id()).collect();
    let values = Values::new()
        .bind(tx.actor().tenant)
        .bind(ids)
        .bind(records.first().map_or_else(wire::now, |record| record.created_at()))
        .bind(tx.actor().principal.reference().to_string());
    let values = R::OWN.iter().fold(values, |to, column| column.bind_all(&records, to));
    let inserted: Vec<Uuid> =
        values.query_scalar(R::statements().insert)?.fetch_all(tx.conn()).await.map_err(refusal::<R>)?;
    Ok(inserted.into_iter().collect())
}

/// Inserts what collides with nothing, and finds out with whom the others do.
pub(super) async fn insert_or_refuse<R: Record>(
    tx: &mut TenantTx<'_>,
    records: &[&R],
) -> Result<(HashSet<Uuid>, Takers)> {
    if records.is_empty() {
        return Ok((HashSet::new(), Takers::default()));
    }
    let inserted = insert(tx, records).await?;
    let refused: Vec<&R> =
        records.iter().copied().filter(|record| !inserted.contains(&record.id())).collect();
    let takers = Takers::of(tx, &refused).await?;
    Ok((inserted, takers))
}

/// Writes the events of plans: one statement, whatever their number; none where the transaction tells of all of them at its end.
pub(super) async fn record<'p, R: Record>(
    tx: &mut TenantTx<'_>,
    plans: impl Iterator<Item = &'p Plan<R>>,
) -> Result<()> {
    if !tx.tells_each() {
        return Ok(());
    }
    let mut changes = Vec::new();
    for plan in plans {
        changes.append(&mut plan.events()?);
    }
    change::record(tx, &changes).await
}

/// Writes a changed record and hides what hangs on it, where it is deleted; its events remain to be told.
pub(crate) async fn put<R: Record>(tx: &mut TenantTx<'_>, plan: &Plan<R>) -> Result<()> {
    if plan.moves() {
        tx.widen_to_tenant().await?;
    }
    store(tx, plan, ConflictCode::Duplicate).await?;
    link::hide(tx, &[plan]).await
}

/// Writes a plan's events.
pub(crate) async fn tell<R: Record>(tx: &mut TenantTx<'_>, plan: &Plan<R>) -> Result<()> {
    record(tx, std::iter::once(plan)).await
}

/// Writes all of a record that is there. Where it may collide, behind a savepoint, so that the collision can still be looked up.
pub(super) async fn store<R: Record>(
    tx: &mut TenantTx<'_>,
    plan: &Plan<R>,
    conflict: ConflictCode,
) -> Result<()> {
    let after = &plan.after;
    let keeps = |before: &R| before.deleted_at().is_none() && unique::same(before, after);
    if after.deleted_at().is_some() || plan.before.as_ref().is_some_and(keeps) {
        return write(tx.conn(), plan).await.map_err(refusal::<R>);
    }
    let mut savepoint = tx.conn().begin().await?;
    match write(&mut savepoint, plan).await {
        Ok(()) => Ok(savepoint.commit().await?),
        Err(error) if collides::<R>(&error) => {
            savepoint.rollback().await?;
            tx.narrow_to_actor().await?;
            Err(unique::collision(tx, after, conflict).await?)
        }
        Err(error) => Err(refusal::<R>(error)),
    }
}

async fn write<R: Record>(connection: &mut PgConnection, plan: &Plan<R>) -> Result<(), sqlx::Error> {
    let after = &plan.after;
    let values = Values::new()
        .bind(after.tenant())
        .bind(after.id())
        .bind(after.version())
        .bind(after.updated_at())
        .bind(after.updated_by().to_string())
        .bind(after.deleted_at())
        .bind(plan.batch);
    let values = R::OWN.iter().fold(values, |to, column| column.bind(after, to));
    values.query(R::statements().update)?.execute(connection).await?;
    Ok(())
}

/// Writes records that are there: one statement, behind a savepoint; whether it was done, or collided.
pub(super) async fn write_all<R: Record>(tx: &mut TenantTx<'_>, plans: &[&Plan<R>]) -> Result<bool> {
    let Some(first) = plans.first() else { return Ok(true) };
    let records: Vec<&R> = plans.iter().map(|plan| &plan.after).collect();
    let values = Values::new()
        .bind(first.after.tenant())
        .bind(records.iter().map(|record| record.id()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.version()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.updated_at()).collect::<Vec<_>>())
        .bind(first.after.updated_by().to_string())
        .bind(records.iter().map(|record| record.deleted_at()).collect::<Vec<_>>())
        .bind(plans.iter().map(|plan| plan.batch).collect::<Vec<_>>());
    let values = R::OWN.iter().fold(values, |to, column| column.bind_all(&records, to));
    let mut savepoint = tx.conn().begin().await?;
    match values.query(R::statements().update_all)?.execute(&mut *savepoint).await {
        Ok(_) => {
            savepoint.commit().await?;
            Ok(true)
        }
        Err(error) if collides::<R>(&error) => {
            savepoint.rollback().await?;
            Ok(false)
        }
        Err(error) => Err(refusal::<R>(error)),
    }
}

fn collides<R: Record>(error: &sqlx::Error) -> bool {
    broken_constraint(error).is_some_and(|constraint| unique::of_constraint::<R>(constraint).is_some())
}

/// The refusal that a failed statement means.
pub(super) fn refusal<R: Record>(error: sqlx::Error) -> Error {
    let refused = broken_constraint(&error).and_then(|constraint| {
        let named = R::REFERENCES.iter().find(|reference| reference.constraint == constraint);
        named.map(|reference| reference.target.refusal(reference.field)).or_else(|| R::refusal(constraint))
    });
    refused.unwrap_or_else(|| error.into())
}
