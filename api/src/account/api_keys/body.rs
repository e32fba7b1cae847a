//! What is shown and said of API keys.

use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::account::api_key::{ApiKey, ApiKeyDraft, Mode};
use tenon_common::role::Role;
use uuid::Uuid;

use crate::account::roles::RoleName;
use crate::http::actor::ActorBody;
use crate::http::timestamp::Timestamp;

/// For what an API key is meant.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
pub enum KeyMode {
    /// Real data.
    Live,
    /// Trials.
    Test,
}

impl From<KeyMode> for Mode {
    fn from(mode: KeyMode) -> Self {
        match mode {
            KeyMode::Live => Self::Live,
            KeyMode::Test => Self::Test,
        }
    }
}

/// A credential for a program.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ApiKey", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyBody {
    /// The key's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// For people.
    pub name: String,
    /// The whole key; shown once, when it is created or rotated.
    #[oai(nullable)]
    pub key: Option<String>,
    /// What the key begins with.
    pub prefix: String,
    /// The last four characters of the key.
    pub last4: String,
    /// What it may do at most.
    pub role: RoleName,
    /// What it may do of that: `contacts:read`, `*:read`, `*`.
    pub scopes: Vec<String>,
    /// When it ends by itself.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
    /// The networks it may be used from; empty for all.
    pub ip_allowlist: Vec<String>,
    /// The version of the API that its requests are of where they have no `Tenon-Version`.
    pub api_version: String,
    /// The user on whose behalf it acts.
    #[oai(nullable)]
    pub user_id: Option<Uuid>,
    /// When it was last used, to the minute.
    #[oai(nullable)]
    pub last_used_at: Option<Timestamp>,
    /// The address it was last used from.
    #[oai(nullable)]
    pub last_used_ip: Option<String>,
    /// When it was revoked.
    #[oai(nullable)]
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    #[oai(nullable)]
    pub revoked_reason: Option<String>,
    /// The key that it replaces.
    #[oai(nullable)]
    pub rotated_from: Option<Uuid>,
    /// Counts changes, from 1. The `ETag` is made of it.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub created_by: ActorBody,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
}

/// An API key to create.
#[derive(Object, Debug)]
#[oai(rename = "ApiKeyInput", rename_all = "camelCase", example)]
pub struct ApiKeyInput {
    /// 1 to 100 characters.
    pub name: String,
    /// What it may do: `<resource>:<read|write|delete>`, `<area>:manage`, a `*` in either place, or `*`; at least one, at most 100.
    #[oai(validator(max_items = 100))]
    pub scopes: Vec<String>,
    /// What it may do at most; yours if absent, never above it.
    pub role: Option<RoleName>,
    /// Live if absent.
    pub mode: Option<KeyMode>,
    /// When it ends by itself; if absent never, or with the key that creates it.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
    /// Addresses or networks in CIDR form that it may be used from, at most 100; if absent all, or those of the key that creates it.
    pub ip_allowlist: Option<Vec<String>>,
    /// The version of the API that its requests are of where they have no `Tenon-Version`; that of this request if absent.
    pub api_version: Option<String>,
}

/// What replaces an API key: all but its mode and the key itself.
#[derive(Object, Debug)]
#[oai(rename = "ApiKeyReplacement", rename_all = "camelCase", example)]
pub struct ApiKeyReplacement {
    /// 1 to 100 characters.
    pub name: String,
    /// What it may do; at least one, at most 100.
    #[oai(validator(max_items = 100))]
    pub scopes: Vec<String>,
    /// What it may do at most; yours if absent, never above it.
    pub role: Option<RoleName>,
    /// When it ends by itself; if absent never, or with the key that replaces it.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
    /// Addresses or networks that it may be used from, at most 100; if absent all, or those of the key that replaces it.
    pub ip_allowlist: Option<Vec<String>>,
    /// The version of the API that its requests are of where they have no `Tenon-Version`; kept if absent.
    pub api_version: Option<String>,
}

