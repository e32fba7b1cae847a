//! Removing uploads: first nobody finds one any more, then its files go, and at last its row. Whoever dies in between is gone on for
//! by the next who removes what has expired.

use crate::actor::Actor;
use crate::db::{Db, TenantTx};
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::id::{TenantId, UploadId};
use crate::storage::Storage;

use super::files::folder;

/// Gives an upload up: from the commit on nobody finds it. Then [`remove`] removes it.
pub async fn discard(tx: &mut TenantTx<'_>, id: UploadId) -> Result<()> {
    let statement = "update tenon.uploads set expires_at = '-infinity' where tenant_id = $1 and id = $2 and expires_at > now()";
    let given_up = sqlx::query(statement).bind(tx.actor().tenant).bind(id).execute(tx.conn()).await?;
    match given_up.rows_affected() {
        0 => Err(Error::NotFound(EntityKind::Upload)),
        _ => Ok(()),
    }
}

/// Removes the files of an upload that was given up, or that an import took.
pub async fn remove_files(storage: &Storage, tenant: TenantId, id: UploadId) -> Result<()> {
    storage.delete_below(&folder(tenant, id)).await
}

/// Removes an upload that was given up.
pub async fn remove(db: &Db, storage: &Storage, actor: &Actor, id: UploadId) -> Result<()> {
    remove_files(storage, actor.tenant, id).await?;
    db.write(actor, async |tx| forget(tx, id).await).await
}

/// Removes uploads of all tenants that have expired, at most so many; how many. As the worker.
pub async fn remove_expired(db: &Db, storage: &Storage, most: i32) -> Result<i64> {
    let expired: Vec<(TenantId, UploadId)> =
        sqlx::query_as("select tenant_id, id from tenon.expired_uploads($1)")
            .bind(most)
            .fetch_all(&mut *db.lookup().await?)
            .await?;
    let mut removed = 0;
    for (tenant, id) in expired {
        let actor = Actor::system(tenant);
        if db.write(&actor, async |tx| expire(tx, id).await).await? {
            remove(db, storage, &actor, id).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Gives up what has expired; whether it has. Waits for who is counting a piece, which then has not expired.
async fn expire(tx: &mut TenantTx<'_>, id: UploadId) -> Result<bool> {
    let statement = "update tenon.uploads set expires_at = '-infinity' where tenant_id = $1 and id = $2 and expires_at < now()";
    let expired = sqlx::query(statement).bind(tx.actor().tenant).bind(id).execute(tx.conn()).await?;
    Ok(expired.rows_affected() == 1)
}

/// Removes the rows of an upload that was given up.
async fn forget(tx: &mut TenantTx<'_>, id: UploadId) -> Result<()> {
    let statement = "select true from tenon.uploads where tenant_id = $1 and id = $2 and expires_at = '-infinity' for update";
    let given_up: Option<bool> =
        sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    if given_up.is_none() {
        return Ok(());
    }
    forget_pieces(tx, id).await?;
    let statement = "delete from tenon.uploads where tenant_id = $1 and id = $2";
    sqlx::query(statement).bind(tx.actor().tenant).bind(id).execute(tx.conn()).await?;
    Ok(())
}

/// Removes the rows of pieces.
pub(super) async fn forget_pieces(tx: &mut TenantTx<'_>, id: UploadId) -> Result<()> {
    let statement = "delete from tenon.upload_pieces where tenant_id = $1 and upload_id = $2";
    sqlx::query(statement).bind(tx.actor().tenant).bind(id).execute(tx.conn()).await?;
    Ok(())
}
