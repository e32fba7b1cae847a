//! The client that progenitor makes of `openapi-3.0.json`.
#![allow(clippy::all, reason = "nobody writes this code")]

include!(concat!(env!("OUT_DIR"), "/client.rs"));
