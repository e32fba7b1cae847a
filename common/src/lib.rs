#![doc = include_str!("../README.md")]

pub mod account;
pub mod actor;
pub mod audit;
pub mod change;
pub mod config;
pub mod crm;
pub mod db;
pub mod entity;
pub mod error;
pub mod event;
pub mod export;
pub mod feed;
pub mod filter;
pub mod formula;
pub mod id;
pub mod idempotency;
pub mod import;
pub mod job;
pub mod list;
pub mod operations;
pub mod page;
pub mod partitions;
pub mod queue;
pub mod receiver;
pub mod role;
pub mod rules;
pub mod secret;
pub mod storage;
pub mod tasks;
pub mod telemetry;
pub mod upload;
pub mod webhook;
pub mod wire;

pub use actor::Actor;
pub use db::{Db, TenantTx};
pub use error::{Error, Result};
