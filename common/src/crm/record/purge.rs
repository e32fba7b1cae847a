//! The end of records.

use chrono::TimeDelta;
use uuid::Uuid;

use super::plan::stamp;
use super::{Record, changed, expect, find, link, lock};
use crate::change;
use crate::db::TenantTx;
use crate::error::{Error, Result};

/// Removes a deleted record for good, and what hangs on it. Answers its last state, which the event has too; nothing else is left
/// of it but earlier events, for as long as those are kept.
pub async fn purge<R: Record>(tx: &mut TenantTx<'_>, id: Uuid, expected: Option<i64>) -> Result<R> {
    let before: R = match lock(tx, id, true).await {
        Err(Error::NotFound(_)) if find::<R>(tx, id).await?.is_some() => {
            return Err(Error::state(format!("Only a deleted {} can be purged", R::KIND.name())));
        }
        locked => locked?,
    };
    expect(&before, expected)?;
    let mut last = remove(tx, vec![before]).await?;
    last.pop().ok_or_else(|| Error::internal("a record was lost on its way out"))
}

/// The same of many that were deleted so long ago, in as many statements. What was brought back or purged meanwhile is left alone; how
/// many they were.
pub(crate) async fn purge_each<R: Record>(
    tx: &mut TenantTx<'_>,
    ids: &[Uuid],
    older_than: TimeDelta,
) -> Result<i64> {
    let mut found: Vec<R> = sqlx::query_as(R::statements().lock_deleted)
        .bind(tx.actor().tenant)
        .bind(ids)
        .bind(older_than.as_seconds_f64())
        .fetch_all(tx.conn())
        .await?;
    R::fill(tx, &mut found).await?;
    let removed = remove(tx, found).await?;
    i64::try_from(removed.len()).map_err(Error::internal)
}

/// Removes deleted records that are locked, with what hangs on them; their last states.
async fn remove<R: Record>(tx: &mut TenantTx<'_>, before: Vec<R>) -> Result<Vec<R>> {
    let mut last = before.clone();
    for record in &mut last {
        stamp(tx, record);
    }
    let ids: Vec<Uuid> = last.iter().map(R::id).collect();
    R::release(tx, &ids).await?;
    link::remove::<R>(tx, &ids).await?;
    sqlx::query(R::statements().remove).bind(tx.actor().tenant).bind(&ids).execute(tx.conn()).await?;
    let purged = before.iter().zip(&last).map(|(before, last)| changed(R::EVENTS.purged, Some(before), last));
    change::record(tx, &purged.collect::<Result<Vec<_>>>()?).await?;
    Ok(last)
}
