//! What every change has in common: idempotency keys, preferences, preconditions.

mod batch;
mod by_key;
mod idempotency;
mod preconditions;
mod preferences;
mod purge;

const CONTACTS: &str = "/connection/contacts";
