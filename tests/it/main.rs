//! One test program for the whole product, so that it is linked once.

mod api_keys;
mod auth;
mod companies;
mod contacts;
mod conventions;
mod delivery;
mod errors;
mod examples;
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
mod plans;
mod processes;
mod queue;
mod raw;
mod records;
mod retention;
mod webhook_operations;
mod writes;
