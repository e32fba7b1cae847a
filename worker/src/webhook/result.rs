//! What came of an attempt.

use std::time::Duration;

/// The outcome of an attempt, in the words of `tenon_webhook_attempts_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The head of a 2xx came within the deadline, whatever became of its body.
    Success,
    /// A redirection; it is never followed.
    Http3xx,
    /// A 4xx.
    Http4xx,
    /// A 5xx, or a status that is none of the others.
    Http5xx,
    /// The deadline passed before the head of an answer had come.
    Timeout,
    /// No connection, or nothing on it that is the head of an HTTP answer.
    Connect,
    /// The name does not resolve, or to addresses alone that the address guard refuses: nobody is to find out which names there are inside.
    Dns,
    /// The TLS handshake failed: most often the certificate.
    Tls,
    /// The address guard refused the URL as it is written.
    SsrfBlocked,
}

impl Outcome {
    /// The outcome of an answer with this status.
    pub const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            300..=399 => Self::Http3xx,
            400..=499 => Self::Http4xx,
            _ => Self::Http5xx,
        }
    }

    /// The label value in metrics, and the word in the attempt's row.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Http3xx => "http_3xx",
            Self::Http4xx => "http_4xx",
            Self::Http5xx => "http_5xx",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::SsrfBlocked => "ssrf_blocked",
        }
    }
}

/// One finished attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptResult {
    /// What it counts as.
    pub outcome: Outcome,
    /// The status of the answer, where one came.
    pub status: Option<u16>,
    /// From the start of `send` to its end.
    pub duration: Duration,
    /// In words for the webhook's owner, unless it succeeded.
    pub error: Option<String>,
    /// The first KiB of the answer's body, if it had one; without NUL, which PostgreSQL's text refuses.
    pub response_excerpt: Option<String>,
    /// `Retry-After` of a 429, 502, 503 or 504; at most 24 hours.
    pub retry_after: Option<Duration>,
    /// The receiver wants no more of anything: 410, or `webhook-delivery: disable`.
    pub disable_requested: bool,
    /// The receiver wants no more of this message: `webhook-delivery: abort-message`.
    pub abort_requested: bool,
}

impl AttemptResult {
    pub(super) fn failed(outcome: Outcome, error: impl Into<String>) -> Self {
        Self {
            outcome,
            status: None,
            duration: Duration::ZERO,
            error: Some(error.into()),
            response_excerpt: None,
            retry_after: None,
            disable_requested: false,
            abort_requested: false,
        }
    }

    /// Whether the event was delivered.
    pub fn is_success(&self) -> bool {
        self.outcome == Outcome::Success
    }

    /// Whether it says that the receiver is down or overloaded, rather than that it refused this message.
    pub fn receiver_is_unwell(&self) -> bool {
        match self.outcome {
            Outcome::Timeout | Outcome::Connect | Outcome::Dns | Outcome::Tls | Outcome::Http5xx => true,
            Outcome::Http4xx => self.status == Some(429),
            Outcome::Success | Outcome::Http3xx | Outcome::SsrfBlocked => false,
        }
    }

    /// Counts it in the metrics; `attempt` counts from 1.
    pub fn count(&self, attempt: u32) {
        let outcome = self.outcome.label();
        let attempt = match attempt {
            0 | 1 => "1",
            2 => "2",
            3 => "3",
            4 => "4",
            _ => "5+",
        };
        metrics::counter!("tenon_webhook_attempts_total", "outcome" => outcome, "attempt" => attempt)
            .increment(1);
        metrics::histogram!("tenon_webhook_attempt_duration_seconds", "outcome" => outcome)
            .record(self.duration);
    }
}
