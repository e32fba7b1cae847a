//! In which version of the API a webhook gets bodies, and what signs them beside its secret.

use serde::Serialize;

use crate::error::FieldError;
use crate::event::API_VERSION;

/// Version and keys, as they are kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    /// The version of the API in which it gets bodies.
    pub api_version: String,
    /// The Ed25519 key that verifies signatures `v1a`, where it has one.
    pub public_key: Option<String>,
}

/// What a caller says of it, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct SigningDraft {
    /// Defaults to the newest.
    pub api_version: Option<String>,
}

impl SigningDraft {
    /// What is said already.
    pub(super) fn of(signing: &Signing) -> Self {
        Self { api_version: Some(signing.api_version.clone()) }
    }

    pub(super) fn check(self, _errors: &mut Vec<FieldError>) -> Signing {
        let api_version = self.api_version.unwrap_or_else(|| API_VERSION.to_owned());
        Signing { api_version, public_key: None }
    }
}
