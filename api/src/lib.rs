//! .

pub mod body;
