//! How many connections there may be, and how long their clients may keep them waiting.

use std::time::Duration;

use clap::{Args, value_parser};
use ipnet::IpNet;
use tenon_common::config::seconds;

use crate::serve::bounds::{self, Bounds};

/// What clients may take of the server before they have shown who they are.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connections")]
pub struct ConnectionArgs {
    /// Connections to the API at once. Without it 10,000, or what the process's limit of open files leaves when the database, the
    /// storage and the operations port have theirs; never more than that. Where there are as many, those that wait for a request
    /// make room.
    #[arg(long, env = "TENON_CONNECTIONS", value_name = "COUNT", global = true, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub connections: Option<u32>,
    /// How many of them may be of one address (of one /64 of IPv6). Without it half of them; 0 for no such bound. Those of
    /// TENON_TRUSTED_PROXIES are not counted.
    #[arg(long, env = "TENON_CONNECTIONS_OF_ADDRESS", value_name = "COUNT", global = true, value_parser = value_parser!(u32).range(0..=1_000_000))]
    pub connections_of_address: Option<u32>,
    /// How long the headers of a request may take to arrive, from the first byte or, of a new connection, from its beginning, in
    /// seconds.
    #[arg(long, env = "TENON_HEADER_DEADLINE", value_name = "SECONDS", default_value = "10", global = true, value_parser = seconds)]
    pub header_deadline: Duration,
    /// How long a connection may be kept without a request, in seconds.
    #[arg(long, env = "TENON_IDLE_DEADLINE", value_name = "SECONDS", default_value = "75", global = true, value_parser = seconds)]
    pub idle_deadline: Duration,
    /// How long a client may take nothing of its answer, or a page of an export (some 2 MB) at most, before it is cut off, in
    /// seconds.
    #[arg(long, env = "TENON_CLIENT_STALL_DEADLINE", value_name = "SECONDS", default_value = "60", global = true, value_parser = seconds)]
    pub client_stall_deadline: Duration,
    /// Requests of one HTTP/2 connection that are answered at once.
    #[arg(long, env = "TENON_HTTP2_STREAMS", value_name = "COUNT", default_value_t = 32, global = true, value_parser = value_parser!(u32).range(1..=1_000))]
    pub http2_streams: u32,
}

impl ConnectionArgs {
    /// The bounds, where the database has so many connections.
    pub fn bounds(&self, database_connections: u32, trusted: &[IpNet]) -> Bounds {
        let room = bounds::room(bounds::file_limit(), database_connections);
        let connections = self.connections.unwrap_or(bounds::CONNECTIONS).min(room);
        if self.connections.is_some_and(|wanted| wanted > room) {
            tracing::warn!(room, "TENON_CONNECTIONS is more than the limit of open files leaves");
        }
        let of_address = match self.connections_of_address {
            None => (connections / 2).max(1),
            Some(0) => u32::MAX,
            Some(count) => count,
        };
        Bounds {
            connections,
            of_address,
            trusted: trusted.to_vec(),
            header_deadline: self.header_deadline,
            idle_deadline: self.idle_deadline,
            stall_deadline: self.client_stall_deadline,
            http2_streams: self.http2_streams,
        }
    }
}
