//! The audit trail: who changed what, when and from where, and the proof that nobody edited the answer.
//!
//! Entries of changes are written by the fan-out from the events that the changes committed, so that none can be skipped. The sealer
//! chains a tenant's entries in the order of their transactions; [`verify`] walks the chain. What is no change is written directly:
//! sign-ins, refusals and the use of keys, see [`Recorder`].

mod act;
mod change;
mod direct;
mod encoding;
mod entry;
pub mod read;
mod recorder;
pub mod retention;
pub mod seal;
pub mod sink;
pub mod verify;
mod write;

pub use act::{Act, DirectAction, masked_address};
pub use encoding::{Hash, hex, parse_hash};
pub use entry::{AuditEntry, AuditOutcome};
pub use recorder::Recorder;
pub(crate) use write::{Entries, Recorded, Written};

use crate::db::Db;
use crate::error::Result;

/// Whether an entry of this action was written directly, and not from an event.
pub fn is_direct(action: &str) -> bool {
    action.starts_with("auth.") || action.starts_with("access.")
}

/// Makes the partitions of this month and the two after it that are not there yet; how many it made.
pub async fn ensure_partitions(db: &Db) -> Result<i32> {
    let mut connection = db.lookup().await?;
    Ok(sqlx::query_scalar("select tenon.ensure_audit_partitions()").fetch_one(&mut *connection).await?)
}
