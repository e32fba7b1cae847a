//! The files of purged tenants.

use crate::db::Db;
use crate::error::Result;
use crate::id::TenantId;
use crate::storage::Storage;

/// Removes the files of tenants that are purged; how many files. As the worker.
pub async fn remove_files(db: &Db, storage: &Storage) -> Result<i64> {
    let mut connection = db.lookup().await?;
    let purged: Vec<TenantId> =
        sqlx::query_scalar("select id from tenon.tenants_with_files()").fetch_all(&mut *connection).await?;
    let mut removed = 0;
    for tenant in purged {
        removed += storage.delete_all(tenant).await?;
        let gone = sqlx::query("select tenon.tenant_files_are_gone($1)").bind(tenant);
        gone.execute(&mut *connection).await?;
    }
    Ok(removed)
}
