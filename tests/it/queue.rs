//! The queue: enqueued jobs are run, and every way in which they, their workers or the database can fail.

mod batches;
mod deaths;
mod enqueueing;
mod failures;
mod outages;
mod outcomes;
mod support;
mod turns;
mod workers;
