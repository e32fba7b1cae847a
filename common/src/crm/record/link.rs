//! Rows that cannot live without a record: hidden, shown and removed with it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Plan, Record};
use crate::db::TenantTx;
use crate::error::Result;

/// Rows of another table that cannot live without a record. The table has `tenant_id`, `deleted_at` and `delete_batch_id`; what
/// reads it leaves out what is hidden, and, where a row hangs on two records, what hangs on a deleted one.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The table.
    pub(crate) table: &'static str,
    /// The column that names the record.
    pub(crate) column: &'static str,
    /// What else must be so for the column to name a record of this kind: ` and …`, or nothing. The table is `l` there.
    pub(crate) condition: &'static str,
}

/// Hides what hangs on records that are deleted, under the delete batch of each. A statement for each link.
pub(super) async fn hide<R: Record>(tx: &mut TenantTx<'_>, plans: &[&Plan<R>]) -> Result<()> {
    let statements = &R::statements().links;
    let deleted: Vec<_> = plans.iter().filter_map(|plan| Some((plan, plan.batch?))).collect();
    if statements.is_empty() || deleted.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = deleted.iter().map(|(plan, _)| plan.after.id()).collect();
    let times: Vec<Option<DateTime<Utc>>> = deleted.iter().map(|(plan, _)| plan.after.deleted_at()).collect();
    let batches: Vec<Uuid> = deleted.iter().map(|(_, batch)| *batch).collect();
    for link in statements {
        sqlx::query(link.hide)
            .bind(tx.actor().tenant)
            .bind(&ids)
            .bind(&times)
            .bind(&batches)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Shows what was hidden with a record, and nothing that was hidden before; while the record is deleted still.
pub(super) async fn show<R: Record>(tx: &mut TenantTx<'_>, record: &R) -> Result<()> {
    for link in &R::statements().links {
        sqlx::query(link.show).bind(record.tenant()).bind(record.id()).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Removes what hangs on records, hidden or not.
pub(super) async fn remove<R: Record>(tx: &mut TenantTx<'_>, records: &[Uuid]) -> Result<()> {
    for link in &R::statements().links {
        sqlx::query(link.remove).bind(tx.actor().tenant).bind(records).execute(tx.conn()).await?;
    }
    Ok(())
}
