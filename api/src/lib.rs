//! .

pub mod body;
pub mod openapi;
