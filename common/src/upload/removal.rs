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
    db.write(actor, async |tx| forget(tx, &[id]).await).await
}

/// Removes uploads of all tenants that have expired, at most so many of each; how many. As the worker.
pub async fn remove_expired(db: &Db, storage: &Storage, most: i32) -> Result<u64> {
    let tenants: Vec<TenantId> = sqlx::query_scalar("select id from tenon.tenants_with_expired_uploads()")
        .fetch_all(&mut *db.lookup().await?)
        .await?;
    let mut removed = 0;
    for tenant in tenants {
        let actor = Actor::system(tenant);
        let expired = db.write(&actor, async |tx| expire(tx, most).await).await?;
        for id in &expired {
            remove_files(storage, tenant, *id).await?;
        }
        db.write(&actor, async |tx| forget(tx, &expired).await).await?;
        removed += expired.len() as u64;
    }
    Ok(removed)
}

/// Gives up what has expired. Waits for who is counting a piece, which then has not expired.
async fn expire(tx: &mut TenantTx<'_>, most: i32) -> Result<Vec<UploadId>> {
    let statement = "update tenon.uploads set expires_at = '-infinity'
         where tenant_id = $1 and expires_at < now()
           and id = any (array(select id from tenon.uploads where tenant_id = $1 and expires_at < now() order by expires_at limit $2))
         returning id";
    Ok(sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(most).fetch_all(tx.conn()).await?)
}

/// Removes the rows of uploads that were given up.
async fn forget(tx: &mut TenantTx<'_>, ids: &[UploadId]) -> Result<()> {
    let statement = "select id from tenon.uploads where tenant_id = $1 and id = any ($2) and expires_at = '-infinity' for update";
    let given_up: Vec<UploadId> =
        sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(ids).fetch_all(tx.conn()).await?;
    forget_pieces(tx, &given_up).await?;
    let statement = "delete from tenon.uploads where tenant_id = $1 and id = any ($2)";
    sqlx::query(statement).bind(tx.actor().tenant).bind(given_up).execute(tx.conn()).await?;
    Ok(())
}

/// Removes the rows of pieces.
pub(super) async fn forget_pieces(tx: &mut TenantTx<'_>, ids: &[UploadId]) -> Result<()> {
    let statement = "delete from tenon.upload_pieces where tenant_id = $1 and upload_id = any ($2)";
    sqlx::query(statement).bind(tx.actor().tenant).bind(ids).execute(tx.conn()).await?;
    Ok(())
}
