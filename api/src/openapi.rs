//! The OpenAPI documents, made from what poem-openapi 5.1 says of the routes.
//!
//! poem-openapi always writes OpenAPI 3.0.0, with some habits that linters refuse and generators trip over. Here its
//! text becomes two documents with the same content: 3.1.0, which is the truth, and 3.0.3 for generators that read
//! nothing newer. Each habit has a function of its own with a test; nothing here knows a resource by name.

mod answers;
mod closed;
mod dialect30;
mod dialect31;
pub mod events;
mod headers;
mod layout;
mod media_types;
pub mod meta;
mod operations;
pub mod outline;
pub mod page;
mod parameters;
mod reach;
mod responses;
mod samples;
mod schemas;
pub mod tags;
mod versions;
mod walk;
mod webhooks;

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

pub use operations::misnamed;
pub use webhooks::{EventDescription, add_webhooks};

use crate::http::body::parse_strict;

/// The same API in two dialects: pretty-printed JSON with a final newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// OpenAPI 3.1.0.
    pub v31: Cow<'static, str>,
    /// OpenAPI 3.0.3, without events, for which it has no word.
    pub v30: Cow<'static, str>,
}

#[cfg(not(debug_assertions))]
impl Documents {
    /// Those that the repository has, as a test compares them with what the routes say.
    pub fn committed() -> Self {
        Self {
            v31: Cow::Borrowed(include_str!("../../openapi/openapi.json")),
            v30: Cow::Borrowed(include_str!("../../openapi/openapi-3.0.json")),
        }
    }
}

/// What is wrong with the routes or the events that a document was asked for; one sentence each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError(pub Vec<String>);

impl fmt::Display for DocumentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for DocumentError {}

/// Both documents, from the text of `OpenApiService::spec()` and the events that webhooks receive.
///
/// # Errors
/// When a path is spread over two API structs (poem-openapi writes it twice then), an operation id is missing, not
/// `verb_noun` or not unique, or an event names a schema that no operation uses.
pub fn documents(spec: &str, events: &[EventDescription]) -> Result<Documents, DocumentError> {
    let mut document =
        parse_strict(spec.as_bytes()).map_err(|error| DocumentError(vec![error.to_string()]))?;
    tidy(&mut document);
    let v30 = dialect30::convert(document.clone());
    add_webhooks(&mut document, events)?;
    let misnamed = misnamed(&document);
    if !misnamed.is_empty() {
        return Err(DocumentError(misnamed));
    }
    Ok(Documents { v31: print(dialect31::convert(document)).into(), v30: print(v30).into() })
}

/// What both dialects want.
fn tidy(document: &mut Value) {
    media_types::without_charset(document);
    headers::in_usual_case(document);
    parameters::without_defaults(document);
    schemas::with_whole_numbers(document);
    schemas::without_type_beside_alternatives(document);
    schemas::without_repeated_titles(document);
    schemas::with_standard_formats(document);
    schemas::with_single_references(document);
    schemas::without_idle_nulls_in_examples(document);
    answers::with_nullable_properties_required(document);
    closed::request_schemas(document);
    operations::with_explicit_security(document);
    responses::with_descriptions(document);
    versions::declare(document);
    responses::share_errors(document);
    samples::add(document);
}

fn print(mut document: Value) -> String {
    layout::arrange(&mut document);
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests;
