//! The file of an import that has come in pieces before.

use tenon_common::id::{TenantId, UploadId};
use tenon_common::import::format::HEAD;
use tenon_common::upload::{self, Upload};
use tenon_common::{Actor, Error, Result, TenantTx};

use super::receive::Sent;
use crate::app::App;

/// Puts the pieces of an upload together as the file of an import.
pub(super) async fn join(app: &App, actor: &Actor, id: UploadId, key: &str) -> Result<Sent> {
    let read = async |tx: &mut TenantTx<'_>| {
        let found = whole(tx, id).await?;
        let pieces = upload::pieces(tx, id).await?;
        Ok((found, pieces))
    };
    let (found, pieces) = app.db.read(actor, read).await?;
    match upload::join(&app.storage, &found, &pieces, key, HEAD).await {
        Ok(joined) => Ok(Sent { name: found.file_name, bytes: joined.bytes, head: joined.head }),
        Err(Error::FileMissing) => {
            // Somebody else took or removed it meanwhile: that is the reason then.
            app.db.read(actor, async |tx| whole(tx, id).await).await?;
            Err(Error::FileMissing)
        }
        Err(error) => Err(error),
    }
}

async fn whole(tx: &mut TenantTx<'_>, id: UploadId) -> Result<Upload> {
    let found = upload::get(tx, id).await?;
    found.require_whole()?;
    Ok(found)
}

/// Removes the pieces of an upload that an import has taken.
pub(super) async fn clear(app: &App, tenant: TenantId, id: UploadId) {
    if let Err(error) = upload::remove_files(&app.storage, tenant, id).await {
        tracing::warn!(%error, upload_id = %id, "the pieces of an import's file could not be removed; will be once they have expired");
    }
}
