//! Exports that a worker writes into a file.

mod jobs;

pub use jobs::ExportsApi;
