//! One test program for the whole product, so that it is linked once.

mod harness;
mod queue;
