//! Who may do what: tenants, users and their memberships, API keys, access tokens.

pub mod access;
pub mod access_token;
pub mod api_key;
pub mod login;
pub mod membership;
pub mod password;
pub mod quota;
mod reading;
pub mod signing_key;
pub mod tenant;
pub mod user;
