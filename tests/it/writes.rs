//! What every change has in common: idempotency keys, preferences, preconditions.

mod batch;
mod by_key;
mod idempotency;
mod preconditions;
mod preferences;

const CONTACTS: &str = "/connection/contacts";
