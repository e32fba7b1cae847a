//! One test program for the whole product, so that it is linked once.

mod activities;
mod api_keys;
mod associations;
mod auth;
mod companies;
mod contacts;
mod conventions;
mod delivery;
mod errors;
mod hammer;
mod harness;
mod isolation;
mod leads;
mod limits;
mod lists;
mod log;
mod openapi;
mod organizations;
mod pipelines;
mod processes;
mod queue;
mod raw;
mod records;
mod timelines;
mod webhook_operations;
mod writes;
