//! Files whose time is over.

use super::store;
use crate::actor::Actor;
use crate::db::{Db, TenantTx};
use crate::error::Result;
use crate::id::{ExportId, TenantId};
use crate::storage::Storage;

/// Removes the files of exports whose time is over, of at most so many, and says so in their rows; how many. Called until it answers
/// fewer than were asked for. The files go first: one that is removed twice is no error, and one that is forgotten would stay.
pub async fn remove_expired(db: &Db, storage: &Storage, most: i32) -> Result<u64> {
    let mut removed = 0;
    for (tenant, export) in expired(db, most).await? {
        storage.delete_below(&store::folder(tenant, export)).await?;
        let expire = async |tx: &mut TenantTx<'_>| expire(tx, export).await;
        removed += db.write(&Actor::system(tenant), expire).await?;
    }
    Ok(removed)
}

async fn expired(db: &Db, most: i32) -> Result<Vec<(TenantId, ExportId)>> {
    let mut connection = db.lookup().await?;
    let expired = sqlx::query_as("select tenant_id, id from tenon.expired_exports($1)").bind(most);
    Ok(expired.fetch_all(&mut *connection).await?)
}

async fn expire(tx: &mut TenantTx<'_>, export: ExportId) -> Result<u64> {
    let expire = "update tenon.exports set state = 'expired', version = version + 1, updated_at = now(), updated_by = $3
                  where tenant_id = $1 and id = $2 and state = 'succeeded' and expires_at < now()";
    let by = tx.actor().principal.reference().to_string();
    let done = sqlx::query(expire).bind(tx.actor().tenant).bind(export).bind(by).execute(tx.conn()).await?;
    Ok(done.rows_affected())
}
