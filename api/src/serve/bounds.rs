//! What the server's clients may take of it.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use rustix::process::{Resource, getrlimit};

use crate::cli::ConnectionArgs;

/// Connections at once where nothing is said and files are plenty.
const CONNECTIONS: u32 = 10_000;
/// Files for what is no connection to the API: listeners, the operations port, the storage, files of imports, Redis, logs.
const OTHER_FILES: u32 = 64;

/// The bounds of connections.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections at once.
    pub connections: u32,
    /// Of one address.
    pub of_address: u32,
    /// Proxies: their connections are many clients', and are not counted by address.
    pub trusted: Vec<IpNet>,
    /// The time of a request's headers.
    pub header_deadline: Duration,
    /// The time between two requests.
    pub idle_deadline: Duration,
    /// The time in which a client takes nothing of an answer.
    pub stall_deadline: Duration,
    /// Requests of an HTTP/2 connection at once.
    pub http2_streams: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            of_address: CONNECTIONS / 2,
            trusted: Vec::new(),
            header_deadline: Duration::from_secs(10),
            idle_deadline: Duration::from_secs(75),
            stall_deadline: Duration::from_secs(60),
            http2_streams: 32,
        }
    }
}

impl Bounds {
    /// The bounds of the settings, where the database has so many connections.
    pub fn of(settings: &ConnectionArgs, database_connections: u32, trusted: &[IpNet]) -> Self {
        let room = room(file_limit(), database_connections);
        let connections = settings.connections.unwrap_or(CONNECTIONS).min(room);
        if settings.connections.is_some_and(|wanted| wanted > room) {
            tracing::warn!(room, "TENON_CONNECTIONS is more than the limit of open files leaves");
        }
        let of_address = match settings.connections_of_address {
            None => (connections / 2).max(1),
            Some(0) => u32::MAX,
            Some(count) => count,
        };
        Self {
            connections,
            of_address,
            trusted: trusted.to_vec(),
            header_deadline: settings.header_deadline,
            idle_deadline: settings.idle_deadline,
            stall_deadline: settings.client_stall_deadline,
            http2_streams: settings.http2_streams,
        }
    }

    /// Whom a connection is counted for; none for a trusted proxy.
    pub(super) fn counted(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if self.trusted.iter().any(|network| network.contains(&peer)) {
            return None;
        }
        Some(match peer {
            IpAddr::V4(_) => peer,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        })
    }

    /// How often deadlines are looked at.
    pub(super) fn look_every(&self) -> Duration {
        self.header_deadline.min(self.idle_deadline).min(self.stall_deadline) / 2
    }
}

/// How many files the process may have open; none where that has no bound.
fn file_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How many connections a limit of files leaves: at least half of it, whatever else is asked for.
fn room(files: Option<u64>, database_connections: u32) -> u32 {
    let Some(files) = files else { return u32::MAX };
    let files = u32::try_from(files).unwrap_or(u32::MAX);
    files.saturating_sub(database_connections.saturating_add(OTHER_FILES)).max(files / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_everything_else() {
        assert_eq!(room(Some(256), 8), 184);
        assert_eq!(room(Some(1024), 8), 952);
        assert_eq!(room(Some(64), 8), 32);
        assert_eq!(room(Some(u64::MAX), 8), u32::MAX - 72);
        assert_eq!(room(None, 8), u32::MAX);
    }

    #[test]
    fn proxies_are_not_counted_and_ipv6_is_by_network() {
        let bounds = Bounds { trusted: vec!["10.0.0.0/8".parse().expect("a network")], ..Bounds::default() };
        let counted = |peer: &str| bounds.counted(peer.parse().expect("an address")).map(|ip| ip.to_string());
        assert_eq!(counted("10.1.2.3"), None);
        assert_eq!(counted("::ffff:10.1.2.3"), None);
        assert_eq!(counted("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(counted("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::"));
    }
}
