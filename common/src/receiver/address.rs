//! The address guard: where webhooks may be sent.
//!
//! The API refuses by it when a webhook is made, and the worker pins by it at every attempt: the URL is
//! checked again, and a connection goes only to an address that [`AddressPolicy::admit`] let through. A
//! host that is an address literal never reaches a resolver, so [`AddressPolicy::check`] covers those.
//!
//! What can never work is refused when it is given: see [`AddressPolicy::check_url`]. Whether a name resolves is no ground for that, and
//! nobody is told whether it does not or leads to where nothing may be sent: see [`AddressPolicy::admit_name`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

use crate::error::Error;

mod names;
mod ranges;
mod resolve;
mod sent;
mod stream;

pub use resolve::LOOKUP_TIMEOUT;
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

/// Why an address was refused. The messages say nothing of what a lookup found, because a tenant must not learn from them which names
/// there are in the operator's network, nor what they resolve to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It does not parse, has no host, or contains white space or control characters.
    #[error("not a valid absolute URL")]
    InvalidUrl,
    /// It is longer than [`MAX_URL_LENGTH`].
    #[error("longer than {MAX_URL_LENGTH} bytes")]
    UrlTooLong,
    /// What would be requested is not what was written: this is.
    #[error("would be read as {0}; write it like that")]
    WouldBeRewritten(String),
    /// It has a place for something that nobody puts there.
    #[error("must not contain any of {{ }} < >; nothing is filled in")]
    Placeholder,
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
    /// The host's name is none that the domain name system can have.
    #[error("the host's name {0}")]
    InvalidHostName(&'static str),
    /// The host's name is of those that the public domain name system never has.
    #[error("names that end in {0} are reserved, and not in the public DNS")]
    ReservedName(&'static str),
    /// The host is an address that is not public.
    #[error("the host has no public address")]
    PrivateAddress,
    /// The host's name does not resolve, or to addresses alone to which nothing may be sent.
    #[error("the host's name does not resolve to a public address")]
    DnsFailure,
}

impl Rejected {
    /// The stable name of the reason, as the API and the logs have it.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::InvalidUrl => "invalid_url",
            Self::UrlTooLong => "url_too_long",
            Self::WouldBeRewritten(_) => "would_be_rewritten",
            Self::Placeholder => "placeholder_in_url",
            Self::NotHttps => "not_https",
            Self::NotTls => "not_tls",
            Self::CredentialsInUrl => "credentials_in_url",
            Self::FragmentInUrl => "fragment_in_url",
            Self::PortNotAllowed(_) => "port_not_allowed",
            Self::InvalidHostName(_) => "invalid_host_name",
            Self::ReservedName(_) => "reserved_name",
            Self::PrivateAddress => "private_address",
            Self::DnsFailure => "dns_failure",
        }
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::AddressRejected { reason: rejected.reason(), message: rejected.to_string() }
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

    /// Parses a URL that a tenant gave, and checks it without resolving its host. Besides what [`Self::check`] refuses it refuses what can
    /// never work, and what would not be requested as it is written; so the text itself may be kept.
    pub fn check_url(&self, text: &str) -> Result<Url, Rejected> {
        if text.len() > MAX_URL_LENGTH {
            return Err(Rejected::UrlTooLong);
        }
        // The parser would silently drop tabs and line breaks.
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(Rejected::InvalidUrl);
        }
        if text.contains(['{', '}', '<', '>']) {
            return Err(Rejected::Placeholder);
        }
        let url = Url::parse(text).map_err(|_| Rejected::InvalidUrl)?;
        // Percent-encoding and punycode may have made it longer.
        if url.as_str().len() > MAX_URL_LENGTH {
            return Err(Rejected::UrlTooLong);
        }
        self.check(&url)?;
        sent::check(text, &url)?;
        if let Some(Host::Domain(name)) = url.host() {
            self.check_name(name)?;
        }
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
            Some(Host::Domain(name)) => self.check_localhost(name),
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
            (true, false) => Err(Rejected::DnsFailure),
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
