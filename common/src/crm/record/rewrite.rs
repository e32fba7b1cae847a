//! Changes of many records that follow from the change of another one.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Plan, Record, changed, store};
use crate::change;
use crate::db::TenantTx;
use crate::error::{ConflictCode, Error, Result};
use crate::event::EventType;

/// So many are changed by one statement.
const AT_ONCE: i64 = 1000;

/// Records that name others.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'i> {
    /// The column that names them.
    pub(crate) column: &'static str,
    /// Which.
    pub(crate) ids: &'i [Uuid],
    /// Deleted ones, those that are not, or both.
    pub(crate) deleted: Option<bool>,
}

/// Changes all records that name others, each with its events, whoever owns them. Nothing that `edit` changes may be unique. A
/// few statements for each thousand.
pub(crate) async fn rewrite<R: Record>(
    tx: &mut TenantTx<'_>,
    rows: Rows<'_>,
    edit: impl Fn(&mut R),
) -> Result<()> {
    tx.widen_to_tenant().await?;
    let mut last = Uuid::nil();
    loop {
        let found: Vec<R> = lock_next(tx, rows, last).await?;
        let Some(end) = found.last() else { break };
        last = end.id();
        let mut plans = Vec::with_capacity(found.len());
        for before in found {
            let mut after = before.clone();
            edit(&mut after);
            plans.push(Plan::changed(tx, before, after));
        }
        let written: Vec<&Plan<R>> = plans.iter().collect();
        if !store::write_all(tx, &written).await? {
            return Err(Error::internal("a rewrite collided"));
        }
        store::record(tx, plans.iter()).await?;
    }
    tx.narrow_to_actor().await
}

async fn lock_next<R: Record>(tx: &mut TenantTx<'_>, rows: Rows<'_>, last: Uuid) -> Result<Vec<R>> {
    let mut statement = QueryBuilder::new("select ");
    statement.push(R::listing().columns).push(" from ").push(R::listing().table);
    statement.push(" where tenant_id = ").push_bind(tx.actor().tenant);
    statement.push(" and ").push(rows.column).push(" = any (").push_bind(rows.ids).push(")");
    statement.push(" and id > ").push_bind(last);
    statement.push(match rows.deleted {
        Some(true) => " and deleted_at is not null",
        Some(false) => " and deleted_at is null",
        None => "",
    });
    statement.push(" order by id limit ").push_bind(AT_ONCE).push(" for no key update");
    let mut found: Vec<R> = statement.build_query_as().fetch_all(tx.conn()).await?;
    R::fill(tx, &mut found).await?;
    Ok(found)
}

/// Writes a locked record as the caller has changed it, with one event of its own.
pub(crate) async fn save<R: Record>(
    tx: &mut TenantTx<'_>,
    before: R,
    after: R,
    event: EventType,
) -> Result<R> {
    let plan = Plan::changed(tx, before, after);
    store::store(tx, &plan, ConflictCode::Duplicate).await?;
    change::record(tx, &[changed(event, plan.before.as_ref(), &plan.after)?]).await?;
    Ok(plan.after)
}
