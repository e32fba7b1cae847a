//! Where requests come from, as limits see it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use moka::sync::Cache;

/// How long a network stays the home of an account after somebody has logged in there.
const HOME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An address, of IPv6 its /64, which is what one customer has; and its network, /24 or /56.
pub(super) fn of(address: IpAddr) -> (IpAddr, IpAddr) {
    match address {
        IpAddr::V4(v4) => (address, Ipv4Addr::from_bits(v4.to_bits() & 0xffff_ff00).into()),
        IpAddr::V6(v6) => {
            let first = |bits: u32| Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - bits))).into();
            (first(64), first(56))
        }
    }
}

/// Networks where somebody has logged in to an account: each process remembers those that it has seen.
#[derive(Debug)]
pub(super) struct Homes(Cache<([u8; 16], IpAddr), ()>);

impl Homes {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(100_000).time_to_idle(HOME).build())
    }

    pub(super) fn remember(&self, account: [u8; 16], network: IpAddr) {
        self.0.insert((account, network), ());
    }

    pub(super) fn knows(&self, account: [u8; 16], network: IpAddr) -> bool {
        self.0.contains_key(&(account, network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_its_network() {
        let cases = [
            ("192.0.2.7", "192.0.2.7", "192.0.2.0"),
            ("2001:db8:1:2345:6:7:8:9", "2001:db8:1:2345::", "2001:db8:1:2300::"),
        ];
        for (address, own, network) in cases {
            let found = of(address.parse().expect("an address"));
            assert_eq!((found.0.to_string(), found.1.to_string()), (own.to_owned(), network.to_owned()));
        }
    }
}
