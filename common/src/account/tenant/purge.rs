//! Removing a deleted tenant for good, once it cannot be restored any more. Row by row, in batches of their own transactions, by a
//! function of the maintenance role that does it for no other tenant: whoever is stopped in the middle is gone on for by the next.
//! The tenant's row stays, without what it said, so that its slugs are never another one's.

use chrono::TimeDelta;
use sqlx::{Connection, PgConnection};

use crate::db::Db;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::id::TenantId;

/// Rows of one transaction: it holds no lock for long.
const BATCH: i32 = 1000;

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Rows that were removed.
    pub rows: i64,
    /// Tenants of which nothing is left.
    pub tenants: u32,
}

/// Purges the tenants that were deleted so long ago. As the worker.
pub async fn purge_due(db: &Db, retention: TimeDelta) -> Result<Purged> {
    let mut purged = Purged::default();
    loop {
        let batch = purge_batch(db, retention).await?;
        if batch == Purged::default() {
            return Ok(purged);
        }
        purged = Purged { rows: purged.rows + batch.rows, tenants: purged.tenants + batch.tenants };
    }
}

/// One batch of that: rows of one tenant, or that nothing of it is left. Nothing at all: there is nothing to purge.
pub async fn purge_batch(db: &Db, retention: TimeDelta) -> Result<Purged> {
    let mut connection = db.lookup().await?;
    let due: Vec<TenantId> =
        sqlx::query_scalar("select id from tenon.tenants_to_purge(make_interval(secs => $1))")
            .bind(seconds(retention))
            .fetch_all(&mut *connection)
            .await?;
    for tenant in due {
        match batch(&mut connection, tenant, retention).await? {
            // Another worker is at it.
            None => {}
            Some(0) => {
                tracing::info!(tenant_id = %tenant, "a deleted organization was purged");
                return Ok(Purged { rows: 0, tenants: 1 });
            }
            Some(rows) => return Ok(Purged { rows, tenants: 0 }),
        }
    }
    Ok(Purged::default())
}

/// Purges one tenant that was deleted so long ago, as an operator whose login is a member of `tenon_owner`. The slug is asked for so
/// that nobody purges another one by mistake.
///
/// # Errors
/// Where there is no such tenant, or it is not deleted, not for long enough, or purged already.
pub async fn purge_one(url: &str, tenant: TenantId, slug: &str, retention: TimeDelta) -> Result<Purged> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql("set role tenon_maint").execute(&mut connection).await?;
    let found: Option<(bool, bool)> = sqlx::query_as(
        "select deleted_at is not null, purged_at is not null from tenon.tenants where id = $1 and slug = $2",
    )
    .bind(tenant)
    .bind(slug)
    .fetch_optional(&mut connection)
    .await?;
    match found {
        None => return Err(Error::NotFound(EntityKind::Tenant)),
        Some((_, true)) => return Err(Error::state("The organization is purged already")),
        Some((false, _)) => return Err(Error::state("The organization is not deleted")),
        Some((true, false)) => {}
    }
    let rows = purge(&mut connection, tenant, retention).await?;
    connection.close().await?;
    match rows {
        Some(rows) => Ok(Purged { rows, tenants: 1 }),
        None => Err(Error::state("The organization can still be restored, or a worker is purging it")),
    }
}

/// All batches of a tenant; how many rows they were, or that it is not to be purged here.
async fn purge(connection: &mut PgConnection, tenant: TenantId, retention: TimeDelta) -> Result<Option<i64>> {
    let mut rows = 0;
    loop {
        match batch(connection, tenant, retention).await? {
            None => return Ok(None),
            Some(0) => return Ok(Some(rows)),
            Some(removed) => rows += removed,
        }
    }
}

/// One batch: how many rows it removed. 0: nothing is left.
async fn batch(connection: &mut PgConnection, tenant: TenantId, retention: TimeDelta) -> Result<Option<i64>> {
    let removed = sqlx::query_scalar("select tenon.purge_tenant($1, make_interval(secs => $2), $3)");
    Ok(removed.bind(tenant).bind(seconds(retention)).bind(BATCH).fetch_one(connection).await?)
}

fn seconds(duration: TimeDelta) -> f64 {
    duration.as_seconds_f64()
}
