//! One attempt: one POST, under one deadline.

use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use http::{HeaderMap, Method};
use reqwest::Response;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::client::Sender;
use super::result::{AttemptResult, Outcome};
use super::{answer, failure, reuse};

/// The usual deadline of an attempt.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Times a request is sent once more because a kept connection turned out to be closed.
const STALE_CONNECTIONS: usize = 3;

/// What to send.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Where to; checked again here.
    pub url: &'a Url,
    /// All headers, as [`Endpoint::headers`](super::message::Endpoint::headers) makes them.
    pub headers: HeaderMap,
    /// The body as it was signed; shared, never copied.
    pub body: Bytes,
    /// For all of it: name, connection, handshake, and the head of the answer. Its body is read for a second at most.
    pub deadline: Duration,
}

impl Sender {
    /// Sends, and says what came of it; it never fails. Takes no longer than the deadline.
    pub async fn send(&self, request: Request<'_>) -> AttemptResult {
        let started = Instant::now();
        let mut result = match self.policy.check(request.url) {
            Ok(()) => self.exchange(&request, started + request.deadline).await,
            Err(rejected) => {
                let (outcome, error) = failure::refused(&rejected);
                AttemptResult::failed(outcome, error)
            }
        };
        result.duration = started.elapsed();
        result
    }

    async fn exchange(&self, request: &Request<'_>, end: Instant) -> AttemptResult {
        let response = match timeout_at(end, self.post(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let (outcome, text) = failure::explain(&error);
                return AttemptResult::failed(outcome, text);
            }
            Err(_) => {
                let error = format!("no answer within {} s", request.deadline.as_secs_f32());
                return AttemptResult::failed(Outcome::Timeout, error);
            }
        };
        let mut result = answer::judge(response.status().as_u16(), response.headers(), Utc::now());
        // A success stays what it is however its body ends, and so does a refusal.
        let mut excerpt = Vec::new();
        let read_until = end.min(Instant::now() + answer::READ_FOR);
        let _ = timeout_at(read_until, answer::read(response, &mut excerpt)).await;
        result.response_excerpt = answer::excerpt_text(excerpt);
        result
    }

    async fn post(&self, request: &Request<'_>) -> Result<Response, reqwest::Error> {
        let mut left = STALE_CONNECTIONS;
        loop {
            let (answer, connected) = reuse::watch(self.client.execute(client_request(request))).await;
            match answer {
                Err(error) if left > 0 && !connected && failure::closed_before_answer(&error) => left -= 1,
                answer => return answer,
            }
        }
    }
}

fn client_request(request: &Request<'_>) -> reqwest::Request {
    let mut post = reqwest::Request::new(Method::POST, request.url.clone());
    *post.headers_mut() = request.headers.clone();
    *post.body_mut() = Some(request.body.clone().into());
    post
}
