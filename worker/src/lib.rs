#![doc = include_str!("../README.md")]

pub mod cli;
pub mod context;
pub mod health;
pub mod housekeeping;
pub mod jobs;
pub mod partitions;
pub mod registry;
pub mod retention;
pub mod run;
pub mod sealer;
pub mod sinks;
pub mod webhook;
