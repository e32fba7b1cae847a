//! Sending webhooks: one HTTP exchange for one attempt, and who may send now.
//!
//! ```text
//! Breaker::may_send ─ Go ─▶ Slots::try_acquire ─ Permit ─▶ Endpoint::headers ─▶ Sender::send ─▶ AttemptResult
//!        └─ SnoozeUntil            └─ Full                                                          │
//!        ▲──────────────────────────── Breaker::record ◀────────────────────────────────────────────┘
//! ```
//!
//! Nothing here reads or writes the database: what a result means for the delivery is its caller's to say.

pub mod admission;
pub mod breaker;
pub mod concurrency;
pub mod message;
pub mod turns;

mod answer;
mod client;
mod failure;
mod http_date;
mod resolve;
mod result;
mod reuse;
mod send;

pub use client::{Sender, Settings};
pub use resolve::Lookup;
pub use result::{AttemptResult, Outcome};
pub use send::{DEADLINE, Request};

#[cfg(test)]
mod tests;
