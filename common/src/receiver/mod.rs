//! Those who are sent something, by webhooks and by sinks of the audit trail alike: the addresses that may be theirs, and the secrets that sign
//! for them. No HTTP client here.

pub mod address;
pub mod signature;
