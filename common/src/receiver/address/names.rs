//! Names of hosts that can never be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{AddressPolicy, Rejected};

/// RFC 1035 2.3.4, without the root's dot.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Top-level names that nobody resolves: RFC 6761 (`.invalid`, `.example`), RFC 7686, RFC 9476.
const NOWHERE: [&str; 4] = ["invalid", "example", "onion", "alt"];
/// Those that only an operator's own network may resolve: RFC 6761, RFC 6762, RFC 8375, and `.internal`, which ICANN has set aside.
const INSIDE: [&str; 4] = ["test", "local", "internal", "home.arpa"];

impl AddressPolicy {
    /// Refuses names, in the form of punycode, that the domain name system cannot have or never will.
    pub(super) fn check_name(&self, name: &str) -> Result<(), Rejected> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let wrong = if name.split('.').any(str::is_empty) {
            "has two dots in a row, or begins with one"
        } else if name.len() > MAX_NAME {
            "is longer than 253 characters"
        } else if name.split('.').any(|label| label.len() > MAX_LABEL) {
            "has a part of more than 63 characters"
        } else if !name.bytes().all(is_of_names) {
            "has characters other than letters, digits, hyphens, underscores and dots"
        } else if !name.contains('.') && !self.reaches_inside() {
            "has no dot: only a network of its own could resolve it"
        } else {
            return self.check_reserved(name);
        };
        Err(Rejected::InvalidHostName(wrong))
    }

    fn check_reserved(&self, name: &str) -> Result<(), Rejected> {
        let inside = INSIDE.iter().filter(|_| !self.reaches_inside());
        match NOWHERE.iter().chain(inside).find(|reserved| is_under(name, reserved)) {
            Some(reserved) => Err(Rejected::ReservedName(reserved)),
            None => Ok(()),
        }
    }

    /// `localhost` and names under it are this machine, whatever a resolver says.
    pub(super) fn check_localhost(&self, name: &str) -> Result<(), Rejected> {
        if !is_under(name.strip_suffix('.').unwrap_or(name), "localhost") {
            return Ok(());
        }
        let this_machine = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        self.admit(this_machine).map(drop)
    }

    /// Whether the operator lets anything go to a network that is not public, whose names others cannot know.
    fn reaches_inside(&self) -> bool {
        !self.allowed_subnets.is_empty()
    }
}

fn is_under(name: &str, suffix: &str) -> bool {
    let Some(at) = name.len().checked_sub(suffix.len()) else { return false };
    let same = name.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(suffix));
    same && (at == 0 || name.as_bytes().get(at - 1) == Some(&b'.'))
}
