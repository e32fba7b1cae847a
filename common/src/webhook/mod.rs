//! Webhooks: what the API and the worker must agree on. No HTTP client here.

pub mod acknowledge;
pub mod delivery;
pub mod endpoint;
pub mod fan_out;
mod filter;
pub mod finishing;
pub mod health;
pub mod matching;
pub mod order;
pub mod payload;
pub mod preview;
pub mod receiver;
pub mod replay;
pub mod resends;
pub mod retention;
pub mod rotation;
pub mod schedule;
pub mod sending;
pub mod stats;
pub mod subscription;
pub mod switching;
pub mod testing;
pub mod wish;
