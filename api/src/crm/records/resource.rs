//! What a resource says of itself.

use poem_openapi::types::{ParseFromJSON, ToJSON};
use tenon_common::crm::record::Record;

use crate::calls::caller::Needs;
use crate::crm::records::Relation;
use crate::http::body::Rules;
use crate::http::response::Shape;
use crate::openapi::tags::Tags;

/// A kind of record, as the API shows and takes it. How it is called follows from the record: its kind, its list, its keys.
pub trait Resource: Default + Send + Sync + 'static {
    /// The record of the domain.
    type Record: Record;
    /// What is answered.
    type Body: Shape + From<Self::Record>;
    /// What is created, and what a record is replaced with.
    type Input: ParseFromJSON + ToJSON + Into<DraftOf<Self>>;
    /// What is changed.
    type Patch: Patch<DraftOf<Self>>;
    /// The rules of its fields.
    type Rules: Rules;
    /// The permission to read.
    type Read: Needs;
    /// The permission to create, change and restore.
    type Write: Needs;
    /// The permission to delete and purge.
    type Delete: Needs;

    /// `/api/v1/connection/contacts`.
    const PATH: &'static str;
    /// Its group in the document.
    const TAG: Tags;
    /// What `include` knows: records that it names.
    const RELATIONS: &'static [Relation<Self::Record>] = &[];
    /// What the document says of an operation of this resource beside what it says of every resource's: the operation's id, and a
    /// sentence or more.
    const NOTES: &'static [(&'static str, &'static str)] = &[];
}

/// What a caller says of a record.
pub type DraftOf<R> = <<R as Resource>::Record as Record>::Draft;

/// A merge patch (RFC 7396) of a resource.
pub trait Patch<D>: ParseFromJSON + ToJSON {
    /// The draft with what the patch says.
    fn merge(self, draft: D) -> D;
}
