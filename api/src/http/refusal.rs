//! Everything that is refused, whoever refuses it: one set of facts, one place that writes them, as the envelope or as
//! `application/problem+json` (RFC 9457), whichever the client accepts.

use std::collections::BTreeMap;

use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use tenon_common::error::{Conflict, ConflictCode, Error, FieldError, QueryCode};
use tenon_common::filter::{FilterError, Place};

use crate::http::body::BodyError;
use crate::http::code::Code;
use crate::http::request;

/// When it may be worth asking again where a quota is used up, in seconds: nothing becomes free by itself within minutes.
const QUOTA_RETRY: u64 = 3_600;

/// Why a request was not done.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The contract.
    pub code: Code,
    /// For people.
    pub message: String,
    /// One message for each field or fact.
    pub details: BTreeMap<String, String>,
    /// Every broken rule.
    pub errors: Vec<FieldError>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// A refusal with the code's own words.
    pub fn new(code: Code) -> Self {
        Self::because(code, code.title())
    }

    /// A refusal with words of its own.
    pub fn because(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: BTreeMap::new(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// Adds a fact.
    pub fn detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Fields that break rules: the first message of each field in `details`, all of them in `errors`.
    pub fn fields(code: Code, errors: Vec<FieldError>) -> Self {
        let mut refusal = Self::new(code);
        for error in &errors {
            refusal.details.entry(error.field()).or_insert_with(|| error.message.clone());
        }
        refusal.errors = errors;
        refusal
    }

    /// Gives the places that it names other names: JSON pointers in `errors`, the same without the first slash in `details`.
    pub fn rename(&mut self, name: impl Fn(&str) -> String) {
        for error in &mut self.errors {
            error.pointer = name(&error.pointer);
        }
        let named = |(field, message): (String, String)| {
            let pointer = name(&format!("/{}", field.replace('.', "/")));
            (pointer.trim_start_matches('/').replace('/', "."), message)
        };
        self.details = std::mem::take(&mut self.details).into_iter().map(named).collect();
    }

    /// Says when to come back.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The answer, in the form that the client accepts.
    pub fn write(&self, accept: Option<&HeaderValue>, request_id: &str) -> Response {
        let problem = accepts_problem(accept);
        let body = if problem { self.problem(request_id) } else { self.envelope(request_id) };
        let content_type = if problem { "application/problem+json" } else { "application/json" };
        let mut response = Response::builder().status(self.code.status()).content_type(content_type);
        if let Some(seconds) = self.retry_after {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        response.body(body.to_string())
    }

    fn envelope(&self, request_id: &str) -> serde_json::Value {
        json!({
            "success": false,
            "error": self.message,
            "code": self.code.name(),
            "details": self.details,
            "errors": self.errors(),
            "docs": format!("/api/v1/errors#{}", self.code.name()),
            "metadata": {"timestamp": tenon_common::wire::instant(chrono::Utc::now()), "requestId": request_id},
        })
    }

    fn problem(&self, request_id: &str) -> serde_json::Value {
        json!({
            "type": format!("/api/v1/errors#{}", self.code.name()),
            "title": self.code.title(),
            "status": self.code.status().as_u16(),
            "detail": self.message,
            "instance": format!("urn:tenon:request:{request_id}"),
            "code": self.code.name(),
            "details": self.details,
            "errors": self.errors(),
            "requestId": request_id,
        })
    }

    fn errors(&self) -> Vec<Written<'_>> {
        self.errors.iter().map(Written::of).collect()
    }
}

#[derive(Serialize)]
struct Written<'a> {
    pointer: &'a str,
    code: &'a str,
    message: &'a str,
}

impl<'a> Written<'a> {
    fn of(error: &'a FieldError) -> Self {
        Self { pointer: &error.pointer, code: error.code, message: &error.message }
    }
}

fn accepts_problem(accept: Option<&HeaderValue>) -> bool {
    let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("application/problem+json")
}

/// The facts travel as an extension of the response; the outermost layer writes them, knowing the request.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.code.status()).finish();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for poem::Error {
    fn from(refusal: Refusal) -> Self {
        // An error's response takes its extensions from the error, not from the response that it was made of.
        let mut error = poem::Error::from_response(refusal.clone().into_response());
        error.set_data(refusal);
        error
    }
}

