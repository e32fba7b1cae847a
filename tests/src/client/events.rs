//! Server-Sent Events, as a client reads them.

use std::time::Duration;

use serde_json::Value;

use super::{Answer, Client};

/// How long the next event is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is being read.
#[derive(Debug)]
pub struct EventStream {
    response: reqwest::Response,
    text: String,
    /// The `id` of the last block that had one: what a client comes back with.
    pub last_id: String,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// `id`.
    pub id: String,
    /// `event`.
    pub kind: String,
    /// `data`, byte for byte.
    pub data: String,
}

impl StreamEvent {
    /// The data.
    ///
    /// # Panics
    /// Where it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

impl Client {
    /// Opens a stream, or answers the refusal.
    ///
    /// # Panics
    /// Where no answer comes.
    pub async fn events(&self, path: &str) -> Result<EventStream, Box<Answer>> {
        let url = format!("{}{path}", self.base);
        // A stream outlives the time of a request.
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build();
        let http = http.unwrap_or_else(|error| panic!("no HTTP client: {error}"));
        let request = http.get(&url).headers(self.headers.clone()).header("accept", "text/event-stream");
        let response = request.send().await.unwrap_or_else(|error| panic!("GET {url}: {error}"));
        if response.status().is_success() {
            return Ok(EventStream { response, text: String::new(), last_id: String::new() });
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap_or_else(|error| panic!("GET {url}: {error}")).into();
        Err(Box::new(Answer { asked: format!("GET {url}"), status, headers, body }))
    }
}

impl EventStream {
    /// A header of the answer.
    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The next event; none where the stream has ended.
    ///
    /// # Panics
    /// Where none comes.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            let block = self.block().await?;
            let (mut kind, mut data) = (String::new(), Vec::new());
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => id.clone_into(&mut self.last_id),
                    Some(("event", name)) => name.clone_into(&mut kind),
                    Some(("data", line)) => data.push(line),
                    _ => {}
                }
            }
            if !data.is_empty() {
                return Some(StreamEvent { id: self.last_id.clone(), kind, data: data.join("\n") });
            }
        }
    }

    /// The next lines up to an empty one, comments too; none where the stream has ended.
    ///
    /// # Panics
    /// Where none come.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("nothing comes after {PATIENCE:?}: {self:?}"));
            // A server that was killed breaks off.
            let chunk = chunk.ok()??;
            self.text += &String::from_utf8_lossy(&chunk);
        }
    }
}
