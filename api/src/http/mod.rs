//! How a request comes in and an answer goes out, whatever it is about. Nothing here knows a resource, or what handlers may use.

pub mod actor;
pub mod addresses;
pub mod batch;
pub mod body;
pub mod characters;
pub mod code;
pub mod error;
pub mod export;
pub mod limits;
pub mod lists;
pub mod params;
pub mod prefer;
pub mod readers;
pub mod refusal;
pub mod request;
pub mod response;
pub mod seats;
pub mod sse;
pub mod timestamp;
pub mod versions;
