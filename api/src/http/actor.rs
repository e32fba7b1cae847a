//! Who did something, on the wire.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::actor::{ActorKind, ActorReference};
use uuid::Uuid;

/// Who did something.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Actor")]
pub struct ActorBody {
    /// What kind of actor.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: ActorType,
    /// Which one; null for the system, and where nobody knows.
    #[oai(nullable)]
    pub id: Option<Uuid>,
}

/// A kind of actor.
#[derive(Enum, Serialize, Debug, Clone, Copy)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub enum ActorType {
    /// A person with an access token.
    User,
    /// An API key.
    ApiKey,
    /// An import.
    Import,
    /// Tenon itself.
    System,
}

impl From<ActorReference> for ActorBody {
    fn from(actor: ActorReference) -> Self {
        let kind = match actor.kind {
            ActorKind::User => ActorType::User,
            ActorKind::ApiKey => ActorType::ApiKey,
            ActorKind::Import => ActorType::Import,
            ActorKind::System => ActorType::System,
        };
        Self { kind, id: actor.id }
    }
}
