//! Keys that work no longer: kept for a while to be looked up, and then removed, so that they do not pile up. What they did the audit trail
//! tells.

use crate::account::quota::{self, Quota};
use crate::db::TenantTx;
use crate::error::Result;

/// Keys that are removed at once, the oldest first: a new key has not to wait for all of them.
const AT_ONCE: i64 = 1_000;

/// Makes room for a key: removes those of the tenant that were revoked or expired 30 days ago. As many as there may be since then have to
/// be fewer than the plan's bound; revoking is never refused.
///
/// # Errors
/// `Quota`.
pub(super) async fn make_room(tx: &mut TenantTx<'_>) -> Result<()> {
    sqlx::query(
        "with due as materialized (
             select id from tenon.api_keys
             where tenant_id = $1 and least(revoked_at, expires_at) < now() - interval '30 days'
             order by id limit $2
         ),
         successors as (
             update tenon.api_keys k set rotated_from = null
             where k.tenant_id = $1 and k.rotated_from in (select id from due) and k.id not in (select id from due)
         )
         delete from tenon.api_keys k using due where k.tenant_id = $1 and k.id = due.id",
    )
    .bind(tx.actor().tenant)
    .bind(AT_ONCE)
    .execute(tx.conn())
    .await?;
    quota::claim(tx, Quota::RetiredApiKeys, 1).await
}
