//! Batches: many records in one request and one transaction, each with an outcome of its own, or all or nothing.

use std::collections::{BTreeMap, HashMap};

use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ParseFromJSON, ToJSON};
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use tenon_common::Error;
use uuid::Uuid;

use crate::http::error::ApiError;
use crate::http::refusal::Refusal;
use crate::http::response::{Envelope, Shape, enveloped};

/// What a batch came to.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "BatchOutcome")]
pub struct BatchOutcome<R: Shape> {
    /// How many items were done.
    pub succeeded: u32,
    /// How many were not.
    pub failed: u32,
    /// What became of each item, in their order.
    pub results: Vec<R>,
}

/// What became of an item.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "BatchResult")]
pub struct BatchResult {
    /// The item's place in the batch, from 0.
    pub index: u32,
    /// The status that it would have had by itself.
    pub status: u16,
    /// The record's id, where it is known.
    #[oai(nullable)]
    pub id: Option<Uuid>,
    /// The record's version, where the item was done.
    #[oai(nullable)]
    pub version: Option<i64>,
    /// Why it was not done: one of `GET /api/v1/errors`.
    #[oai(nullable)]
    pub code: Option<String>,
    /// The same in words.
    #[oai(nullable)]
    pub error: Option<String>,
    /// One message for each field or fact.
    #[oai(nullable)]
    pub details: Option<HashMap<String, String>>,
}

/// What became of an item that asked for a record.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "BatchReadResult")]
pub struct BatchReadResult<T: Shape> {
    /// The item's place in the batch, from 0.
    pub index: u32,
    /// 200, or the status of the refusal.
    pub status: u16,
    /// The record's id, where it is known.
    #[oai(nullable)]
    pub id: Option<Uuid>,
    /// The record.
    #[oai(nullable)]
    pub data: Option<T>,
    /// Why there is none: one of `GET /api/v1/errors`.
    #[oai(nullable)]
    pub code: Option<String>,
    /// The same in words.
    #[oai(nullable)]
    pub error: Option<String>,
}

/// A record to read.
#[derive(Object, Debug)]
#[oai(rename = "BatchReference")]
pub struct BatchReference {
    /// The record's id.
    pub id: Uuid,
}

/// A record to delete.
#[derive(Object, Debug)]
#[oai(rename = "BatchDeletion")]
pub struct BatchDeletion {
    /// The record's id.
    pub id: Uuid,
    /// The version that it must have; any if absent.
    pub version: Option<i64>,
}

/// A record to change.
#[derive(Object, Debug)]
#[oai(rename = "BatchChange")]
pub struct BatchChange<P: ParseFromJSON + ToJSON> {
    /// The record's id.
    pub id: Uuid,
    /// The version that it must have; any if absent.
    pub version: Option<i64>,
    /// A merge patch (RFC 7396): absent keeps a field, null clears it.
    pub changes: P,
}

/// The items of a batch that can be asked of the domain are with it; here is what the others were refused for.
#[derive(Debug)]
pub struct Items {
    refused: BTreeMap<usize, Refusal>,
    total: usize,
    atomic: bool,
}

impl Items {
    /// Parts what can be asked from what is refused at once. All or nothing: the first refusal is everybody's.
    pub fn part<T>(
        items: impl IntoIterator<Item = Result<T, Refusal>>,
        atomic: bool,
    ) -> Result<(Self, Vec<T>), ApiError> {
        let (mut refused, mut asked, mut total) = (BTreeMap::new(), Vec::new(), 0);
        for (index, item) in items.into_iter().enumerate() {
            total += 1;
            match item {
                Ok(item) => asked.push(item),
                Err(refusal) if atomic => return Err(refusal.of_item(index).into()),
                Err(refusal) => {
                    refused.insert(index, refusal);
                }
            }
        }
        Ok((Self { refused, total, atomic }, asked))
    }

    /// Puts together what became of each item. All or nothing: the first error is the transaction's.
    pub fn end<D, R: Shape>(
        mut self,
        outcomes: Vec<tenon_common::Result<D>>,
        show: impl Fn(usize, Result<D, Refusal>) -> R,
    ) -> tenon_common::Result<Batched<R>> {
        let mut outcomes = outcomes.into_iter();
        let mut results = Vec::with_capacity(self.total);
        let mut failed = 0;
        for index in 0..self.total {
            let outcome = match self.refused.remove(&index) {
                Some(refusal) => Err(refusal),
                None => match outcomes.next() {
                    Some(Err(error)) if self.atomic => {
                        return Err(Error::Item { index, error: Box::new(error) });
                    }
                    Some(outcome) => outcome.map_err(Refusal::from),
                    None => return Err(Error::internal("an item of a batch has no outcome")),
                },
            };
            failed += u32::from(outcome.is_err());
            results.push(show(index, outcome));
        }
        let succeeded = results.len() as u32 - failed;
        Ok(Batched(BatchOutcome { succeeded, failed, results }))
    }
}

impl Refusal {
    /// The refusal of a whole batch for the sake of one item.
    pub fn of_item(mut self, index: usize) -> Self {
        for error in &mut self.errors {
            error.pointer = format!("/items/{index}{}", error.pointer);
        }
        if !self.errors.is_empty() {
            self.details = Refusal::fields(self.code, self.errors.clone()).details;
        }
        self.detail("index", index.to_string())
    }
}

impl BatchResult {
    /// A record that was done, or a refusal.
    pub fn of(index: usize, outcome: Result<(StatusCode, Uuid, i64), Refusal>) -> Self {
        let index = index as u32;
        match outcome {
            Ok((status, id, version)) => Self {
                index,
                status: status.as_u16(),
                id: Some(id),
                version: Some(version),
                code: None,
                error: None,
                details: None,
            },
            Err(refusal) => Self {
                index,
                status: refusal.code.status().as_u16(),
                id: None,
                version: None,
                code: Some(refusal.code.name().to_owned()),
                error: Some(refusal.message),
                details: Some(refusal.details.into_iter().collect()),
            },
        }
    }
}

impl<T: Shape> BatchReadResult<T> {
    /// A record, or a refusal.
    pub fn of(index: usize, outcome: Result<(Uuid, T), Refusal>) -> Self {
        let index = index as u32;
        match outcome {
            Ok((id, data)) => {
                Self { index, status: 200, id: Some(id), data: Some(data), code: None, error: None }
            }
            Err(refusal) => Self {
                index,
                status: refusal.code.status().as_u16(),
                id: None,
                data: None,
                code: Some(refusal.code.name().to_owned()),
                error: Some(refusal.message),
            },
        }
    }
}

/// 200 where all items were done, 207 where some were not.
pub struct Batched<R: Shape>(BatchOutcome<R>);

impl<R: Shape> IntoResponse for Batched<R> {
    fn into_response(self) -> Response {
        let status = if self.0.failed == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS };
        let mut response = enveloped(self.0);
        if response.status() == StatusCode::OK {
            response.set_status(status);
        }
        response
    }
}

impl<R: Shape> ApiResponse for Batched<R> {
    fn meta() -> MetaResponses {
        type Payloaded<R> = Json<Envelope<BatchOutcome<R>>>;
        let response = |(status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: Payloaded::<R>::CONTENT_TYPE,
                schema: Payloaded::<R>::schema_ref(),
            }],
            headers: vec![],
        };
        let all = (200, "All items were done.");
        let some = (207, "Some items were not done; `results` says which, and why.");
        MetaResponses { responses: [all, some].into_iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        <Json<Envelope<BatchOutcome<R>>> as Payload>::register(registry);
    }
}
