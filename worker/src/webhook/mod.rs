//! Sending webhooks.
