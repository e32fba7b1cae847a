//! Removing entries whose time is over. How long that is says the tenant's plan: 30 days (`free`), a year (`team`), three years
//! (`business`), seven (`unlimited`); the numbers are in the function `tenon.audit_term`, for no server's login may remove anything before.
//!
//! What is removed are the oldest entries with their seals, never one from the middle. The position and the hash of the last one stay, in
//! `tenon.audit_anchors`: there the chain begins from then on, for the sealer and for whoever verifies.

use sqlx::PgConnection;

use super::encoding::Hash;
use super::seal::hash_of;
use crate::db::{Db, TenantTx};
use crate::error::Result;
use crate::id::TenantId;

/// Entries of one transaction: it holds no lock for long.
const BATCH: i32 = 1000;

/// Removes what has expired, of all tenants, at most so many entries; how many it removed. Fewer than `most`: nothing is left that can be
/// removed now. As the worker.
pub async fn remove_expired(db: &Db, most: i32) -> Result<u64> {
    let mut connection = db.lookup().await?;
    let tenants: Vec<TenantId> = sqlx::query_scalar("select id from tenon.tenants_with_expired_audit()")
        .fetch_all(&mut *connection)
        .await?;
    let mut left = most;
    for tenant in tenants {
        left -= remove_of(&mut connection, tenant, left).await?;
    }
    let removed = u64::try_from(most - left).unwrap_or_default();
    metrics::counter!("tenon_audit_removed_total").increment(removed);
    Ok(removed)
}

/// At most so many entries of one tenant, batch by batch.
async fn remove_of(connection: &mut PgConnection, tenant: TenantId, most: i32) -> Result<i32> {
    let mut removed = 0;
    while removed < most {
        let batch = BATCH.min(most - removed);
        let part: i64 = sqlx::query_scalar("select tenon.remove_expired_audit($1, $2)")
            .bind(tenant)
            .bind(batch)
            .fetch_one(&mut *connection)
            .await?;
        removed += i32::try_from(part).unwrap_or(i32::MAX);
        if part < i64::from(batch) {
            break;
        }
    }
    Ok(removed)
}

#[derive(sqlx::FromRow)]
struct Row {
    position: i64,
    hash: Vec<u8>,
}

/// Where the chain of the transaction's tenant begins; none where it is whole.
pub(super) async fn anchor(tx: &mut TenantTx<'_>) -> Result<Option<(i64, Hash)>> {
    let statement = "select position, hash from tenon.audit_anchors where tenant_id = $1";
    let row: Option<Row> =
        sqlx::query_as(statement).bind(tx.actor().tenant).fetch_optional(tx.conn()).await?;
    row.map(|row| Ok((row.position, hash_of(&row.hash)?))).transpose()
}
