//! The client's address. `X-Forwarded-For` is believed only as far as it was written by proxies that the operator trusts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use poem::Request;

/// The address of the nearest hop that is no trusted proxy.
pub fn address(request: &Request, trusted: &[IpNet]) -> IpAddr {
    let peer = request.remote_addr().as_socket_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    let forwarded = request.headers().get_all("x-forwarded-for");
    let hops = forwarded.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    nearest_untrusted(peer.to_canonical(), &hops.collect::<Vec<_>>(), trusted)
}

fn nearest_untrusted(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) -> IpAddr {
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let mut nearest = peer;
    for hop in forwarded.iter().rev() {
        let Some(hop) = hop_address(hop.trim()) else { break };
        nearest = hop.to_canonical();
        if !is_trusted(nearest, trusted) {
            break;
        }
    }
    nearest
}

/// An address as proxies write it: some add the port (`203.0.113.7:50112`, `[2001:db8::7]:50112`), or brackets alone.
fn hop_address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|hop: SocketAddr| hop.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        nearest_untrusted(peer.parse().expect("an address"), forwarded, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["192.0.2.66", "198.51.100.1", " 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["not an address"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1:50112", "10.0.0.2:443"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::7]:50112"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
