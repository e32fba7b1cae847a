//! The address guard: where webhooks may be sent.
//!
//! The API refuses by it when a webhook is made, and the worker pins by it at every attempt: the URL is
//! checked again, and a connection goes only to an address that [`AddressPolicy::admit`] let through. A
//! host that is an address literal never reaches a resolver, so [`AddressPolicy::check`] covers those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

mod ranges;
mod stream;

pub use stream::StreamTarget;

/// Longest accepted URL in bytes, as given and as normalised.
pub const MAX_URL_LENGTH: usize = 2048;

/// What the operator allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Whether plain http is accepted besides https.
    pub allow_http: bool,
    /// The ports that may be connected to.
    pub allowed_ports: AllowedPorts,
    /// Networks that may be connected to although they are not public.
    pub allowed_subnets: Vec<IpNet>,
}

/// The ports that webhooks may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedPorts {
    /// Any of them.
    Any,
    /// These alone.
    Only(Vec<u16>),
}

/// Why an address was refused. The messages name no address that a lookup found, because a tenant must
/// not learn from them what internal names resolve to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It does not parse, has no host, or contains white space or control characters.
    #[error("not a valid absolute URL")]
    InvalidUrl,
    /// It is longer than [`MAX_URL_LENGTH`].
    #[error("longer than {MAX_URL_LENGTH} bytes")]
    UrlTooLong,
    /// The scheme is not https.
    #[error("must begin with https://")]
    NotHttps,
    /// The scheme is not tls, where no other is allowed.
    #[error("must begin with tls://, and name a host and a port")]
    NotTls,
    /// It carries a user name or password.
    #[error("must not contain a user name or password")]
    CredentialsInUrl,
    /// It carries a fragment, which is never sent.
    #[error("must not contain a fragment")]
    FragmentInUrl,
    /// The port is not among the allowed ones.
    #[error("port {0} is not allowed")]
    PortNotAllowed(u16),
    /// The host is, or resolves only to, addresses that are not public.
    #[error("the host has no public address")]
    PrivateAddress,
    /// The host's name does not resolve; the reason is the resolver's.
    #[error("the host's name does not resolve: {0}")]
    DnsFailure(String),
}

impl Rejected {
    /// The stable name of the reason, as the API and the logs have it.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::InvalidUrl => "invalid_url",
            Self::UrlTooLong => "url_too_long",
            Self::NotHttps => "not_https",
            Self::NotTls => "not_tls",
            Self::CredentialsInUrl => "credentials_in_url",
            Self::FragmentInUrl => "fragment_in_url",
            Self::PortNotAllowed(_) => "port_not_allowed",
            Self::PrivateAddress => "private_address",
            Self::DnsFailure(_) => "dns_failure",
        }
    }
}

impl Default for AddressPolicy {
    fn default() -> Self {
        Self::strict()
    }
}

impl AddressPolicy {
    /// https on ports 443 and 8443 of public addresses.
    pub fn strict() -> Self {
        Self {
            allow_http: false,
            allowed_ports: AllowedPorts::Only(vec![443, 8443]),
            allowed_subnets: Vec::new(),
        }
    }

    /// For development and tests: http too, any port, and the addresses of this machine.
    pub fn local() -> Self {
        Self {
            allow_http: true,
            allowed_ports: AllowedPorts::Any,
            allowed_subnets: vec![
                IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
                IpNet::new_assert(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
            ],
        }
    }

    /// Parses a URL that a tenant gave, and checks it without resolving its host.
    pub fn check_url(&self, text: &str) -> Result<Url, Rejected> {
        if text.len() > MAX_URL_LENGTH {
            return Err(Rejected::UrlTooLong);
        }
        // The parser would silently drop tabs and line breaks.
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(Rejected::InvalidUrl);
        }
        let url = Url::parse(text).map_err(|_| Rejected::InvalidUrl)?;
        // Percent-encoding and punycode may have made it longer.
        if url.as_str().len() > MAX_URL_LENGTH {
            return Err(Rejected::UrlTooLong);
        }
        self.check(&url)?;
        Ok(url)
    }

    /// Checks a parsed URL: cheap, for every attempt.
    pub fn check(&self, url: &Url) -> Result<(), Rejected> {
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            _ => return Err(Rejected::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Rejected::CredentialsInUrl);
        }
        if url.fragment().is_some() {
            return Err(Rejected::FragmentInUrl);
        }
        let port = url.port_or_known_default().ok_or(Rejected::InvalidUrl)?;
        if !self.allowed_ports.contains(port) {
            return Err(Rejected::PortNotAllowed(port));
        }
        match url.host() {
            None | Some(Host::Domain("")) => Err(Rejected::InvalidUrl),
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(address)) => self.check_ip(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.check_ip(IpAddr::V6(address)),
        }
    }

    /// Whether a connection to this address is allowed: public, or of an allowed subnet.
    pub fn check_ip(&self, address: IpAddr) -> Result<(), Rejected> {
        let allowed = self.allowed_subnets.iter().any(|subnet| subnet.contains(&address));
        // Allowing a NAT64 prefix, as a network without IPv4 must, does not allow what hides behind it.
        let hidden = ranges::nat64_target(address).map(IpAddr::V4);
        let acceptable = match hidden {
            Some(target) => allowed && self.check_ip(target).is_ok(),
            None => allowed || ranges::is_public(address),
        };
        if acceptable { Ok(()) } else { Err(Rejected::PrivateAddress) }
    }

    /// Of the addresses that a name resolved to, those that may be connected to; refused if there is none.
    pub fn admit(&self, found: impl IntoIterator<Item = IpAddr>) -> Result<Vec<IpAddr>, Rejected> {
        let mut any = false;
        let admitted: Vec<IpAddr> = found
            .into_iter()
            .inspect(|_| any = true)
            .filter(|address| self.check_ip(*address).is_ok())
            .collect();
        match (admitted.is_empty(), any) {
            (false, _) => Ok(admitted),
            (true, true) => Err(Rejected::PrivateAddress),
            (true, false) => Err(Rejected::DnsFailure("no address".to_owned())),
        }
    }

    /// Resolves the host of a checked URL through the system's resolver and admits what it finds.
    ///
    /// For the API: a `DnsFailure` when a webhook is made is a warning, any other refusal is one.
    pub async fn resolve(&self, url: &Url) -> Result<Vec<IpAddr>, Rejected> {
        match url.host() {
            None => Err(Rejected::InvalidUrl),
            Some(Host::Ipv4(address)) => self.admit([IpAddr::V4(address)]),
            Some(Host::Ipv6(address)) => self.admit([IpAddr::V6(address)]),
            Some(Host::Domain(name)) => {
                let found = tokio::net::lookup_host((name, 0)).await;
                let found = found.map_err(|error| Rejected::DnsFailure(error.to_string()))?;
                self.admit(found.map(|address| address.ip()))
            }
        }
    }
}

impl AllowedPorts {
    fn contains(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Only(ports) => ports.contains(&port),
        }
    }
}

#[cfg(test)]
mod tests;