impl Example for ApiKeyReplacement {
    fn example() -> Self {
        ApiKeyInput::example().into()
    }
}

impl From<ApiKeyInput> for ApiKeyReplacement {
    fn from(input: ApiKeyInput) -> Self {
        let ApiKeyInput { name, scopes, role, expires_at, ip_allowlist, api_version, mode: _ } = input;
        Self { name, scopes, role, expires_at, ip_allowlist, api_version }
    }
}

impl From<ApiKeyReplacement> for ApiKeyDraft {
    fn from(input: ApiKeyReplacement) -> Self {
        Self {
            name: Some(input.name),
            scopes: Some(input.scopes),
            role: input.role.map(Role::from),
            expires_at: input.expires_at.map(|at| at.0),
            ip_allowlist: input.ip_allowlist.unwrap_or_default(),
            api_version: input.api_version,
        }
    }
}

impl Example for ApiKeyInput {
    fn example() -> Self {
        Self {
            name: "Newsletter".to_owned(),
            scopes: vec!["contacts:read".to_owned()],
            role: None,
            mode: None,
            expires_at: None,
            ip_allowlist: None,
            api_version: None,
        }
    }
}

/// Changes to an API key (RFC 7396): absent keeps a field, null clears it.
#[derive(Object, Debug)]
#[oai(rename = "ApiKeyPatch", rename_all = "camelCase")]
pub struct ApiKeyPatch {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// What it may do; at least one, at most 100.
    #[oai(validator(max_items = 100))]
    pub scopes: Option<Vec<String>>,
    /// What it may do at most; never above yours.
    pub role: Option<RoleName>,
    /// When it ends by itself.
    #[oai(nullable)]
    pub expires_at: MaybeUndefined<Timestamp>,
    /// Addresses or networks that it may be used from; empty for all.
    pub ip_allowlist: Option<Vec<String>>,
    /// The version of the API that its requests are of where they have no `Tenon-Version`.
    pub api_version: Option<String>,
}

impl ApiKeyPatch {
    /// What a key says with the changes.
    pub(super) fn over(self, mut draft: ApiKeyDraft) -> ApiKeyDraft {
        self.expires_at.map_value(|at| at.0).update_to(&mut draft.expires_at);
        ApiKeyDraft {
            name: self.name.or(draft.name),
            scopes: self.scopes.or(draft.scopes),
            role: self.role.map(Role::from).or(draft.role),
            expires_at: draft.expires_at,
            ip_allowlist: self.ip_allowlist.unwrap_or(draft.ip_allowlist),
            api_version: self.api_version.or(draft.api_version),
        }
    }
}

/// How a key is rotated.
#[derive(Object, Debug)]
#[oai(rename = "ApiKeyRotation", rename_all = "camelCase")]
pub struct RotationInput {
    /// How long the old key works beside the new one, in seconds: 0 to 604,800 (a week); 86,400 (a day) if absent.
    #[oai(validator(minimum(value = "0"), maximum(value = "604800")))]
    pub overlap_seconds: Option<i64>,
}

impl From<ApiKey> for ApiKeyBody {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.0,
            tenant_id: key.tenant_id.0,
            name: key.name,
            key: None,
            prefix: key.prefix,
            last4: key.last4,
            role: key.role.into(),
            scopes: key.scopes,
            expires_at: key.expires_at.map(Timestamp),
            ip_allowlist: key.ip_allowlist,
            api_version: key.api_version.to_string(),
            user_id: key.user_id.map(|id| id.0),
            last_used_at: key.last_used_at.map(Timestamp),
            last_used_ip: key.last_used_ip,
            revoked_at: key.revoked_at.map(Timestamp),
            revoked_reason: key.revoked_reason,
            rotated_from: key.rotated_from.map(|id| id.0),
            version: key.version,
            created_at: key.created_at.into(),
            created_by: key.created_by.into(),
            updated_at: key.updated_at.into(),
            updated_by: key.updated_by.into(),
        }
    }
}
