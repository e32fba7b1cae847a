//! The harness itself: what the other tests stand on.

mod client;
mod database;
mod postgres;
mod receiver;
