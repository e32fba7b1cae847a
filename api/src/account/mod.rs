//! Who is there: logging in, organizations with their settings, API keys, and what is left of their limits.

pub mod api_keys;
pub mod auth;
pub mod limits;
pub mod organizations;
pub mod roles;
