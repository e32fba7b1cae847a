//! Runs of an export: who may write its file, the writing, and its end.

use std::time::Duration;

use super::State;
use super::output::Output;
use super::store::{self, ExportJob};
use crate::actor::Actor;
use crate::crm::record::Record;
use crate::db::{Db, TenantTx};
use crate::error::{Error, Result};
use crate::export::{Aborted, Export};
use crate::id::{ExportId, TenantId};
use crate::import::object::dispatch;
use crate::storage::Storage;

/// What bounds exports.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Exports of a tenant that run at once.
    pub running: i64,
    /// How long a file is kept.
    pub keep: Duration,
}

/// A run of an export: the right to write its file.
#[derive(Clone, Debug)]
pub struct Run {
    /// The export as it was when the run began.
    pub export: ExportJob,
    /// As whom records are read.
    actor: Actor,
}

/// Whether a run can begin.
#[derive(Debug)]
pub enum Begun {
    /// It has.
    Run(Box<Run>),
    /// Another export of the tenant runs.
    Waits,
    /// There is nothing to do: it was cancelled, or has ended.
    Nothing,
}

/// Begins a run, which begins the file anew. Whatever an earlier one still does is refused from here on.
pub async fn begin(
    db: &Db,
    storage: &Storage,
    tenant: TenantId,
    id: ExportId,
    limits: &Limits,
) -> Result<Begun> {
    let begun = db.write(&Actor::system(tenant), async |tx| begin_in(tx, id, limits).await).await?;
    match &begun {
        // What runs that died have left.
        Begun::Run(run) => {
            for earlier in 1..run.export.fence() {
                storage.delete_below(&run.export.run_folder(earlier)).await?;
            }
        }
        Begun::Waits => {}
        Begun::Nothing => {
            let get = async |tx: &mut TenantTx<'_>| store::get(tx, id).await;
            let ended = db.read(&Actor::system(tenant), get).await?;
            if ended.state() == State::Cancelled {
                storage.delete_below(&store::folder(tenant, id)).await?;
            }
        }
    }
    Ok(begun)
}

async fn begin_in(tx: &mut TenantTx<'_>, id: ExportId, limits: &Limits) -> Result<Begun> {
    lock_turns(tx).await?;
    let export = store::lock(tx, id).await?;
    if !matches!(export.state(), State::Queued | State::Running) {
        return Ok(Begun::Nothing);
    }
    if others_at_work(tx, id).await? >= limits.running {
        return Ok(Begun::Waits);
    }
    let set = "state = 'running', started_at = coalesce(started_at, now()), fence = fence + 1, rows = 0";
    let export = store::set_state(tx, id, set).await?;
    Ok(Begun::Run(Box::new(Run { actor: export.actor()?, export })))
}

/// Two exports of a tenant that begin at once see each other.
async fn lock_turns(tx: &mut TenantTx<'_>) -> Result<()> {
    let lock = "select pg_advisory_xact_lock(hashtextextended('tenon exports ' || $1::text, 0))";
    sqlx::query(lock).bind(tx.actor().tenant).execute(tx.conn()).await?;
    Ok(())
}

/// One that has not written anything for long has lost its worker and waits for another: nobody waits for it.
async fn others_at_work(tx: &mut TenantTx<'_>, id: ExportId) -> Result<i64> {
    let count = "select count(*) from tenon.exports
                 where tenant_id = $1 and id <> $2 and state = 'running' and updated_at > now() - interval '5 minutes'";
    Ok(sqlx::query_scalar(count).bind(tx.actor().tenant).bind(id).fetch_one(tx.conn()).await?)
}

/// Writes the file from its first row to its last, and ends the export: the ended export, or none where it was stopped or another
/// run has begun.
pub async fn write(db: &Db, storage: &Storage, run: &Run, limits: &Limits) -> Result<Option<ExportJob>> {
    let written = dispatch!(run.export.object(), R => write_records::<R>(db, storage, run).await)?;
    let ended = match written {
        Some((rows, bytes)) => {
            let finish = async |tx: &mut TenantTx<'_>| finish(tx, run, rows, bytes, limits).await;
            db.write(&run.actor, finish).await?
        }
        None => None,
    };
    if ended.is_none() {
        storage.delete_below(&run.export.run_folder(run.export.fence())).await?;
    }
    Ok(ended)
}

