//! Who is asking, in which tenant, with what rights: set on the transaction for the database to enforce, and recorded with
//! every change.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sqlx::Postgres;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::id::{ApiKeyId, ImportId, TenantId, UserId};
use crate::role::Role;

/// Who does something in a tenant.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The tenant whose data it is. Comes from the credential alone.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// Decides what the database lets it see: below ADMIN, its own records only.
    pub role: Role,
    /// The request or job that it acts in.
    pub origin: Origin,
}

/// Who, apart from the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A person with an access token.
    User(UserId),
    /// An API key, on whose behalf (the owner scope of a key with an AGENT's role).
    ApiKey(ApiKeyId, Option<UserId>),
    /// An import, on whose behalf.
    Import(ImportId, Option<UserId>),
    /// Tenon itself: a job, an operator's command.
    System,
}

impl Principal {
    /// The user whose records are "own", if there is one.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::ApiKey(_, user) | Self::Import(_, user) => user,
            Self::System => None,
        }
    }

    /// What records and events say of it.
    pub fn reference(self) -> ActorReference {
        match self {
            Self::User(user) => ActorReference { kind: ActorKind::User, id: Some(user.0) },
            Self::ApiKey(key, _) => ActorReference { kind: ActorKind::ApiKey, id: Some(key.0) },
            Self::Import(import, _) => ActorReference { kind: ActorKind::Import, id: Some(import.0) },
            Self::System => ActorReference { kind: ActorKind::System, id: None },
        }
    }
}

/// Where an act came from; kept for the audit trail.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// `X-Request-Id`.
    pub request_id: Option<String>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// `User-Agent`, at most 200 characters of it.
    pub user_agent: Option<String>,
    /// W3C trace context, handed on to jobs and deliveries.
    pub traceparent: Option<String>,
}

/// The kinds of actors on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ActorKind {
    /// A person.
    User,
    /// An API key.
    ApiKey,
    /// An import.
    Import,
    /// Tenon itself.
    System,
}

/// `createdBy`, `updatedBy` and an event's `actor`. Stored as `user:<id>`, `apiKey:<id>`, `import:<id>` or `system`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActorReference {
    /// What kind.
    #[serde(rename = "type")]
    pub kind: ActorKind,
    /// Which one; null for the system.
    pub id: Option<Uuid>,
}

impl std::fmt::Display for ActorReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            ActorKind::User => "user",
            ActorKind::ApiKey => "apiKey",
            ActorKind::Import => "import",
            ActorKind::System => return f.write_str("system"),
        };
        write!(f, "{kind}:{}", self.id.unwrap_or_default())
    }
}

impl sqlx::Type<Postgres> for ActorReference {
    fn type_info() -> PgTypeInfo {
        <str as sqlx::Type<Postgres>>::type_info()
    }

    fn compatible(other: &PgTypeInfo) -> bool {
        <str as sqlx::Type<Postgres>>::compatible(other)
    }
}

impl sqlx::Decode<'_, Postgres> for ActorReference {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self::parse(value.as_str()?))
    }
}

impl ActorReference {
    /// Reads what [`ActorReference`]'s `Display` wrote; what is unknown is the system's.
    pub fn parse(text: &str) -> Self {
        let (kind, id) = text.split_once(':').unwrap_or((text, ""));
        let kind = match kind {
            "user" => ActorKind::User,
            "apiKey" => ActorKind::ApiKey,
            "import" => ActorKind::Import,
            _ => ActorKind::System,
        };
        Self { kind, id: id.parse().ok() }
    }
}

impl Actor {
    /// Refuses what was made, or is done, as somebody who sees more: with a higher role, or below ADMIN on behalf of somebody else.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn reach(&self, made_as: Role, on_behalf_of: Option<UserId>) -> Result<()> {
        let sees_all = self.role >= Role::Admin;
        if sees_all || (self.role >= made_as && self.principal.user() == on_behalf_of) {
            return Ok(());
        }
        Err(Error::Forbidden("It was made with more rights than you have now".to_owned()))
    }

    /// Tenon itself in a tenant: sees all of it, answers to nobody.
    pub fn system(tenant: TenantId) -> Self {
        Self { tenant, principal: Principal::System, role: Role::Developer, origin: Origin::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sees_less_does_not_reach_what_was_made_with_more() {
        let (ada, grace) = (UserId::new(), UserId::new());
        let as_role =
            |role, user| Actor { role, principal: Principal::User(user), ..Actor::system(TenantId::new()) };
        for (role, user, made_as, of, reaches) in [
            (Role::Admin, ada, Role::Admin, Some(grace), true),
            (Role::Admin, ada, Role::Developer, Some(grace), true),
            (Role::Admin, ada, Role::Agent, None, true),
            (Role::Agent, ada, Role::Admin, Some(ada), false),
            (Role::Agent, ada, Role::Agent, Some(ada), true),
            (Role::Agent, ada, Role::Agent, Some(grace), false),
            (Role::Agent, ada, Role::Agent, None, false),
            (Role::Client, ada, Role::Agent, Some(ada), false),
        ] {
            let reached = as_role(role, user).reach(made_as, of).is_ok();
            assert_eq!(reached, reaches, "{role:?} {made_as:?} {}", of == Some(user));
        }
    }
}
