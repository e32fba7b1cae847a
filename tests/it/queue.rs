//! The queue: enqueued jobs are run, and every way in which they, their workers or the database can fail.

mod batches;
mod buffers;
mod deaths;
mod enqueueing;
mod failures;
mod lanes;
mod outages;
mod outcomes;
mod plans;
mod support;
mod tasks;
mod turns;
mod wakeups;
mod workers;
