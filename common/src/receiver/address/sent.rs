//! Whether a URL is requested as it was written. The parser, made for browsers, mends and rewrites: a missing `//`, backslashes, `..`,
//! addresses in octal, letters that are no letters of a host. What it had to rewrite is refused, with what it made of it.

use std::net::Ipv6Addr;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;
use url::{Host, Url};

use super::Rejected;

/// Compares the text with what was parsed of it. The same are: letters of another case in scheme and host, a host in punycode, no path and
/// `/`, the scheme's own port, and what is percent-encoded on the way.
pub(super) fn check(text: &str, url: &Url) -> Result<(), Rejected> {
    let rewritten = || Rejected::WouldBeRewritten(url.to_string());
    let (scheme, rest) = text.split_once("://").ok_or_else(rewritten)?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(Rejected::CredentialsInUrl);
    }
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let (host, port) = host_and_port(authority);
    let as_sent = scheme.eq_ignore_ascii_case(url.scheme())
        && !text.contains('\\')
        && is_host(host, url)
        && port.is_none_or(|port| url.port_or_known_default().is_some_and(|known| known.to_string() == port))
        && same_bytes(if path.is_empty() { "/" } else { path }, url.path())
        && same_bytes(query.unwrap_or_default(), url.query().unwrap_or_default());
    if as_sent { Ok(()) } else { Err(rewritten()) }
}

/// The brackets of an IPv6 address are part of the host.
fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_host(text: &str, url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) if text.is_ascii() => text.eq_ignore_ascii_case(name),
        Some(Host::Domain(name)) => {
            let (unicode, decoded) = idna::domain_to_unicode(name);
            decoded.is_ok() && text.to_lowercase().nfc().eq(unicode.chars())
        }
        Some(Host::Ipv4(address)) => text == address.to_string(),
        Some(Host::Ipv6(address)) => {
            let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            inner.and_then(|text| text.parse::<Ipv6Addr>().ok()) == Some(address)
        }
        None => false,
    }
}

fn same_bytes(text: &str, encoded: &str) -> bool {
    percent_decode_str(text).eq(percent_decode_str(encoded))
}
