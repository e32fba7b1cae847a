//! Targets that speak no HTTP: `tls://host:port`, and `tcp://host:port` where the operator allows that.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::{AddressPolicy, AllowedPorts, MAX_URL_LENGTH, Rejected, resolve, sent};

/// Ports of syslog.
const PORTS: [u16; 3] = [514, 601, 6514];

/// Where a stream of bytes goes; checked, its name not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTarget {
    /// Whether it is encrypted.
    pub tls: bool,
    /// The host as it was given, an IPv6 address without its brackets.
    pub host: Host<String>,
    /// The port.
    pub port: u16,
}

impl fmt::Display for StreamTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "tls" } else { "tcp" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl AddressPolicy {
    /// Parses a target that a tenant gave, and checks it without resolving its host. Without TLS it may go to networks alone that the
    /// operator allows.
    pub fn stream_target(&self, text: &str) -> Result<StreamTarget, Rejected> {
        if text.len() > MAX_URL_LENGTH {
            return Err(Rejected::UrlTooLong);
        }
        let (tls, rest) = match (text.strip_prefix("tls://"), text.strip_prefix("tcp://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) if self.allow_http || !self.allowed_subnets.is_empty() => (false, rest),
            _ => return Err(Rejected::NotTls),
        };
        if rest.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(Rejected::InvalidUrl);
        }
        if rest.contains(['{', '}', '<', '>']) {
            return Err(Rejected::Placeholder);
        }
        // The parser knows addresses as hosts of its own schemes alone.
        let text = format!("https://{rest}");
        let url = Url::parse(&text).map_err(|_| Rejected::InvalidUrl)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Rejected::CredentialsInUrl);
        }
        let nothing_else = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        // It leaves its own port out.
        let port = url.port().or_else(|| rest.trim_end_matches('/').ends_with(":443").then_some(443));
        let (Some(host), Some(port), true) = (url.host(), port, nothing_else) else {
            return Err(Rejected::InvalidUrl);
        };
        if self.allowed_ports != AllowedPorts::Any && !PORTS.contains(&port) {
            return Err(Rejected::PortNotAllowed(port));
        }
        let target = StreamTarget { tls, host: host.to_owned(), port };
        match &target.host {
            Host::Domain(name) if name.is_empty() => Err(Rejected::InvalidUrl),
            Host::Domain(name) => self.check_localhost(name).and_then(|()| self.check_name(name)),
            Host::Ipv4(address) => self.admit_stream(&target, [IpAddr::V4(*address)]).map(drop),
            Host::Ipv6(address) => self.admit_stream(&target, [IpAddr::V6(*address)]).map(drop),
        }?;
        match sent::check(&text, &url) {
            Err(Rejected::WouldBeRewritten(_)) => Err(Rejected::WouldBeRewritten(target.to_string())),
            checked => checked.map(|()| target),
        }
    }

    /// Resolves the target's host through the system's resolver and admits what it finds.
    pub async fn resolve_stream(&self, target: &StreamTarget) -> Result<Vec<IpAddr>, Rejected> {
        match &target.host {
            Host::Ipv4(address) => self.admit_stream(target, [IpAddr::V4(*address)]),
            Host::Ipv6(address) => self.admit_stream(target, [IpAddr::V6(*address)]),
            Host::Domain(name) => {
                let admitted = self.admit_name(name, resolve::system(name)).await?;
                self.admit_stream(target, admitted)
            }
        }
    }

    fn admit_stream(
        &self,
        target: &StreamTarget,
        found: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Vec<IpAddr>, Rejected> {
        let mut admitted = self.admit(found)?;
        if !target.tls && !self.allow_http {
            admitted.retain(|address| self.allowed_subnets.iter().any(|subnet| subnet.contains(address)));
        }
        if admitted.is_empty() { Err(Rejected::NotTls) } else { Ok(admitted) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(policy: &AddressPolicy, text: &str) -> &'static str {
        policy.stream_target(text).map_or_else(|rejected| rejected.reason(), |_| "accepted")
    }

    #[test]
    fn only_tls_to_public_addresses_and_ports_of_syslog() {
        let strict = AddressPolicy::strict();
        for (text, reason) in [
            ("tls://logs.example.com:6514", "accepted"),
            ("tls://logs.example.com:6514/", "accepted"),
            ("tls://8.8.8.8:514", "accepted"),
            ("tls://logs.example.com:443", "port_not_allowed"),
            ("tls://logs.example.com", "invalid_url"),
            ("tls://logs.example.com:6514/path", "invalid_url"),
            ("tls://logs.example.com:6514?a", "invalid_url"),
            ("tls://user@logs.example.com:6514", "credentials_in_url"),
            ("tls://10.0.0.1:6514", "private_address"),
            ("tls://0x7f.1:6514", "private_address"),
            ("tls://[::1]:6514", "private_address"),
            ("tls://[::ffff:127.0.0.1]:6514", "private_address"),
            ("tls://:6514", "invalid_url"),
            ("tls:// a:6514", "invalid_url"),
            ("tls://{tenant}.example.com:6514", "placeholder_in_url"),
            ("tls://logs..example.com:6514", "invalid_host_name"),
            ("tls://logs:6514", "invalid_host_name"),
            ("tls://logs.invalid:6514", "reserved_name"),
            ("tls://localhost:6514", "private_address"),
            ("tls://0x08080808:6514", "would_be_rewritten"),
            ("tls:///logs.example.com:6514", "would_be_rewritten"),
            ("tls://logs.example.com:06514", "would_be_rewritten"),
            ("tcp://logs.example.com:514", "not_tls"),
            ("https://logs.example.com:6514", "not_tls"),
        ] {
            assert_eq!(refused(&strict, text), reason, "{text}");
        }
    }

    #[test]
    fn without_tls_only_where_the_operator_allows() {
        let inside = AddressPolicy {
            allowed_subnets: vec!["10.1.0.0/16".parse().expect("a network")],
            ..AddressPolicy::strict()
        };
        assert_eq!(refused(&inside, "tcp://10.1.2.3:514"), "accepted");
        assert_eq!(refused(&inside, "tcp://10.2.2.3:514"), "private_address");
        assert_eq!(refused(&inside, "tcp://8.8.8.8:514"), "not_tls");
        assert_eq!(refused(&AddressPolicy::local(), "tcp://127.0.0.1:40001"), "accepted");
        let shown = AddressPolicy::local().stream_target("tcp://[::1]:443").expect("a target").to_string();
        assert_eq!(shown, "tcp://[::1]:443");
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_accepted_again_as_it_is_shown(text in "(tls|tcp)://(\\PC{0,20}|[a-z0-9.]{1,10}|\\[[0-9a-f:]{2,8}\\])(:[0-9]{1,6})?/?") {
            for policy in [AddressPolicy::strict(), AddressPolicy::local()] {
                if let Ok(target) = policy.stream_target(&text) {
                    prop_assert_eq!(policy.stream_target(&target.to_string()), Ok(target));
                }
            }
        }
    }
}
