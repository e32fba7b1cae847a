//! The built-in roles, their ranks, and the permissions they hold.

use serde::{Deserialize, Serialize};

/// A role of a membership or an API key. Ordered by rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Sees itself and what is shared with it.
    Client = 1,
    /// Works on the records that it owns.
    Agent = 2,
    /// Sees and manages all of the tenant.
    Admin = 3,
    /// An operator of the installation.
    SuperAdmin = 4,
    /// A developer of the installation.
    Developer = 5,
}

impl Role {
    /// Every role, by rank.
    pub const ALL: [Self; 5] = [Self::Client, Self::Agent, Self::Admin, Self::SuperAdmin, Self::Developer];

    /// The rank that the database compares (`app.rank`).
    pub fn rank(self) -> i32 {
        self as i32
    }

    /// The stored and spoken name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "CLIENT",
            Self::Agent => "AGENT",
            Self::Admin => "ADMIN",
            Self::SuperAdmin => "SUPER_ADMIN",
            Self::Developer => "DEVELOPER",
        }
    }

    /// The role of a stored name.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(name: &str) -> Result<Self, UnknownRole> {
        let role = Self::ALL.into_iter().find(|role| role.name() == name);
        role.ok_or_else(|| UnknownRole(name.to_owned()))
    }

    /// Whether the role holds the permission.
    pub fn allows(self, permission: Permission) -> bool {
        self >= permission.least_role()
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownRole;

    fn try_from(name: String) -> Result<Self, UnknownRole> {
        Self::parse(&name)
    }
}

/// A role that is stored and that there is not.
#[derive(Debug, thiserror::Error)]
#[error("unknown role {0:?}")]
pub struct UnknownRole(String);

/// Something that an operation asks for: `<resource>:<read|write|delete>` or `<area>:manage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permission(&'static str, Role);

impl Permission {
    /// Read contacts.
    pub const CONTACTS_READ: Self = Self("contacts:read", Role::Client);
    /// Create, change and restore contacts.
    pub const CONTACTS_WRITE: Self = Self("contacts:write", Role::Agent);
    /// Delete contacts.
    pub const CONTACTS_DELETE: Self = Self("contacts:delete", Role::Agent);
    /// Read companies.
    pub const COMPANIES_READ: Self = Self("companies:read", Role::Agent);
    /// Create, change and restore companies.
    pub const COMPANIES_WRITE: Self = Self("companies:write", Role::Agent);
    /// Delete companies.
    pub const COMPANIES_DELETE: Self = Self("companies:delete", Role::Agent);
    /// Read pipelines and their stages.
    pub const PIPELINES_READ: Self = Self("pipelines:read", Role::Agent);
    /// Create, change and restore pipelines and their stages.
    pub const PIPELINES_WRITE: Self = Self("pipelines:write", Role::Admin);
    /// Delete pipelines.
    pub const PIPELINES_DELETE: Self = Self("pipelines:delete", Role::Admin);
    /// Read leads.
    pub const LEADS_READ: Self = Self("leads:read", Role::Agent);
    /// Create, change, move, convert and restore leads.
    pub const LEADS_WRITE: Self = Self("leads:write", Role::Agent);
    /// Delete leads.
    pub const LEADS_DELETE: Self = Self("leads:delete", Role::Agent);
    /// Read activities.
    pub const ACTIVITIES_READ: Self = Self("activities:read", Role::Agent);
    /// Create, change and restore activities.
    pub const ACTIVITIES_WRITE: Self = Self("activities:write", Role::Agent);
    /// Delete activities.
    pub const ACTIVITIES_DELETE: Self = Self("activities:delete", Role::Agent);
    /// Read imports, what became of their rows, and templates.
    pub const IMPORTS_READ: Self = Self("imports:read", Role::Admin);
    /// Import files, stop and revert imports, change templates. What is imported needs its own permission too.
    pub const IMPORTS_WRITE: Self = Self("imports:write", Role::Admin);
    /// See exports, and fetch their files. What is exported needs its own permission too.
    pub const EXPORTS_READ: Self = Self("exports:read", Role::Agent);
    /// Have exports written into files, and stop them. What is exported needs its own permission too.
    pub const EXPORTS_WRITE: Self = Self("exports:write", Role::Agent);
    /// Read webhooks and their deliveries.
    pub const WEBHOOKS_READ: Self = Self("webhooks:read", Role::Admin);
    /// Create, change and resend webhooks.
    pub const WEBHOOKS_WRITE: Self = Self("webhooks:write", Role::Admin);
    /// Delete webhooks.
    pub const WEBHOOKS_DELETE: Self = Self("webhooks:delete", Role::Admin);
    /// See, create, change and revoke API keys.
    pub const API_KEYS_MANAGE: Self = Self("api-keys:manage", Role::Admin);
    /// Read and verify the audit trail.
    pub const AUDIT_READ: Self = Self("audit:read", Role::Admin);
    /// See, create, change and delete sinks of the audit trail.
    pub const AUDIT_MANAGE: Self = Self("audit:manage", Role::Admin);

