//! Tenon: the worker.

pub mod webhook;
