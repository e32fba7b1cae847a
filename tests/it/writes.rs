//! What every change has in common: idempotency keys, preferences, preconditions.

mod idempotency;
mod preferences;

const CONTACTS: &str = "/connection/contacts";
