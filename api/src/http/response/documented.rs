//! How the document describes each answer.

use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;

use crate::http::response::{Created, Deleted, Envelope, Fetched, List, Listed, Shape, Shown, Upserted};

/// An answer with a body, in the document.
pub(crate) fn documented<P: Payload>(
    status: u16,
    description: &'static str,
    headers: &[(&str, &str)],
) -> MetaResponse {
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType { content_type: P::CONTENT_TYPE, schema: P::schema_ref() }],
        headers: headers.iter().map(|(name, says)| documented_header(name, says)).collect(),
    }
}

/// An answer without one.
pub(crate) fn silent(status: u16, description: &'static str, headers: &[(&str, &str)]) -> MetaResponse {
    let headers = headers.iter().map(|(name, says)| documented_header(name, says)).collect();
    MetaResponse { description, status: Some(status), status_range: None, content: vec![], headers }
}

pub(crate) fn documented_header(name: &str, says: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(says.to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

pub(crate) const ETAG: (&str, &str) = ("ETag", "The record's version, for `If-Match` and `If-None-Match`.");
const LOCATION: (&str, &str) = ("Location", "The new record's path.");

macro_rules! documented {
    ($answer:ident, $payload:ident, [$($response:expr),+]) => {
        impl<T: Shape> ApiResponse for $answer<T> {
            fn meta() -> MetaResponses {
                type Body<T> = Json<$payload<T>>;
                MetaResponses { responses: vec![$($response(documented::<Body<T>>)),+] }
            }

            fn register(registry: &mut Registry) {
                <Json<$payload<T>> as Payload>::register(registry);
            }
        }
    };
}

type Document = fn(u16, &'static str, &[(&str, &str)]) -> MetaResponse;

documented!(Listed, List, [|with: Document| with(200, "A page of the list.", &[])]);
documented!(Shown, Envelope, [|with: Document| with(200, "What was asked for.", &[])]);
documented!(
    Fetched,
    Envelope,
    [
        |with: Document| with(200, "The record.", &[ETAG]),
        |_: Document| silent(304, "The record still has the version of `If-None-Match`.", &[ETAG])
    ]
);
documented!(Created, Envelope, [|with: Document| with(201, "It was created.", &[LOCATION])]);
documented!(
    Upserted,
    Envelope,
    [
        |with: Document| with(200, "There was one, and it was replaced.", &[ETAG]),
        |with: Document| with(201, "There was none, and it was created.", &[LOCATION, ETAG])
    ]
);
documented!(
    Deleted,
    Envelope,
    [
        |with: Document| with(
            200,
            "It was deleted; its last state, for `Prefer: return=representation`.",
            &[]
        ),
        |_: Document| silent(204, "It was deleted.", &[])
    ]
);
