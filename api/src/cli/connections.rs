//! How many connections there may be, and how long their clients may keep them waiting.

use std::time::Duration;

use clap::{Args, value_parser};
use tenon_common::config::seconds;

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
