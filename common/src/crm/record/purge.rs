//! The end of a record.

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
    let mut last = before.clone();
    stamp(tx, &mut last);
    last.release(tx).await?;
    link::remove(tx, &last).await?;
    sqlx::query(R::statements().remove).bind(last.tenant()).bind(id).execute(tx.conn()).await?;
    change::record(tx, &[changed(R::EVENTS.purged, Some(&before), &last)?]).await?;
    Ok(last)
}
