//! The JSON body of a request.
//!
//! `Body<T>` is the only way into a handler for JSON: it refuses what is not JSON, then checks the whole document
//! against the schema that `T` shows in the OpenAPI document, and reports every field that does not fit at once.
//! A request type derives `poem_openapi::Object` and nothing else; what the document says is what is enforced.
//!
//! In a request type
//! - `String` is required, `Option<String>` may be left out, and null is accepted only where the field says
//!   `#[oai(nullable)]`;
//! - a field of a merge (RFC 7396) is `#[oai(nullable)] MaybeUndefined<String>`: absent keeps, null clears;
//! - limits are `#[oai(validator(max_length = 100))]` and its kin. `pattern` is not checked with a pointer, and
//!   poem-openapi compiles it for each request: use a type with a format instead.

mod batch;
mod check;
mod error;
mod format;
mod json;
mod read;
mod schema;

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use poem::http::HeaderMap;
use poem::{Request, RequestBody, Result};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use crate::http::prefer::Prefer;
use crate::http::versions::understood;

pub use batch::{Batch, BatchBody};
pub use error::{BodyError, FieldError};
pub use json::parse_strict;
pub use read::{BodyLimit, DEFAULT_LIMIT, buffered, json_up_to};

/// A required `application/json` body that fits the schema of `T`.
///
/// `R` are the rules of the domain, told in the same answer as what does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<T, R = NoRules>(pub T, PhantomData<R>);

/// Rules that a schema cannot say.
pub trait Rules: Send + Sync + 'static {
    /// What breaks a rule in a body that may not fit its schema. It judges only what is there and has the right type.
    fn broken(body: &Map<String, Value>) -> Vec<FieldError>;
}

/// The schema says it all, or the handler does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRules;

impl Rules for NoRules {
    fn broken(_body: &Map<String, Value>) -> Vec<FieldError> {
        Vec::new()
    }
}

impl<T, R> Deref for Body<T, R> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T, R> DerefMut for Body<T, R> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: ParseFromJSON + 'static> Body<T> {
    /// Reads `T` from the bytes of a body; with `lenient`, fields that `T` does not know are passed over.
    ///
    /// # Errors
    /// `Malformed` for what is not JSON, `Fields` with everything that does not fit.
    pub fn from_bytes(bytes: &[u8], lenient: bool) -> Result<T, BodyError> {
        Self::from_value(parse_strict(bytes)?, lenient)
    }
}

impl<T: ParseFromJSON + 'static, R: Rules> Body<T, R> {
    fn from_value(value: Value, lenient: bool) -> Result<T, BodyError> {
        let mut errors = check::check(&schema::of::<T>(), &value, lenient);
        if let Value::Object(body) = &value {
            let told: Vec<String> = errors.iter().map(|error| error.pointer.clone()).collect();
            errors.extend(R::broken(body).into_iter().filter(|error| !told.contains(&error.pointer)));
        }
        if !errors.is_empty() {
            return Err(BodyError::Fields(errors));
        }
        // The schema holds; what is left are rules that a type has and its schema cannot say.
        T::parse_from_json(Some(value))
            .map_err(|error| BodyError::Fields(vec![FieldError::of_the_whole(error.message())]))
    }
}

impl<T: ParseFromJSON, R: Rules> Payload for Body<T, R> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        read::is_json(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON + 'static, R: Rules> ParsePayload for Body<T, R> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        let bytes: Bytes = read::json_bytes(request, body).await?;
        let value = understood(request, parse_strict(&bytes)?);
        Ok(Self(Self::from_value(value, prefers_lenient(request.headers()))?, PhantomData))
    }
}

impl<'a, T: ParseFromJSON + 'static, R: Rules> ApiExtractor<'a> for Body<T, R> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = MetaMediaType { content_type: Self::CONTENT_TYPE, schema: T::schema_ref() };
        Some(MetaRequest { description: None, content: vec![content], required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        <Self as ParsePayload>::from_request(request, body).await
    }
}

/// Whether the caller asked for unknown fields to be ignored: `Prefer: handling=lenient` (RFC 7240).
#[must_use]
pub fn prefers_lenient(headers: &HeaderMap) -> bool {
    Prefer::of(headers).lenient
}

#[cfg(test)]
mod tests;