    /// See the organization with its settings.
    pub const ORGANIZATIONS_READ: Self = Self("organizations:read", Role::Admin);
    /// Change the organization and its settings.
    pub const ORGANIZATIONS_WRITE: Self = Self("organizations:write", Role::Admin);
    /// Delete the organization.
    pub const ORGANIZATIONS_DELETE: Self = Self("organizations:delete", Role::Admin);

    /// Follow all changes of the tenant.
    pub const CHANGES_READ: Self = Self("changes:read", Role::Admin);

    /// Every permission there is.
    pub const ALL: [Self; 29] = [
        Self::CONTACTS_READ,
        Self::CONTACTS_WRITE,
        Self::CONTACTS_DELETE,
        Self::COMPANIES_READ,
        Self::COMPANIES_WRITE,
        Self::COMPANIES_DELETE,
        Self::PIPELINES_READ,
        Self::PIPELINES_WRITE,
        Self::PIPELINES_DELETE,
        Self::LEADS_READ,
        Self::LEADS_WRITE,
        Self::LEADS_DELETE,
        Self::ACTIVITIES_READ,
        Self::ACTIVITIES_WRITE,
        Self::ACTIVITIES_DELETE,
        Self::IMPORTS_READ,
        Self::IMPORTS_WRITE,
        Self::EXPORTS_READ,
        Self::EXPORTS_WRITE,
        Self::WEBHOOKS_READ,
        Self::WEBHOOKS_WRITE,
        Self::WEBHOOKS_DELETE,
        Self::API_KEYS_MANAGE,
        Self::AUDIT_READ,
        Self::AUDIT_MANAGE,
        Self::ORGANIZATIONS_READ,
        Self::ORGANIZATIONS_WRITE,
        Self::ORGANIZATIONS_DELETE,
        Self::CHANGES_READ,
    ];

    /// `contacts:read`.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// The lowest role that holds it.
    pub fn least_role(self) -> Role {
        self.1
    }
}

/// Whether a scope of an API key covers a permission: itself, `<resource>:*`, `*:<action>`, or `*`.
pub fn scope_covers(scope: &str, permission: Permission) -> bool {
    let Some((resource, action)) = permission.name().split_once(':') else { return false };
    match scope.split_once(':') {
        None => scope == "*",
        Some((scope_resource, scope_action)) => {
            (scope_resource == "*" || scope_resource == resource)
                && (scope_action == "*" || scope_action == action)
        }
    }
}

/// Whether a scope can be given to a key: it covers at least one permission.
pub fn is_scope(scope: &str) -> bool {
    Permission::ALL.into_iter().any(|permission| scope_covers(scope, permission))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_cover_what_they_name() {
        assert!(scope_covers("contacts:read", Permission::CONTACTS_READ));
        assert!(scope_covers("*:read", Permission::WEBHOOKS_READ));
        assert!(scope_covers("contacts:*", Permission::CONTACTS_DELETE));
        assert!(scope_covers("*", Permission::API_KEYS_MANAGE));
        assert!(!scope_covers("contacts:read", Permission::CONTACTS_WRITE));
        assert!(!scope_covers("contact:read", Permission::CONTACTS_READ));
        assert!(!scope_covers("", Permission::CONTACTS_READ));
        assert!(!is_scope("contacts"));
        assert!(!is_scope("contacts:fly"));
    }
}
