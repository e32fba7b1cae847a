//! The handlers, a file for each kind of job.

pub mod deliver_webhook;
pub mod end_given_up;
pub mod exports;
pub mod fan_out_event;
pub mod imports;
pub mod replays;
pub mod resume_tenant;
pub mod test_webhook;
