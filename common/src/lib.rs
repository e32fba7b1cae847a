//! Tenon: the domain and its storage.

pub mod webhook;
