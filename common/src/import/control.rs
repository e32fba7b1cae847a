//! What people ask of an import that is there: to stop, to go on, to take back what it did.

use chrono::Utc;

use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::id::ImportId;
use crate::import::store::{enqueue, enqueue_run, lock, set_state};
use crate::import::{Import, RevertImport, State, ValidateImport};

/// Stops an import. The chunk that is under way is the last; what was done stays.
pub async fn cancel(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let import = lock(tx, id).await?;
    match import.state() {
        State::Cancelled => return Ok(import),
        State::Validating | State::Ready | State::Running => {}
        other => return Err(Error::state(format!("An import that is {} cannot be cancelled", other.name()))),
    }
    set_state(tx, id, "state = 'cancelled', finished_at = now()").await
}

/// Goes on with an import that was cancelled or failed, or runs one that was a dry run.
pub async fn resume(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let import = lock(tx, id).await?;
    import.check_reach(tx.actor())?;
    if import.expired_at.is_some() || import.revert_until.is_some_and(|until| until < Utc::now()) {
        return Err(Error::state("The file of this import is kept no longer"));
    }
    if import.reverted + import.kept > 0 {
        return Err(Error::state("An import that was taken back in part cannot be resumed; revert it again"));
    }
    let is_known = import.total.is_some();
    let set = match import.state() {
        State::Ready if import.dry_run && import.finished_at.is_some() => {
            // From the beginning, and for good.
            "state = 'ready', dry_run = false, options = jsonb_set(options, '{dryRun}', 'false'), finished_at = null, started_at = null,
             committed_through_row = 0, committed_through_byte = rows_begin,
             created = 0, updated = 0, unchanged = 0, skipped = 0, failed = 0, fence = fence + 1"
        }
        State::Cancelled | State::Failed if is_known => {
            "state = 'ready', finished_at = null, failure = null, failure_message = null,
             errors_allowed = failed + (options ->> 'maxErrors')::bigint"
        }
        State::Cancelled => "state = 'validating', finished_at = null",
        // Not the file's fault.
        State::Failed if matches!(import.failure.as_deref(), Some("GIVEN_UP" | "INTERNAL")) => {
            "state = 'validating', finished_at = null, failure = null, failure_message = null"
        }
        other => return Err(Error::state(format!("An import that is {} cannot be resumed", other.name()))),
    };
    let resumed = set_state(tx, id, set).await?;
    let tenant_id = tx.actor().tenant;
    match resumed.state() {
        State::Validating => enqueue(tx, &ValidateImport { tenant_id, import_id: id }).await?,
        _ => enqueue_run(tx, id).await?,
    }
    Ok(resumed)
}

/// Has what an import did taken back.
pub async fn revert(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let import = lock(tx, id).await?;
    import.check_reach(tx.actor())?;
    let state = import.state();
    if state == State::Reverting {
        return Ok(import);
    }
    if import.dry_run {
        return Err(Error::state("A dry run has done nothing that could be taken back"));
    }
    if !state.can_be_reverted() {
        return Err(Error::state(format!("An import that is {} cannot be reverted", state.name())));
    }
    if import.revert_until.is_none_or(|until| until < Utc::now()) {
        return Err(Error::state("There is nothing to take back, or what it takes is kept no longer"));
    }
    let reverting = set_state(tx, id, "state = 'reverting'").await?;
    enqueue(tx, &RevertImport { tenant_id: import.tenant_id, import_id: id }).await?;
    Ok(reverting)
}
