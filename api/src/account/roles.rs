//! Roles on the wire.

use poem_openapi::Enum;
use serde::Serialize;
use tenon_common::role::Role;

/// A role.
#[derive(Enum, Serialize, Debug, Clone, Copy)]
#[oai(rename = "Role", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RoleName {
    /// Sees itself and what is shared with it.
    Client,
    /// Works on the records that it owns.
    Agent,
    /// Sees and manages all of the organization.
    Admin,
    /// An operator of the installation.
    SuperAdmin,
    /// A developer of the installation.
    Developer,
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Client => Self::Client,
            RoleName::Agent => Self::Agent,
            RoleName::Admin => Self::Admin,
            RoleName::SuperAdmin => Self::SuperAdmin,
            RoleName::Developer => Self::Developer,
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Client => Self::Client,
            Role::Agent => Self::Agent,
            Role::Admin => Self::Admin,
            Role::SuperAdmin => Self::SuperAdmin,
            Role::Developer => Self::Developer,
        }
    }
}
