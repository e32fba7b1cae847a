//! Receivers of events, and what was sent to them.

pub mod deliveries;
pub mod endpoints;
pub mod operations;
pub mod preview;
pub mod replays;