/// Writes all records; how many, and the bytes of the file.
async fn write_records<R: Record>(db: &Db, storage: &Storage, run: &Run) -> Result<Option<(i64, i64)>> {
    let walk = run.export.options().asked.request().walk(R::listing())?;
    let mut file = Output::begin(storage, &run.export, R::listing(), walk.fields()).await?;
    let mut export = Export::<R>::new(walk, run.export.style());
    let done = match write_pages(db, run, &mut export, &mut file).await {
        Ok(true) => file.finish().await.map(Some),
        Ok(false) => {
            file.abort().await;
            Ok(None)
        }
        Err(error) => {
            file.abort().await;
            Err(error)
        }
    };
    let number = |count: u64| i64::try_from(count).map_err(Error::internal);
    done?.map(|bytes| Ok((number(export.count())?, number(bytes)?))).transpose()
}

/// Whether all pages were written; each is told before the next is read.
async fn write_pages<R: Record>(
    db: &Db,
    run: &Run,
    export: &mut Export<R>,
    file: &mut Output,
) -> Result<bool> {
    while let Some(page) = export.next(db, &run.actor).await? {
        file.write(page).await?;
        let rows = i64::try_from(export.count()).map_err(Error::internal)?;
        let goes_on = async |tx: &mut TenantTx<'_>| progress(tx, run, rows).await;
        if !db.write(&run.actor, goes_on).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Says how far the run is; whether it may go on: nobody stopped the export, and no later run has begun.
async fn progress(tx: &mut TenantTx<'_>, run: &Run, rows: i64) -> Result<bool> {
    let progress = "update tenon.exports set rows = $4, updated_at = now()
                    where tenant_id = $1 and id = $2 and fence = $3 and state = 'running'";
    let done = sqlx::query(progress)
        .bind(run.export.tenant_id)
        .bind(run.export.id)
        .bind(run.export.fence())
        .bind(rows)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether the run may still end the export. Held until the transaction ends.
async fn is_at_work(tx: &mut TenantTx<'_>, run: &Run) -> Result<bool> {
    let now = store::lock(tx, run.export.id).await?;
    Ok(now.fence() == run.export.fence() && now.state() == State::Running)
}

async fn finish(
    tx: &mut TenantTx<'_>,
    run: &Run,
    rows: i64,
    bytes: i64,
    limits: &Limits,
) -> Result<Option<ExportJob>> {
    if !is_at_work(tx, run).await? {
        return Ok(None);
    }
    let written =
        "update tenon.exports set rows = $3, bytes = $4, expires_at = now() + make_interval(secs => $5)
                   where tenant_id = $1 and id = $2";
    sqlx::query(written)
        .bind(run.export.tenant_id)
        .bind(run.export.id)
        .bind(rows)
        .bind(bytes)
        .bind(limits.keep.as_secs_f64())
        .execute(tx.conn())
        .await?;
    let ended = store::set_state(tx, run.export.id, "state = 'succeeded', finished_at = now()").await?;
    ended.tell(tx, None).await?;
    Ok(Some(ended))
}

/// Ends an export without a file, with the reason; whether this run still had the right to.
pub async fn fail(db: &Db, run: &Run, code: &str, message: &str) -> Result<bool> {
    let fail = async |tx: &mut TenantTx<'_>| {
        if !is_at_work(tx, run).await? {
            return Ok(false);
        }
        end(tx, run.export.id, code, message).await?;
        Ok(true)
    };
    db.write(&run.actor, fail).await
}

/// Ends an export that no job is left for, whoever was at it.
pub async fn give_up(tx: &mut TenantTx<'_>, id: ExportId, code: &str, message: &str) -> Result<()> {
    match store::lock(tx, id).await?.state() {
        State::Queued | State::Running => end(tx, id, code, message).await,
        _ => Ok(()),
    }
}

async fn end(tx: &mut TenantTx<'_>, id: ExportId, code: &str, message: &str) -> Result<()> {
    let failed =
        "update tenon.exports set failure = $3, failure_message = $4 where tenant_id = $1 and id = $2";
    let tenant = tx.actor().tenant;
    sqlx::query(failed).bind(tenant).bind(id).bind(code).bind(message).execute(tx.conn()).await?;
    let failed = store::set_state(tx, id, "state = 'failed', finished_at = now()").await?;
    failed.tell(tx, Some(Aborted::Failed)).await
}
