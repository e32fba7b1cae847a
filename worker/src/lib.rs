#![doc = include_str!("../README.md")]

pub mod cli;
pub mod context;
pub mod health;
pub mod housekeeping;
pub mod jobs;
pub mod registry;
pub mod run;
pub mod sealer;
pub mod webhook;
