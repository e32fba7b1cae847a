//! What a caller says of a key, and what it may say.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ipnet::{IpNet, Ipv4Net};

use crate::account::api_key::ApiKey;
use crate::error::{Error, FieldError, Result};
use crate::role::{self, Role};
use crate::rules;
use crate::version::{ApiVersion, Versions};
use crate::wire;

/// Networks of a key at most.
const MAX_NETWORKS: usize = 100;

/// A key to be, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyDraft {
    /// 1–100 characters, required.
    pub name: Option<String>,
    /// `contacts:read`, `*:read`, `*`; required, at least one.
    pub scopes: Option<Vec<String>>,
    /// Defaults to the caller's; never above it.
    pub role: Option<Role>,
    /// In the future, and not after the caller's own.
    pub expires_at: Option<DateTime<Utc>>,
    /// Addresses or networks in CIDR form, within the caller's own.
    pub ip_allowlist: Vec<String>,
    /// The version of the API that its requests are of where they name none: one that there is. The key's own where there is one already, else
    /// the caller's.
    pub api_version: Option<String>,
}

impl ApiKeyDraft {
    /// The same with the caller's own end and networks where it says none: a key that nothing is said of is as wide as who makes it.
    #[must_use]
    pub fn within(self, grantor: &Grantor) -> Self {
        let networks = || grantor.networks.iter().map(IpNet::to_string).collect();
        let ip_allowlist = if self.ip_allowlist.is_empty() { networks() } else { self.ip_allowlist };
        Self { expires_at: self.expires_at.or(grantor.expires_at), ip_allowlist, ..self }
    }
}

/// The same, checked.
pub(super) struct Fields {
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) role: Role,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) ip_allowlist: Vec<String>,
    pub(super) api_version: ApiVersion,
}

impl Fields {
    /// Whether the key says the same already.
    pub(super) fn are_of(&self, key: &ApiKey) -> bool {
        (&self.name, &self.scopes, self.role, self.expires_at, &self.ip_allowlist, self.api_version)
            == (&key.name, &key.scopes, key.role, key.expires_at, &key.ip_allowlist, key.api_version)
    }
}

/// What the caller may hand on: nobody grants, changes or renews what is wider than they are themselves.
#[derive(Clone, Debug)]
pub struct Grantor {
    /// The caller's role.
    pub role: Role,
    /// The caller's scopes, where it is a key itself.
    pub scopes: Option<Vec<String>>,
    /// When the caller itself ends, where it is a key that does.
    pub expires_at: Option<DateTime<Utc>>,
    /// The networks that the caller itself may be used from; all where there is none.
    pub networks: Arc<[IpNet]>,
    /// The version of the API that the caller speaks, which a key gets that nothing is said of.
    pub version: ApiVersion,
    /// Those that there are.
    pub versions: &'static Versions,
}

impl Grantor {
    /// A person with a role, whom nothing else bounds, and who speaks the newest version.
    pub fn of_role(role: Role) -> Self {
        let versions = Versions::product();
        let version = versions.newest().date;
        Self { role, scopes: None, expires_at: None, networks: Arc::default(), version, versions }
    }

    /// All in which a key would be wider than the caller, with the fields. Nobody hands out, keeps or renews such a key.
    pub(super) fn wider(&self, key: &Fields) -> Vec<FieldError> {
        let mut wider = Vec::new();
        for (at, scope) in key.scopes.iter().enumerate() {
            if let Err((code, message)) = check_scope(scope, self) {
                wider.push(FieldError { pointer: format!("/scopes/{at}"), code, message });
            }
        }
        if key.role > self.role {
            wider.push(FieldError::new("role", "ROLE_TOO_HIGH", "A key's role must not be above your own"));
        }
        if let Some(end) = self.expires_at
            && key.expires_at.is_none_or(|at| at > end)
        {
            let message = format!("Your own key ends at {}: this one must not end later", wire::instant(end));
            wider.push(FieldError::new("expiresAt", "EXPIRY_NOT_HELD", message));
        }
        wider.extend(self.wider_networks(&key.ip_allowlist));
        wider
    }

    fn wider_networks(&self, allowlist: &[String]) -> Vec<FieldError> {
        const MESSAGE: &str = "Your own key may not be used from there";
        if self.networks.is_empty() {
            return Vec::new();
        }
        if allowlist.is_empty() {
            return vec![FieldError::new("ipAllowlist", "NETWORK_NOT_HELD", MESSAGE)];
        }
        let held = |text: &String| {
            let network = parse_network(text);
            network.is_some_and(|network| self.networks.iter().any(|held| held.contains(&network)))
        };
        let refuse = |(at, _)| FieldError {
            pointer: format!("/ipAllowlist/{at}"),
            code: "NETWORK_NOT_HELD",
            message: MESSAGE.to_owned(),
        };
        allowlist.iter().enumerate().filter(|(_, network)| !held(network)).map(refuse).collect()
    }
}

impl ApiKeyDraft {
    /// Checks all fields. `kept` is the key that there is already: what it says stays good, though its end may lie in the past.
    pub(super) fn check(self, grantor: &Grantor, kept: Option<&ApiKey>) -> Result<Fields> {
        let mut errors = Vec::new();
        let version = kept.map_or(grantor.version, |key| key.api_version);
        let api_version =
            grantor.versions.given(self.api_version.as_deref(), version).unwrap_or_else(|error| {
                errors.push(error);
                version
            });
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
            if scopes[..at].contains(scope) {
                let (code, message) = ("DUPLICATE_SCOPE", "The same scope stands before it".to_owned());
                errors.push(FieldError { pointer: format!("/scopes/{at}"), code, message });
            }
        }
        let role = self.role.unwrap_or(grantor.role);
        if self.expires_at != kept.and_then(|key| key.expires_at)
            && self.expires_at.is_some_and(|at| at <= Utc::now())
        {
            errors.push(FieldError::new("expiresAt", "IN_THE_PAST", "Must be in the future"));
        }
        if self.ip_allowlist.len() > MAX_NETWORKS {
            let message = format!("At most {MAX_NETWORKS} networks");
            errors.push(FieldError::new("ipAllowlist", "TOO_MANY", message));
        }
        let ip_allowlist = networks(&self.ip_allowlist, &mut errors);
        let fields = Fields { name, scopes, role, expires_at: self.expires_at, ip_allowlist, api_version };
        errors.extend(grantor.wider(&fields));
        if errors.is_empty() { Ok(fields) } else { Err(Error::Invalid(errors)) }
    }
}

/// A scope that there is, and that the grantor holds.
fn check_scope(scope: &str, grantor: &Grantor) -> Result<(), rules::Broken> {
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
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(canonical(network).trunc())
}

/// A network of IPv4 that is written as one of IPv6 (`::ffff:203.0.113.0/120`): callers are known by their IPv4 addresses.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(v4), Some(prefix)) if network.addr().is_ipv6() => {
            Ipv4Net::new(v4, prefix).map_or(network, IpNet::from)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_kept_as_callers_are_known() {
        let read = |text| parse_network(text).map(|network| network.to_string());
        for (written, kept) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.7/32"),
            ("::ffff:203.0.113.7/120", "203.0.113.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
        ] {
            assert_eq!(read(written).as_deref(), Some(kept), "{written}");
        }
        assert_eq!(read("203.0.113.7/33"), None);
    }
}
