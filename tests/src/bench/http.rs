//! Load over HTTP/1.1 that costs the machine little: requests written as bytes, answers read no further than needed.

use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A longer wait for an answer is an error.
const PATIENCE: Duration = Duration::from_secs(35);

/// A kept connection.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request; status and body of the answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.read().await?;
            if let Some(end) = end_of_head(&self.buffer) {
                break end;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status = text.get(9..12).context("no status")?.parse()?;
        let length = content_length(text).context("an answer without a length")?;
        while self.buffer.len() < head + length {
            self.read().await?;
        }
        Ok((status, &self.buffer[head..head + length]))
    }

    async fn read(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

/// Where the body begins.
pub(super) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// What the head says of the body's length.
pub(super) fn content_length(head: &str) -> Option<usize> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

/// The API for one credential.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) key: String,
}

impl Target {
    /// A request's bytes; the path goes on after `/api/v1`.
    pub(super) fn get(&self, path: &str) -> Vec<u8> {
        let Self { address, key } = self;
        format!("GET /api/v1{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\r\n")
            .into_bytes()
    }

    /// The same with a body.
    pub(super) fn post(&self, path: &str, body: &str) -> Vec<u8> {
        let Self { address, key } = self;
        let length = body.len();
        format!(
            "POST /api/v1{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// A contact that is like no other.
    pub(super) fn contact(&self) -> Vec<u8> {
        let unique = uuid::Uuid::new_v4().simple();
        let body = format!(
            r#"{{"name":"John Doe","email":"{unique}@example.com","phone":"+1234567890","company":"ACME Corp"}}"#
        );
        self.post("/connection/contacts", &body)
    }
}

/// When clients stop.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After so many requests of all of them.
    Count(u64),
}

/// What clients did.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) done: u64,
    pub(super) elapsed: Duration,
    /// Of each request, in milliseconds.
    pub(super) latencies: Vec<f64>,
}

impl Load {
    pub(super) fn rate(&self) -> f64 {
        self.done as f64 / self.elapsed.as_secs_f64()
    }
}

/// Clients that each send the next request when they have the answer to the last; an unexpected status ends all.
pub(super) async fn load(
    address: SocketAddr,
    clients: usize,
    until: Until,
    expected: u16,
    request: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Result<Load> {
    load_and(address, clients, until, expected, request, |_| ()).await
}

/// The same, and each answer's body is shown, at once.
pub(super) async fn load_and(
    address: SocketAddr,
    clients: usize,
    until: Until,
    expected: u16,
    request: impl Fn() -> Vec<u8> + Send + Sync + 'static,
    shown: impl Fn(&[u8]) + Send + Sync + 'static,
) -> Result<Load> {
    let (request, shown, begun) = (Arc::new(request), Arc::new(shown), Arc::new(AtomicU64::new(0)));
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Connection::open(address).await?);
    }
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (request, shown, begun) = (Arc::clone(&request), Arc::clone(&shown), Arc::clone(&begun));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let number = begun.fetch_add(1, Ordering::Relaxed);
                let over = match until {
                    Until::Elapsed(time) => started.elapsed() >= time,
                    Until::Count(count) => number >= count,
                };
                if over {
                    return Ok(latencies);
                }
                let bytes = request();
                let sent = Instant::now();
                let (status, body) = tokio::time::timeout(PATIENCE, connection.exchange(&bytes)).await??;
                if status != expected {
                    bail!("{status}: {}", String::from_utf8_lossy(body));
                }
                shown(body);
                latencies.push(sent.elapsed().as_secs_f64() * 1e3);
            }
        });
    }
    let mut latencies: Vec<f64> = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        latencies.extend(ended??);
    }
    Ok(Load { done: latencies.len() as u64, elapsed: started.elapsed(), latencies })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_the_empty_line_and_tells_the_length() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let head = end_of_head(answer).unwrap();
        assert_eq!(&answer[head..], b"{}");
        assert_eq!(content_length(std::str::from_utf8(&answer[..head]).unwrap()), Some(2));
        assert_eq!(content_length("HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
