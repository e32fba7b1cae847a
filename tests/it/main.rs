//! One test program for the whole product, so that it is linked once.

mod delivery;
mod harness;
mod openapi;
mod processes;
mod queue;
