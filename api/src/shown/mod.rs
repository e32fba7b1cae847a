//! What several rooms of the domain show.

pub mod audit_event;
pub mod user;
