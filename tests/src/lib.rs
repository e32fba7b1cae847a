#![doc = include_str!("../README.md")]

pub mod app;
pub mod bench;
pub mod chaos;
pub mod checkout;
pub mod client;
pub mod compatibility;
pub mod coverage;
pub mod database;
pub mod dev;
pub mod eventually;
pub mod factory;
pub mod import_run;
pub mod kill_run;
pub mod order_run;
pub mod postgres;
pub mod process;
pub mod receiver;
pub mod redis;
pub mod replay_run;
pub mod rooms;
pub mod soak;
pub mod stack;
pub mod switch_run;

pub use app::{Person, Served, Tenant, TestApp};
pub use client::{Answer, Client, EventStream, StreamEvent};
pub use database::TestDatabase;
pub use eventually::eventually;
pub use postgres::{Cluster, Profile};
pub use process::{Process, Program};
pub use receiver::{Receiver, Reply};
pub use redis::Redis;
