//! How records are answered: in the envelope, with the records that `include` asks for beside them.

use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use tenon_common::crm::record::Head;

use crate::crm::records::{Included, Resource};
use crate::http::response::{
    Created, ETAG, List, Listed, Metadata, Pagination, Shape, Shown, documented, etag, has, linked,
    not_modified, silent, with, written,
};

/// 201 with a record.
pub fn created<R: Resource>(record: R::Record) -> Created<R::Body> {
    let location = format!("{}/{}", R::PATH, record.id());
    Created { version: Some(record.version()), location, data: record.into() }
}

/// 200 with a record.
pub fn shown<R: Resource>(record: R::Record) -> Shown<R::Body> {
    let version = record.version();
    Shown::versioned(record.into(), version)
}

/// One page of a list of records.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "List")]
pub struct RecordList<T: Shape> {
    /// Always true.
    pub success: bool,
    /// The records.
    pub data: Vec<T>,
    /// What the records name, where `include` asks for it.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included: Option<Included>,
    /// Where this page stands, and how to get the next one.
    pub pagination: Pagination,
    /// See there.
    pub metadata: Metadata,
}

/// 200 with a page of records.
pub struct ListedRecords<T: Shape> {
    /// The page.
    pub listed: Listed<T>,
    /// What its records name.
    pub included: Option<Included>,
}

impl<T: Shape> IntoResponse for ListedRecords<T> {
    fn into_response(self) -> Response {
        let (list, kept) = self.listed.into_parts();
        let List { success, data, pagination, metadata } = list;
        let list = RecordList { success, data, included: self.included, pagination, metadata };
        linked(written(&list), &list.pagination, &kept)
    }
}

impl<T: Shape> ApiResponse for ListedRecords<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![documented::<Json<RecordList<T>>>(200, "A page of the list.", &[])] }
    }

    fn register(registry: &mut Registry) {
        <Json<RecordList<T>> as Payload>::register(registry);
    }
}

/// A record.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Record")]
pub struct RecordBody<T: Shape> {
    /// Always true.
    pub success: bool,
    /// The record.
    pub data: T,
    /// What the record names, where `include` asks for it.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included: Option<Included>,
    /// See there.
    pub metadata: Metadata,
}

/// 200 with a record, or 304 for the version that the client has.
pub enum RecordAnswer<T: Shape> {
    /// The record, and its version.
    Record(RecordBody<T>, i64),
    /// `If-None-Match` names this version.
    NotModified(i64),
}

impl<T: Shape> RecordAnswer<T> {
    /// The record, unless the client has this version of it. The version says nothing of what is included.
    pub fn unless(if_none_match: Option<&str>, data: T, version: i64, included: Option<Included>) -> Self {
        match included.is_none() && has(if_none_match, version) {
            true => Self::NotModified(version),
            false => {
                Self::Record(RecordBody { success: true, data, included, metadata: Metadata::now() }, version)
            }
        }
    }
}

impl<T: Shape> IntoResponse for RecordAnswer<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Record(record, version) => with(written(&record), header::ETAG, &etag(version)),
            Self::NotModified(version) => not_modified(version),
        }
    }
}

impl<T: Shape> ApiResponse for RecordAnswer<T> {
    fn meta() -> MetaResponses {
        let same = "The record still has the version of `If-None-Match`.";
        let record = documented::<Json<RecordBody<T>>>(200, "The record.", &[ETAG]);
        MetaResponses { responses: vec![record, silent(304, same, &[ETAG])] }
    }

    fn register(registry: &mut Registry) {
        <Json<RecordBody<T>> as Payload>::register(registry);
    }
}
