//! Lists that are streamed as files: how many there may be at once, what they are asked for, and the answer.

mod answer;
mod asked;
mod slots;

use std::time::Duration;

use tenon_common::id::TenantId;

use crate::http::refusal::Refusal;
use slots::Slots;

pub use answer::{ExportAnswer, attachment, break_off, content_type};
pub use asked::{ExportQuery, parameters};
pub use slots::Slot;

/// What bounds the exports of this process.
#[derive(Debug)]
pub struct Exports {
    slots: Slots,
    /// How long a client may take for a page.
    pub stall_deadline: Duration,
}

impl Exports {
    /// So many at once at most, so many of them for one organization.
    pub fn new(at_once: usize, of_tenant: usize, stall_deadline: Duration) -> Self {
        Self { slots: Slots::new(at_once, of_tenant), stall_deadline }
    }

    /// A place for an export, until it is dropped.
    pub fn begin(&self, tenant: TenantId) -> Result<Slot, Refusal> {
        self.slots.take(tenant)
    }
}

impl Default for Exports {
    fn default() -> Self {
        Self::new(8, 2, Duration::from_secs(60))
    }
}
