//! What a caller says of a key, and what it may say.

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use crate::account::api_key::ApiKey;
use crate::account::role::{self, Role};
use crate::crm::rules;
use crate::error::{Error, FieldError, Result};

/// A key to be, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyDraft {
    /// 1–100 characters, required.
    pub name: Option<String>,
    /// `contacts:read`, `*:read`, `*`; required, at least one.
    pub scopes: Option<Vec<String>>,
    /// Defaults to the caller's; never above it.
    pub role: Option<Role>,
    /// In the future.
    pub expires_at: Option<DateTime<Utc>>,
    /// Addresses or networks in CIDR form.
    pub ip_allowlist: Vec<String>,
}

/// The same, checked.
pub(super) struct Fields {
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) role: Role,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) ip_allowlist: Vec<String>,
}

impl Fields {
    /// Whether the key says the same already.
    pub(super) fn are_of(&self, key: &ApiKey) -> bool {
        (&self.name, &self.scopes, self.role.name(), self.expires_at, &self.ip_allowlist)
            == (&key.name, &key.scopes, key.role.as_str(), key.expires_at, &key.ip_allowlist)
    }
}

/// What the caller may hand on: nobody grants what they do not hold.
#[derive(Clone, Debug)]
pub struct Grantor {
    /// The caller's role.
    pub role: Role,
    /// The caller's scopes, where it is a key itself.
    pub scopes: Option<Vec<String>>,
}

impl ApiKeyDraft {
    /// Checks all fields. `kept` is the expiry that a key has already: it may lie in the past.
    pub(super) fn check(self, grantor: &Grantor, kept: Option<DateTime<Utc>>) -> Result<Fields> {
        let mut errors = Vec::new();
        let name = match self.name.as_deref().map(|name| rules::text(name, "Name", 100)) {
            None => Err(("REQUIRED", "Name is required".to_owned())),
            Some(checked) => checked,
        };
        let name = name
            .map_err(|(code, message)| errors.push(FieldError::new("name", code, message)))
            .unwrap_or_default();
        let scopes = self.scopes.unwrap_or_default();
        if scopes.is_empty() {
            errors.push(FieldError::new("scopes", "REQUIRED", "At least one scope is required"));
        }
        for (at, scope) in scopes.iter().enumerate() {
            if let Err((code, message)) = check_scope(scope, grantor) {
                errors.push(FieldError { pointer: format!("/scopes/{at}"), code, message });
            }
        }
        let role = self.role.unwrap_or(grantor.role);
        if role > grantor.role {
            errors.push(FieldError::new("role", "ROLE_TOO_HIGH", "A key's role must not be above your own"));
        }
        if self.expires_at != kept && self.expires_at.is_some_and(|at| at <= Utc::now()) {
            errors.push(FieldError::new("expiresAt", "IN_THE_PAST", "Must be in the future"));
        }
        let ip_allowlist = networks(&self.ip_allowlist, &mut errors);
        if errors.is_empty() {
            Ok(Fields { name, scopes, role, expires_at: self.expires_at, ip_allowlist })
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

/// A scope that there is, and that the grantor holds.
pub(super) fn check_scope(scope: &str, grantor: &Grantor) -> Result<(), rules::Broken> {
    if !role::is_scope(scope) {
        return Err((
            "UNKNOWN_SCOPE",
            "Expected <resource>:<read|write|delete>, <area>:manage, a * in either place, or *".to_owned(),
        ));
    }
    let Some(held) = &grantor.scopes else { return Ok(()) };
    let covered = role::Permission::ALL
        .into_iter()
        .filter(|permission| role::scope_covers(scope, *permission))
        .all(|permission| held.iter().any(|held| role::scope_covers(held, permission)));
    if covered { Ok(()) } else { Err(("SCOPE_NOT_HELD", "Your own key does not have this scope".to_owned())) }
}

fn networks(list: &[String], errors: &mut Vec<FieldError>) -> Vec<String> {
    let mut networks = Vec::new();
    for (at, text) in list.iter().enumerate() {
        match parse_network(text) {
            Some(network) => networks.push(network.to_string()),
            None => errors.push(FieldError {
                pointer: format!("/ipAllowlist/{at}"),
                code: "INVALID_NETWORK",
                message: "Expected an address or a network such as 203.0.113.0/24".to_owned(),
            }),
        }
    }
    networks
}

fn parse_network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>()
        .map(|network| network.trunc())
        .ok()
        .or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}
