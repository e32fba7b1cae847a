//! The queue: a backend for apalis's workers on PostgreSQL, over the table of apalis-postgres.
//!
//! What runs in a worker process, all of it started by [`Worker::run`]:
//!
//! - the **fetcher** claims jobs of all registered kinds into a local queue per kind, when there is room: the oldest where few wait,
//!   by one short call; else in fair turns between tenants, and between a tenant's lanes;
//! - an apalis `Worker` for each kind takes them from there ([`PgBackend`]) and calls the handler;
//! - **ackers** write what became of them, many at once, for as long as it takes the database to answer;
//! - the **keeper** tells that this worker lives, and takes back what dead workers held;
//! - the **listener** wakes the fetcher; a poll every second stands in where a notification is lost.
//!
//! All of them are [tasks](crate::tasks): one that panics is begun again, with all that it held.
//!
//! A row is `Pending` (waiting for `run_at`), `Running` (held by the worker in `lock_by`) or `Killed` (kept, not run again by
//! itself). Done is deleted. Every write about a held job is fenced by `lock_by`, so that a worker that was taken for dead
//! changes nothing. A failed attempt is a row with a later `run_at`: no retry sleeps in memory, none is lost.
//!
//! A lane is a tenant, or a part of one (`tenant/part`). A kind with an [`Admission`] says how much of each lane this worker may hold, and
//! what a lane cannot have now is not claimed; what it may have over all workers together is in its row of `apalis.lanes`.
//!
//! Jobs run at least once. A handler that must not repeat its effect deletes its job in the transaction of the effect
//! ([`JobRef::complete`]) and answers [`Outcome::AlreadyDone`].

pub mod ack;
mod acker;
mod backend;
mod claim;
mod database;
mod fetcher;
mod given_up;
mod handler;
mod imports;
mod inject;
mod keeper;
mod killed;
mod lanes;
mod listener;
mod local;
mod measure;
mod outcome;
mod progress;
mod pulse;
mod registry;
mod sampler;
mod watermark;
mod worker;

pub use ack::{Acked, JobRef, Lost};
pub use backend::{Claim, JobCodec, PgBackend};
pub(crate) use database::is_about_data;
pub use given_up::{EndGivenUp, Ends};
pub use handler::{Acknowledge, BatchHandler, Claimed, Handler, Prepare, TakenBack};
pub use inject::{Injector, Reservation};
pub use killed::remove_killed;
pub use lanes::Admission;
pub(crate) use listener::connect as listen_for_jobs;
pub use outcome::{Due, Outcome, Settled};
pub use progress::has_progressed;
pub use registry::{Registration, Registry};
pub use worker::{Settings, Worker};
