//! Exports as jobs: a worker writes all that a list has into a file of the storage, and who asked fetches it.
//!
//! A run reads as who asked, by the same pages as a streamed export, and holds nothing between two of them. What it writes is a
//! file for readers only when it is whole. Every run raises the export's `fence` and begins a file of its own under that number:
//! whatever an earlier one still does is refused, and what it left is removed.

mod expiry;
mod output;
mod run;
mod state;
mod store;
mod workbook;

use serde::{Deserialize, Serialize};

use crate::id::{ExportId, TenantId};
use crate::job::{Job, Queue};
use crate::queue::Ends;

pub use expiry::remove_expired;
pub use run::{Begun, Limits, Run, begin, fail, give_up, write};
pub use state::State;
pub use store::{ExportJob, NewExport, Options, cancel, create, get, list};

/// Writes the file of an export.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunExport {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub export_id: ExportId,
}

impl Job for RunExport {
    const KIND: &'static str = "run-export";
    const QUEUE: Queue = Queue::Exports;
    const MAX_ATTEMPTS: i32 = 10;
}

/// Ends an export whose job was given up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndExport {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub export_id: ExportId,
}

impl Job for EndExport {
    const KIND: &'static str = "end-export";
    const QUEUE: Queue = Queue::Exports;
    const MAX_ATTEMPTS: i32 = 10;
}

impl Ends for RunExport {
    type End = EndExport;

    fn end(&self) -> EndExport {
        EndExport { tenant_id: self.tenant_id, export_id: self.export_id }
    }
}
