//! What is taken from a receiver's answer: its status, two headers where they are there, and a little of its body. The status decides.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::RETRY_AFTER;
use reqwest::Response;

use super::http_date;
use super::result::{AttemptResult, Outcome};

/// Bytes of a body that are read so that the connection can be used again. A longer one is dropped with
/// its connection.
const READ_AT_MOST: usize = 64 * 1024;
/// How long a body is read, within the attempt's deadline: what has not ended by then is dropped with its connection, so that an answer
/// without an end keeps nobody's turn.
pub(super) const READ_FOR: Duration = Duration::from_secs(1);
/// Bytes of a body that are kept.
const EXCERPT: usize = 1024;
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What the status line and the headers say.
pub(super) fn judge(status: u16, headers: &HeaderMap, now: DateTime<Utc>) -> AttemptResult {
    let outcome = Outcome::of_status(status);
    let advice =
        headers.get("webhook-delivery").and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    AttemptResult {
        outcome,
        status: Some(status),
        duration: Duration::ZERO,
        error: (outcome != Outcome::Success).then(|| explain(status)),
        response_excerpt: None,
        retry_after: matches!(status, 429 | 502..=504).then(|| retry_after(headers, now)).flatten(),
        disable_requested: status == 410 || advice.eq_ignore_ascii_case("disable"),
        abort_requested: advice.eq_ignore_ascii_case("abort-message"),
    }
}

fn explain(status: u16) -> String {
    match status {
        300..=399 => format!("the receiver answered {status}; redirections are not followed"),
        _ => format!("the receiver answered {status}"),
    }
}

/// Seconds, or a date in any of the forms of HTTP. One that is over means now.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits for a number are a long time.
        text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        (http_date::parse(text, now)? - now).to_std().unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// Reads the body to its end, until it breaks off, or until it has been more than [`READ_AT_MOST`]. What is kept of it is in `excerpt`
/// even if this is dropped half-way.
pub(super) async fn read(mut response: Response, excerpt: &mut Vec<u8>) {
    let mut read = 0;
    while read <= READ_AT_MOST
        && let Ok(Some(chunk)) = response.chunk().await
    {
        read += chunk.len();
        let wanted = (EXCERPT - excerpt.len()).min(chunk.len());
        excerpt.extend_from_slice(&chunk[..wanted]);
    }
}

/// The excerpt as text that PostgreSQL can keep.
pub(super) fn excerpt_text(mut bytes: Vec<u8>) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    // A character that was cut in two is left out rather than shown as damage.
    if bytes.len() == EXCERPT
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    Some(String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(status: u16, value: &str) -> Option<u64> {
        let now = "2025-11-02T10:00:00Z".parse().expect("an instant");
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("a header value"))]);
        judge(status, &headers, now).retry_after.map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_in_seconds_and_in_dates_of_all_forms() {
        assert_eq!(waits(429, "7"), Some(7));
        assert_eq!(waits(503, " 120 "), Some(120));
        assert_eq!(waits(503, "Sun, 02 Nov 2025 10:01:30 GMT"), Some(90));
        assert_eq!(waits(503, "Sunday, 02-Nov-25 10:01:30 GMT"), Some(90));
        assert_eq!(waits(503, "Sun Nov  2 10:01:30 2025"), Some(90));
        assert_eq!(waits(503, "Sun, 02 Nov 2025 09:00:00 GMT"), Some(0));
        assert_eq!(waits(503, "Saturday, 02-Nov-85 09:00:00 GMT"), Some(0));
        assert_eq!(waits(503, "Sun, 01 Nov 2026 10:00:00 GMT"), Some(86_400));
        assert_eq!(waits(502, "999999"), Some(86_400));
        assert_eq!(waits(504, "99999999999999999999999"), Some(86_400));
        for refused in ["", "-1", "1.5", "soon", "0x10"] {
            assert_eq!(waits(503, refused), None, "{refused}");
        }
        assert_eq!(waits(500, "7"), None);
        assert_eq!(waits(404, "7"), None);
    }

    #[test]
    fn what_receivers_ask_for() {
        let advice = |status, value: &'static str| {
            let headers = HeaderMap::from_iter([(
                "webhook-delivery".parse().expect("a name"),
                value.parse().expect("a value"),
            )]);
            let result = judge(status, &headers, Utc::now());
            (result.disable_requested, result.abort_requested)
        };
        assert_eq!(advice(410, ""), (true, false));
        assert_eq!(advice(200, "disable"), (true, false));
        assert_eq!(advice(400, "Abort-Message"), (false, true));
        assert_eq!(advice(500, "something else"), (false, false));
    }

    #[test]
    fn excerpts_are_storable_text() {
        assert_eq!(excerpt_text(Vec::new()), None);
        assert_eq!(excerpt_text(b"a\0b\xff".to_vec()).as_deref(), Some("a\u{fffd}b\u{fffd}"));
        let cut = ["x".repeat(EXCERPT - 1).as_bytes(), &"é".as_bytes()[..1]].concat();
        assert_eq!(excerpt_text(cut), Some("x".repeat(EXCERPT - 1)));
    }
}
