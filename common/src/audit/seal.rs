//! Chaining: each entry gets a position and a hash that covers it and all entries before it.
//!
//! Entries are sealed in the order of the transactions that wrote them, and only those of transactions before the oldest that still
//! runs: nothing can come before what is sealed.

use uuid::Uuid;

use super::encoding::{BEGINNING, Hash, chained};
use super::entry::{AuditEntry, columns};
use crate::actor::Actor;
use crate::db::{Db, TenantTx};
use crate::error::{Error, Result};
use crate::id::TenantId;

/// Entries of one transaction.
const ENTRIES: usize = 1_000;
/// Entries whose tenants one look finds.
const LOOK: i32 = 50_000;

/// Seals what waits, of all tenants; answers how many entries that were.
pub async fn seal_due(db: &Db) -> Result<u64> {
    let mut sealed = 0;
    loop {
        let (tenants, through): (Vec<TenantId>, String) = {
            let mut connection = db.lookup().await?;
            sqlx::query_as("select tenants, through from tenon.tenants_to_seal($1)")
                .bind(LOOK)
                .fetch_one(&mut *connection)
                .await?
        };
        // The watermark is not moved for nothing: that would be a transaction in itself, for ever.
        if tenants.is_empty() {
            return Ok(sealed);
        }
        for tenant in tenants {
            sealed += seal_tenant(db, tenant).await?;
        }
        let mut connection = db.lookup().await?;
        sqlx::query("select tenon.audit_sealed_through($1)").bind(through).execute(&mut *connection).await?;
    }
}

async fn seal_tenant(db: &Db, tenant: TenantId) -> Result<u64> {
    let mut sealed = 0;
    loop {
        let part = db.write(&Actor::system(tenant), async |tx| seal_some(tx).await).await?;
        sealed += part as u64;
        if part < ENTRIES {
            return Ok(sealed);
        }
    }
}

#[derive(sqlx::FromRow)]
struct Last {
    position: i64,
    hash: Vec<u8>,
}

/// Seals the next entries of the transaction's tenant; answers how many.
async fn seal_some(tx: &mut TenantTx<'_>) -> Result<usize> {
    let tenant = tx.actor().tenant;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('tenon audit ' || $1::text, 0))")
        .bind(tenant)
        .execute(tx.conn())
        .await?;
    let last: Option<Last> = sqlx::query_as(
        "(select position, hash from tenon.audit_seals where tenant_id = $1 order by position desc limit 1)
         union all select position, hash from tenon.audit_anchors where tenant_id = $1
         order by position desc limit 1",
    )
    .bind(tenant)
    .fetch_optional(tx.conn())
    .await?;
    let entries = unsealed(tx).await?;
    let (mut position, mut hash) = match last {
        Some(last) => (last.position, hash_of(&last.hash)?),
        None => (0, BEGINNING),
    };
    let (mut positions, mut hashes) = (Vec::new(), Vec::new());
    for entry in &entries {
        position += 1;
        hash = chained(&hash, entry);
        positions.push(position);
        hashes.push(hash.to_vec());
    }
    sqlx::query(
        "insert into tenon.audit_seals (tenant_id, position, audit_event_id, hash)
         select $1, s.position, s.id, s.hash from unnest($2::bigint[], $3::uuid[], $4::bytea[]) as s (position, id, hash)",
    )
    .bind(tenant)
    .bind(positions)
    .bind(entries.iter().map(|entry| entry.id).collect::<Vec<Uuid>>())
    .bind(hashes)
    .execute(tx.conn())
    .await?;
    Ok(entries.len())
}

/// The place of the entry with the newest seal: found by two keys, whatever the planner knows of tables that are new.
const NEWEST_SEAL: &str = "
    select e.xid::text, e.id
    from (select audit_event_id from tenon.audit_seals where tenant_id = $1 order by position desc limit 1) s
    join tenon.audit_events e on e.tenant_id = $1 and e.id = s.audit_event_id";

/// That of the newest entry that has a seal and is still there.
const NEWEST_SEALED: &str = "
    select e.xid::text, e.id
    from tenon.audit_seals s
    join tenon.audit_events e on e.tenant_id = s.tenant_id and e.id = s.audit_event_id
    where s.tenant_id = $1 order by s.position desc limit 1";

async fn sealed_last(tx: &mut TenantTx<'_>, statement: &'static str) -> Result<Option<(String, Uuid)>> {
    let tenant = tx.actor().tenant;
    Ok(sqlx::query_as(statement).bind(tenant).fetch_optional(tx.conn()).await?)
}

/// The entries after the newest that has a seal, oldest first, of transactions that all have ended.
async fn unsealed(tx: &mut TenantTx<'_>) -> Result<Vec<AuditEntry>> {
    let tenant = tx.actor().tenant;
    let mut place = sealed_last(tx, NEWEST_SEAL).await?;
    if place.is_none() {
        // A sealed entry that somebody removed says nothing of its place: the one before it does.
        place = sealed_last(tx, NEWEST_SEALED).await?;
    }
    let (xid, id) = place.unwrap_or_else(|| ("0".to_owned(), Uuid::nil()));
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.audit_events e
         where e.tenant_id = $1 and (e.xid, e.id) > ($2::text::xid8, $3) and e.xid < pg_snapshot_xmin(pg_current_snapshot())
         order by e.xid, e.id limit $4"
    );
    let entries = sqlx::query_as(statement)
        .bind(tenant)
        .bind(xid)
        .bind(id)
        .bind(i64::try_from(ENTRIES).unwrap_or(i64::MAX))
        .fetch_all(tx.conn())
        .await?;
    Ok(entries)
}

/// A stored hash.
pub(super) fn hash_of(bytes: &[u8]) -> Result<Hash> {
    bytes.try_into().map_err(|_| Error::internal("a seal's hash has not 32 bytes"))
}
