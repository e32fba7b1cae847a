//! Which addresses are public, from IANA's special-purpose address registries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const CLOSED_V4: [Ipv4Net; 17] = [
    v4(0, 0, 0, 0, 8),        // "this network"; Linux takes 0.0.0.0 for itself
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // carrier-grade NAT; Alibaba's metadata
    v4(127, 0, 0, 0, 8),      // loopback
    v4(169, 254, 0, 0, 16),   // link-local; the clouds' metadata
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments; Oracle's metadata
    v4(192, 0, 2, 0, 24),     // TEST-NET-1
    v4(192, 88, 99, 0, 24),   // 6to4 relays, withdrawn
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarking
    v4(198, 51, 100, 0, 24),  // TEST-NET-2
    v4(203, 0, 113, 0, 24),   // TEST-NET-3
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, and broadcast
    v4(168, 63, 129, 16, 32), // public by the registry, but the host agent of every Azure machine
    v4(192, 31, 196, 0, 24),  // AS112: black holes for reverse lookups
];

/// The only block from which global unicast addresses are assigned. Outside it are loopback, v4-mapped
/// and v4-compatible addresses, NAT64, discard (100::/64), SRv6 (5f00::/16), unique-local, link-local,
/// site-local and multicast: all refused without naming them.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

const CLOSED_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 0, 23),     // protocol assignments: Teredo, benchmarking, ORCHID, AMT, AS112
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16),     // 6to4: embeds an IPv4 address
    v6(0x3fff, 0, 0, 20),     // documentation
];

const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);

/// Whether the address belongs to the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !CLOSED_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !CLOSED_V6.iter().any(|network| network.contains(&address))
        }
    }
}

/// The IPv4 address that a NAT64 gateway would connect to for this one.
pub(super) fn nat64_target(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}
