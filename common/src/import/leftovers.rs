//! What is left of imports whose time is over: their files, what became of their rows, what a revert takes. The import itself stays, and
//! says that the rest is gone.

use chrono::TimeDelta;

use crate::actor::Actor;
use crate::db::{Db, TenantTx};
use crate::error::{Error, Result};
use crate::id::{ImportId, TenantId};
use crate::import::{State, file, run, store};
use crate::storage::Storage;

/// The tables that have rows of imports.
const ROWS: [&str; 4] = [
    "delete from tenon.import_errors where tenant_id = $1 and import_id = $2 and ctid = any (array(
         select ctid from tenon.import_errors where tenant_id = $1 and import_id = $2 limit $3))",
    "delete from tenon.import_keys where tenant_id = $1 and import_id = $2 and ctid = any (array(
         select ctid from tenon.import_keys where tenant_id = $1 and import_id = $2 limit $3))",
    "delete from tenon.import_tries where tenant_id = $1 and import_id = $2 and ctid = any (array(
         select ctid from tenon.import_tries where tenant_id = $1 and import_id = $2 limit $3))",
    "delete from tenon.import_chunks where tenant_id = $1 and import_id = $2 and ctid = any (array(
         select ctid from tenon.import_chunks where tenant_id = $1 and import_id = $2 limit $3))",
];

/// Removes what is left of imports, at most so many rows; how many rows and imports that were. An import whose file was never looked at
/// to its end is over `unfinished` after it was made. As the worker.
pub async fn remove(db: &Db, storage: &Storage, unfinished: TimeDelta, most: i32) -> Result<i64> {
    let mut removed = 0;
    for (tenant, import) in over(db, unfinished, most).await? {
        let actor = Actor::system(tenant);
        if !db.write(&actor, async |tx| expire(tx, import, unfinished).await).await? {
            continue;
        }
        let left = i64::from(most) - removed;
        removed += db.write(&actor, async |tx| remove_rows(tx, import, left).await).await?;
        if removed >= i64::from(most) {
            return Ok(removed);
        }
        for key in [file::key(tenant, import), file::rows_key(tenant, import)] {
            storage.delete(&key).await?;
        }
        db.write(&actor, async |tx| clear(tx, import).await).await?;
        removed += 1;
    }
    Ok(removed)
}

/// Removes the files of an import that was refused before its first row, at once: nobody can go on with it.
pub async fn remove_refused(db: &Db, storage: &Storage, tenant: TenantId, import: ImportId) -> Result<()> {
    let get = async |tx: &mut TenantTx<'_>| store::get(tx, import).await;
    if db.read(&Actor::system(tenant), get).await?.can_be_resumed() {
        return Ok(());
    }
    for key in [file::key(tenant, import), file::rows_key(tenant, import)] {
        storage.delete(&key).await?;
    }
    Ok(())
}

async fn over(db: &Db, unfinished: TimeDelta, most: i32) -> Result<Vec<(TenantId, ImportId)>> {
    let mut connection = db.lookup().await?;
    let over =
        sqlx::query_as("select tenant_id, id from tenon.imports_to_clear(make_interval(secs => $1), $2)")
            .bind(unfinished.as_seconds_f64())
            .bind(most);
    Ok(over.fetch_all(&mut *connection).await?)
}

/// From here on nobody uses what the import was made of; whether that is so. Somebody may have gone on with it meanwhile.
async fn expire(tx: &mut TenantTx<'_>, id: ImportId, unfinished: TimeDelta) -> Result<bool> {
    let import = match store::lock(tx, id).await {
        Err(Error::NotFound(_)) => return Ok(false),
        locked => locked?,
    };
    let expired = sqlx::query(
        "update tenon.imports set expired_at = coalesce(expired_at, now())
         where tenant_id = $1 and id = $2
           and (expired_at is not null
                or tenon.import_is_over(state, finished_at, revert_until, created_at, updated_at, make_interval(secs => $3)))",
    );
    let expired = expired.bind(tx.actor().tenant).bind(id).bind(unfinished.as_seconds_f64());
    let is_over = expired.execute(tx.conn()).await?.rows_affected() == 1;
    if is_over && import.state() == State::Validating {
        run::fail(tx, id, "EXPIRED", "The file was not looked at in time").await?;
    }
    Ok(is_over)
}

/// At most so many rows of an import.
async fn remove_rows(tx: &mut TenantTx<'_>, import: ImportId, most: i64) -> Result<i64> {
    let mut removed = 0;
    for statement in ROWS {
        let rows = sqlx::query(statement).bind(tx.actor().tenant).bind(import).bind(most - removed);
        removed += rows.execute(tx.conn()).await?.rows_affected().cast_signed();
    }
    Ok(removed)
}

/// Nothing is left.
async fn clear(tx: &mut TenantTx<'_>, import: ImportId) -> Result<()> {
    let cleared = "update tenon.imports set cleared_at = now() where tenant_id = $1 and id = $2";
    sqlx::query(cleared).bind(tx.actor().tenant).bind(import).execute(tx.conn()).await?;
    Ok(())
}
