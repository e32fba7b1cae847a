//! Jobs of many steps.

use crate::db::TenantTx;
use crate::error::Result;

/// A job got on with its work: that workers died while they held it before is no sign of a job that kills them. For jobs of many steps,
/// with the first step of a turn, in its transaction.
pub async fn has_progressed(tx: &mut TenantTx<'_>, job: &str) -> Result<()> {
    let forget = "update apalis.jobs set orphaned = 0 where id = $1 and orphaned > 0";
    sqlx::query(forget).bind(job).execute(tx.conn()).await?;
    Ok(())
}
