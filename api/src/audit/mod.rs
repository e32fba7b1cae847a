//! The audit trail, and where it is streamed to.

pub mod entries;
pub mod sinks;