/// The domain's refusals, exhaustively: a new one does not compile until it has a code.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(_) => Self::because(Code::NotFound, error.to_string()),
            Error::Invalid(errors) => Self::fields(Code::ValidationError, errors),
            Error::Conflict(conflict) => from_conflict(conflict),
            Error::Query { code, parameter, message } => {
                let code = match code {
                    QueryCode::Parameter => Code::ValidationError,
                    QueryCode::Sort => Code::InvalidSort,
                    QueryCode::Cursor => Code::InvalidCursor,
                    QueryCode::CursorMismatch => Code::CursorMismatch,
                    QueryCode::CursorExpired => Code::CursorExpired,
                };
                Self::new(code).detail(parameter, message)
            }
            Error::Filter(error) => from_filter(error),
            Error::AddressRejected { reason, message } => {
                Self::because(Code::WebhookUrlRejected, message.clone())
                    .detail("url", message)
                    .detail("reason", reason)
            }
            Error::Forbidden(why) => Self::new(Code::Forbidden).detail("reason", why),
            Error::Lacks { permission, by_scope } => {
                let code = if by_scope { Code::InsufficientScope } else { Code::RoleTooLow };
                Self::new(code).detail("required", permission.name())
            }
            Error::Quota { quota, most, message } => Self::because(Code::QuotaExceeded, message)
                .detail("quota", quota)
                .detail("limit", most.to_string())
                .retry_after(QUOTA_RETRY),
            Error::Stale { current } => {
                Self::new(Code::VersionConflict).detail("currentVersion", current.to_string())
            }
            Error::Offset { received } => {
                Self::because(Code::StateConflict, error.to_string()).detail("received", received.to_string())
            }
            Error::IdempotencyInProgress => Self::new(Code::IdempotencyInProgress).retry_after(1),
            Error::IdempotencyKeyReused => Self::new(Code::IdempotencyKeyReused),
            Error::Item { index, error } => Self::from(*error).of_item(index),
            Error::Expired(message) => Self::because(Code::Expired, message),
            Error::Timeout => Self::new(Code::QueryTimeout).retry_after(1),
            Error::Unavailable(cause) => {
                tracing::warn!(error = %cause, "the database is not available");
                Self::new(Code::DependencyUnavailable).retry_after(1)
            }
            Error::Mapping(errors) => Self::fields(Code::ImportMappingInvalid, errors),
            Error::File(code, message) => {
                let error = FieldError { pointer: "/file".to_owned(), code, message };
                Self::fields(Code::ValidationError, vec![error])
            }
            Error::Storage(cause) => {
                tracing::warn!(error = %cause, "the storage of files is not available");
                Self::new(Code::DependencyUnavailable).retry_after(1)
            }
            Error::FileMissing => {
                tracing::error!(request_id = request::id(), "a file is missing in the storage");
                Self::new(Code::Internal)
            }
            Error::Internal(cause) => {
                tracing::error!(error = %cause, request_id = request::id(), "a request failed");
                Self::new(Code::Internal)
            }
        }
    }
}

fn from_filter(FilterError { place, message }: FilterError) -> Refusal {
    match place {
        Place::Character(at) => Refusal::new(Code::InvalidFilter)
            .detail("filter", format!("At character {at}: {message}"))
            .detail("position", at.to_string()),
        Place::Pointer(pointer) => {
            let pointer = format!("/filter{pointer}");
            let error = FieldError { pointer, code: Code::InvalidFilter.name(), message };
            Refusal::fields(Code::InvalidFilter, vec![error])
        }
    }
}

fn from_conflict(conflict: Conflict) -> Refusal {
    let code = match conflict.code {
        ConflictCode::Duplicate => Code::Duplicate,
        ConflictCode::RestoreConflict => Code::RestoreConflict,
        ConflictCode::StateConflict => Code::StateConflict,
        ConflictCode::StageInUse => Code::StageInUse,
        ConflictCode::SlugTaken => Code::SlugTaken,
    };
    let mut refusal = Refusal::because(code, conflict.message.clone());
    if let Some(field) = conflict.field {
        refusal = refusal.detail(field, conflict.message);
    }
    if let Some(with) = conflict.with {
        refusal = refusal.detail("conflictId", with.to_string());
    }
    refusal
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let code = Code::of_name(error.code());
        match error {
            BodyError::Fields(errors) => {
                let errors = errors
                    .into_iter()
                    .map(|error| FieldError {
                        pointer: error.pointer,
                        code: error.code,
                        message: error.message,
                    })
                    .collect();
                Self::fields(code, errors)
            }
            other => Self::because(code, other.to_string()),
        }
    }
}
