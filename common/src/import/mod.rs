//! Imports: a file whose rows become records.
//!
//! The API keeps the file in the storage and inserts the import with its first job. A worker looks at all of the file
//! ([`validate`]), then reads it chunk by chunk ([`reader`]), and makes each chunk in one transaction ([`chunk`]): the records, what
//! became of each row, and how far the import has come are committed together, so that a worker that dies repeats a chunk at
//! most, and makes no row twice. A bad row is a result, not a failure.
//!
//! Every run of an import raises its `fence`; a chunk of an earlier run that comes back is refused.

pub mod chunk;
mod control;
mod counts;
pub mod errors;
pub mod fields;
pub mod file;
pub mod format;
pub mod guess;
mod job;
pub mod leftovers;
pub mod mapping;
pub(crate) mod object;
mod options;
mod own;
pub mod preview;
pub mod reader;
pub mod reading;
pub mod revert;
pub mod rows;
mod run;
mod state;
mod store;
pub mod template;
pub mod validate;

pub use control::{cancel, resume, revert};
pub use counts::Counts;
pub use job::{EndImport, RevertImport, RunImport, ValidateImport};
pub use object::Object;
pub use options::{BulkEvents, DateFormat, DecimalSign, EmptyCells, FileFormat, Mode, OnDuplicate, Options};
pub use run::{Begun, Fence, Limits, Run, begin, fail};
pub use state::State;
pub use store::{File, Import, NewImport, create, find_totals, get, list};
