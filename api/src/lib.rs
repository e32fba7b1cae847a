#![doc = include_str!("../README.md")]

pub mod account;
pub mod app;
pub mod audit;
pub mod bulk;
pub mod calls;
pub mod changes;
pub mod cli;
pub mod commands;
pub mod crm;
pub mod http;
pub mod openapi;
pub mod routes;
pub mod serve;
pub mod shown;
pub mod webhook;

pub use routes::{build, spec};
