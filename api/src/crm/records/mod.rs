//! What all CRM records have, once: lists and searches, create, get, replace, change, delete, restore, purge, the same by key and in
//! batches.
//!
//! A resource is what it shows and takes ([`Resource`]), and a line in `routes.rs`: [`Records`] are its operations. The handlers are
//! written for any `R`, and so are their comments, which are the document: [`Named`] puts the resource's words in the place of
//! `{record}` and its like.

pub mod answers;
mod batch;
mod bin;
mod by_key;
mod change;
mod export;
mod history;
mod include;
mod named;
mod read;
mod resource;

pub use answers::{ListedRecords, RecordAnswer, RecordList};
pub use batch::RecordsBatchApi;
pub use bin::RecordsBinApi;
pub use by_key::RecordsByKeyApi;
pub use change::RecordsApi;
pub use export::RecordsExportApi;
pub use history::RecordsHistoryApi;
pub use include::{Include, Included, Kind, Relation};
pub use named::Named;
pub use read::RecordsReadApi;
pub use resource::{DraftOf, Patch, Resource};

/// All operations of a resource that need nothing of their own.
pub type Records<R> = Named<
    R,
    (
        RecordsReadApi<R>,
        RecordsExportApi<R>,
        RecordsApi<R>,
        RecordsBinApi<R>,
        RecordsByKeyApi<R>,
        RecordsBatchApi<R>,
        RecordsHistoryApi<R>,
    ),
>;
