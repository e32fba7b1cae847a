//! Runs of an import: who may go on with it, and its end.

use crate::actor::Actor;
use crate::change::{self, Change};
use crate::db::TenantTx;
use crate::error::Result;
use crate::event::EventType;
use crate::id::{ImportId, TenantId};
use crate::import::mapping::Column;
use crate::import::reader::Reader;
use crate::import::{BulkEvents, Counts, Import, State, store};
use crate::storage::Storage;

/// How much a tenant may import.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a file.
    pub bytes: u64,
    /// Rows of a file.
    pub rows: i64,
    /// Imports of a tenant that run at once.
    pub running: i64,
    /// Days for which an import can be taken back.
    pub revert_days: i32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 30, rows: 5_000_000, running: 1, revert_days: 7 }
    }
}

/// The right to go on with an import: nothing of an earlier run is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence(pub(super) i64);

/// A run of an import.
#[derive(Clone, Debug)]
pub struct Run {
    /// The import as it was when the run began.
    pub import: Import,
    /// As whom records are made.
    pub actor: Actor,
    /// The right to go on.
    pub fence: Fence,
    pub(super) columns: Vec<Column>,
}

/// Whether a run can begin.
#[derive(Debug)]
pub enum Begun {
    /// It has.
    Run(Box<Run>),
    /// Another import of the tenant runs.
    Waits,
    /// There is nothing to do: it was cancelled, or has ended.
    Nothing,
}

impl Run {
    fn of(import: Import) -> Result<Self> {
        let (actor, columns, fence) = (import.actor()?, import.mapping(), Fence(import.fence()));
        Ok(Self { import, actor, fence, columns })
    }

    /// Its rows that are not done.
    pub fn reader(&self, storage: &Storage) -> Option<Reader> {
        let (key, size, layout) = self.import.rows()?;
        let at = self.import.place();
        Some(Reader::new(storage.clone(), key.to_owned(), size, &layout, &self.import.columns, at))
    }
}

/// Begins a run, or goes on where the last one ended. Whatever that one still does is refused from here on.
pub async fn begin(tx: &mut TenantTx<'_>, id: ImportId, state: State, limits: &Limits) -> Result<Begun> {
    let tenant = tx.actor().tenant;
    lock_turns(tx, tenant).await?;
    let import = store::lock(tx, id).await?;
    let goes_on = match import.state() {
        State::Ready => state == State::Running && import.finished_at.is_none(),
        other => other == state,
    };
    if !goes_on {
        return Ok(Begun::Nothing);
    }
    if ahead(tx, &import).await? >= limits.running {
        return Ok(Begun::Waits);
    }
    if state == State::Running && import.committed_through_row == 0 {
        forget_rows(tx, id).await?;
    }
    let set = match state {
        State::Reverting => "fence = fence + 1",
        _ => "state = 'running', started_at = coalesce(started_at, now()), fence = fence + 1",
    };
    let begun = store::set_state(tx, id, set).await?;
    Ok(Begun::Run(Box::new(Run::of(begun)?)))
}

/// Two imports of a tenant that begin at once see each other.
async fn lock_turns(tx: &mut TenantTx<'_>, tenant: TenantId) -> Result<()> {
    let lock = "select pg_advisory_xact_lock(hashtextextended('tenon imports ' || $1::text, 0))";
    sqlx::query(lock).bind(tenant).execute(tx.conn()).await?;
    Ok(())
}

/// How many imports of the tenant are at work or wait to be, and began earlier: in one order for all, so that the first always goes on.
/// One that is ahead of another that is at work has it wait after its turn.
async fn ahead(tx: &mut TenantTx<'_>, import: &Import) -> Result<i64> {
    let count = "select count(*) from tenon.imports
                 where tenant_id = $1 and state in ('running', 'reverting')
                   and (coalesce(started_at, 'infinity'), id) < (coalesce($3, 'infinity'), $2)";
    let count = sqlx::query_scalar(count).bind(tx.actor().tenant).bind(import.id).bind(import.started_at);
    Ok(count.fetch_one(tx.conn()).await?)
}

/// What a dry run left.
async fn forget_rows(tx: &mut TenantTx<'_>, id: ImportId) -> Result<()> {
    for statement in [
        "delete from tenon.import_chunks where tenant_id = $1 and import_id = $2",
        "delete from tenon.import_errors where tenant_id = $1 and import_id = $2",
        "delete from tenon.import_keys where tenant_id = $1 and import_id = $2",
        "delete from tenon.import_tries where tenant_id = $1 and import_id = $2",
    ] {
        sqlx::query(statement).bind(tx.actor().tenant).bind(id).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Whether the run may still write: nobody stopped the import, and no later run has begun. Held until the transaction ends.
pub async fn is_at_work(tx: &mut TenantTx<'_>, run: &Run, state: State) -> Result<Option<Import>> {
    let now = store::lock(tx, run.import.id).await?;
    let may = now.fence() == run.fence.0 && now.state() == state;
    Ok(may.then_some(now))
}

/// Ends an import as a whole, with the reason. What was done stays.
pub async fn fail(tx: &mut TenantTx<'_>, id: ImportId, code: &str, message: &str) -> Result<()> {
    let import = store::lock(tx, id).await?;
    if !import.state().is_at_work() {
        return Ok(());
    }
    let failed =
        "update tenon.imports set failure = $3, failure_message = $4 where tenant_id = $1 and id = $2";
    sqlx::query(failed).bind(tx.actor().tenant).bind(id).bind(code).bind(message).execute(tx.conn()).await?;
    let failed = store::set_state(tx, id, "state = 'failed', finished_at = now()").await?;
    tell(tx, &failed).await
}

/// Ends a run after its last row.
pub(super) async fn finish(tx: &mut TenantTx<'_>, import: &Import, counts: Counts) -> Result<()> {
    if import.dry_run {
        store::set_state(tx, import.id, "state = 'ready', finished_at = now()").await?;
        return Ok(());
    }
    let done = counts.created + counts.updated + counts.unchanged + counts.skipped;
    let set = match (counts.failed, done) {
        (0, _) => "state = 'succeeded', finished_at = now()",
        (_, 0) => {
            "state = 'failed', finished_at = now(), failure = 'EVERY_ROW_FAILED', failure_message = 'Every row was refused'"
        }
        _ => "state = 'partial', finished_at = now()",
    };
    let ended = store::set_state(tx, import.id, set).await?;
    tell(tx, &ended).await
}

/// Writes the event of an import's end.
pub(super) async fn tell(tx: &mut TenantTx<'_>, import: &Import) -> Result<()> {
    tx.set_bulk(None);
    let event = match (import.state(), import.options().bulk_events) {
        (_, BulkEvents::None) => EventType::IMPORT_ENDED,
        (State::Failed, _) => EventType::IMPORT_FAILED,
        (State::Reverted, _) => EventType::IMPORT_REVERTED,
        _ => EventType::IMPORT_COMPLETED,
    };
    let change = Change {
        event,
        object: import.id.0,
        version: import.version,
        at: import.updated_at,
        before: None,
        after: import.shown(),
    };
    change::record(tx, &[change]).await
}
