//! Free ports, near those that the documents name.

use anyhow::{Result, bail};
use std::net::{Ipv4Addr, TcpListener};

/// The API's.
pub(super) const API: u16 = 8080;
/// The API's operations port.
pub(super) const API_OPERATIONS: u16 = 9090;
/// The worker's operations port.
pub(super) const WORKER_OPERATIONS: u16 = 9091;

/// How far a search goes.
const REACH: u16 = 200;

/// This port, or the next one that is free and not spoken for; says so where it is another.
pub(super) fn free(wanted: u16, what: &str, spoken_for: &[u16]) -> Result<u16> {
    for port in (wanted..).take(usize::from(REACH)) {
        if spoken_for.contains(&port) || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
            continue;
        }
        if port != wanted {
            eprintln!("Port {wanted} is taken: {what} is on {port}");
        }
        return Ok(port);
    }
    bail!("no port from {wanted} on is free for {what}")
}
