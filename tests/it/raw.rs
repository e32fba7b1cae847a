//! HTTP by hand, for requests that no client library sends.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer's status, headers and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn code(&self) -> String {
        let json: Value = serde_json::from_str(&self.body).unwrap_or_default();
        json["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Sends bytes and reads one answer. Nothing more is sent: an answer that waits for the rest of a body fails the test.
pub(crate) async fn exchange(address: &str, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("the API accepts");
    stream.write_all(request).await.expect("the API reads");
    let read = tokio::time::timeout(Duration::from_secs(20), read_answer(&mut stream)).await;
    read.unwrap_or_else(|_| {
        panic!("no answer to {:?}", String::from_utf8_lossy(&request[..request.len().min(200)]))
    })
}

async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= content_length(head)
        {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
            return Answer { status, head: head.to_owned(), body: body.to_owned() };
        }
        let read = stream.read_buf(&mut bytes).await.expect("the answer can be read");
        assert!(read > 0, "the answer ended early: {text}");
    }
}

fn content_length(head: &str) -> usize {
    let lines = head.lines().map(str::to_lowercase);
    let mut length =
        lines.filter_map(|line| line.strip_prefix("content-length:").map(|length| length.trim().parse()));
    length.next().and_then(Result::ok).unwrap_or_default()
}
