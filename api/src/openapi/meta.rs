//! What the API says of itself: error codes, event types, the keys that verify its tokens.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use tenon_common::event::{CATALOGUE, EventType};

use crate::app::App;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::response::Shown;
use crate::openapi::tags::Tags;

/// An error code.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ErrorCode", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ErrorCodeBody {
    /// The code: the contract.
    pub code: String,
    /// The status that it comes with.
    pub status: u16,
    /// What it means and what to do.
    pub meaning: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

/// A type of event that webhooks can subscribe to.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "EventType", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct EventTypeBody {
    /// The name, as in `events` of a webhook, where `contact.*` is all that begin so.
    pub name: String,
    /// When it happens.
    pub description: String,
    /// What `data` is: the name of a schema of this document.
    pub data: String,
}

/// A JSON Web Key Set (RFC 7517).
#[derive(Object, Debug)]
#[oai(rename = "KeySet")]
pub struct KeySetBody {
    /// The keys.
    pub keys: Vec<KeyBody>,
}

/// An Ed25519 public key (RFC 8037).
#[derive(Object, Debug)]
#[oai(rename = "Key")]
pub struct KeyBody {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    #[oai(rename = "use")]
    pub usage: String,
    /// The key's id.
    pub kid: String,
    /// The key, in base64url.
    pub x: String,
}

/// The operations.
pub struct MetaApi;

#[OpenApi(tag = "Tags::Meta")]
impl MetaApi {
    /// List error codes
    ///
    /// Every code that an error can have.
    #[oai(path = "/api/v1/errors", method = "get", operation_id = "list_error_codes")]
    async fn errors(&self) -> Result<Shown<Vec<ErrorCodeBody>>, ApiError> {
        let body = |code: &Code| ErrorCodeBody {
            code: code.name().to_owned(),
            status: code.status().as_u16(),
            meaning: code.meaning().to_owned(),
            retryable: code.retryable(),
        };
        Ok(Shown::plain(Code::ALL.iter().map(body).collect()))
    }

    /// List event types
    ///
    /// What webhooks can subscribe to.
    #[oai(path = "/api/v1/event-types", method = "get", operation_id = "list_event_types")]
    async fn event_types(&self) -> Result<Shown<Vec<EventTypeBody>>, ApiError> {
        let body = |event: &EventType| EventTypeBody {
            name: event.name.to_owned(),
            description: event.description.to_owned(),
            data: crate::openapi::events::schema_of(event.object).to_owned(),
        };
        Ok(Shown::plain(CATALOGUE.iter().map(body).collect()))
    }

    /// Get the keys that verify access tokens
    ///
    /// A JSON Web Key Set (RFC 7517), without the envelope, for stock libraries.
    #[oai(path = "/.well-known/jwks.json", method = "get", operation_id = "get_key_set")]
    async fn key_set(&self, app: Data<&Arc<App>>) -> Result<Json<KeySetBody>, ApiError> {
        let key = |key: tenon_common::account::access_token::PublicKey| KeyBody {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            usage: "sig".to_owned(),
            kid: key.kid,
            x: key.x,
        };
        Ok(Json(KeySetBody { keys: app.tokens.key_set().into_iter().map(key).collect() }))
    }
}
