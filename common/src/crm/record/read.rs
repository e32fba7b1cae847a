//! Records by their ids, and lists of them.

use uuid::Uuid;

use super::{Record, expect, not_found};
use crate::db::TenantTx;
use crate::error::Result;
use crate::list::{self, Found, ListQuery};

/// The record, if there is one that is not deleted.
pub async fn find<R: Record>(tx: &mut TenantTx<'_>, id: Uuid) -> Result<Option<R>> {
    let found: Option<R> = sqlx::query_as(R::statements().find)
        .bind(tx.actor().tenant)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    filled(tx, found).await
}

/// The record, or the refusal that there is none.
pub async fn get<R: Record>(tx: &mut TenantTx<'_>, id: Uuid) -> Result<R> {
    find(tx, id).await?.ok_or_else(not_found::<R>)
}

/// The records that a query of the record's listing asks for.
pub async fn list<R: Record>(tx: &mut TenantTx<'_>, query: &ListQuery) -> Result<Found<R>> {
    let mut found: Found<R> = list::fetch(tx, query).await?;
    R::fill(tx, &mut found.page.items).await?;
    Ok(found)
}

/// The record under a row lock: one that is deleted, or one that is not.
pub async fn lock<R: Record>(tx: &mut TenantTx<'_>, id: Uuid, deleted: bool) -> Result<R> {
    let found: Option<R> = sqlx::query_as(R::statements().lock)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(deleted)
        .fetch_optional(tx.conn())
        .await?;
    filled(tx, found).await?.ok_or_else(not_found::<R>)
}

/// The record under a row lock, if it is not deleted and has the expected version.
pub(crate) async fn lock_expected<R: Record>(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    expected: Option<i64>,
) -> Result<R> {
    let record = lock(tx, id, false).await?;
    expect(&record, expected)?;
    Ok(record)
}

/// What was found, with what belongs to it.
pub(super) async fn filled<R: Record>(tx: &mut TenantTx<'_>, mut found: Option<R>) -> Result<Option<R>> {
    if let Some(record) = &mut found {
        R::fill(tx, std::slice::from_mut(record)).await?;
    }
    Ok(found)
}
