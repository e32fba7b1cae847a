//! Users, where others name them.

use poem_openapi::Object;
use serde::Serialize;
use uuid::Uuid;

/// A user, in short.
#[derive(Object, Serialize, Debug)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct UserSummary {
    /// The user's id.
    pub id: Uuid,
    /// The name.
    pub name: String,
    /// The login address.
    pub email: String,
}
