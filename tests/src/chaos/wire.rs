//! HTTP as it is on the wire: what misbehaves cannot be had from a server's library.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// More than the largest event, with its headers.
const LONGEST: usize = 1024 * 1024;

/// A connection, with TLS or without.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// When it is dropped, it is reset rather than closed.
    fn reset_when_dropped(&self);
}

impl Wire for TcpStream {
    fn reset_when_dropped(&self) {
        // A connection that has gone already cannot be reset.
        self.set_zero_linger().ok();
    }
}

impl Wire for TlsStream<TcpStream> {
    fn reset_when_dropped(&self) {
        self.get_ref().0.reset_when_dropped();
    }
}

/// A request that has come whole.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) path: String,
    /// By their names in lower case.
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// A header, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// The next request of a connection; none where the client has closed it.
pub(super) async fn read(stream: &mut impl Wire, buffer: &mut Vec<u8>) -> Result<Option<Request>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        ensure!(buffer.len() < LONGEST, "a head without an end");
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let mut request = head(std::str::from_utf8(&buffer[..end])?).context("no request")?;
    let length: usize = request.header("content-length").parse().unwrap_or_default();
    ensure!(length < LONGEST, "a body of {length} bytes");
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    request.body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    Ok(Some(request))
}

fn head(text: &str) -> Option<Request> {
    let mut lines = text.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    Some(Request { path, headers, body: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_by_names_in_lower_case() {
        let request = head("POST /hook HTTP/1.1\r\nContent-Length: 3\r\nWebhook-Id:evt_1\r\n\r\n").unwrap();
        assert_eq!((request.path.as_str(), request.header("content-length")), ("/hook", "3"));
        assert_eq!((request.header("webhook-id"), request.header("other")), ("evt_1", ""));
        assert!(head("\r\n").is_none());
    }
}
