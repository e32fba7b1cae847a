//! What a counted answer says of its limits: `X-RateLimit-*` of the tightest policy, and `RateLimit-Policy` and `RateLimit` as the
//! draft of the IETF has them (structured fields, RFC 9651).

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use poem::http::{HeaderMap, HeaderName, HeaderValue};

use super::policy::{Standings, tightest};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// The headers' names and what they say, for the document.
pub const DOCUMENTED: [(&str, &str); 5] = [
    ("X-RateLimit-Limit", "How many requests the tightest policy allows."),
    ("X-RateLimit-Remaining", "How many of them are left."),
    ("X-RateLimit-Reset", "When all of them are there again, in seconds since 1970."),
    (
        "RateLimit-Policy",
        "Every policy that counted the request: `\"org\";q=100;w=60, \"write\";q=1000;w=900`.",
    ),
    (
        "RateLimit",
        "Where the tightest policy stands, with the seconds until all is there again: `\"org\";r=87;t=12`.",
    ),
];

/// Writes the headers of a request that was counted.
pub fn write(headers: &mut HeaderMap, standings: &Standings) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    write_at(headers, standings, u64::try_from(now.as_micros()).unwrap_or(u64::MAX / 2));
}

fn write_at(headers: &mut HeaderMap, standings: &Standings, now: u64) {
    let Some(tightest) = tightest(standings) else { return };
    headers.insert(LIMIT, tightest.rate.count.into());
    headers.insert(REMAINING, tightest.remaining.into());
    headers.insert(RESET, whole_seconds(now + tightest.reset).into());
    let mut text = String::with_capacity(64);
    for standing in standings.iter().flatten() {
        let separator = if text.is_empty() { "" } else { ", " };
        let (name, rate) = (standing.policy.name(), standing.rate);
        // Writing into a string does not fail.
        let _ = write!(text, "{separator}\"{name}\";q={};w={}", rate.count, rate.seconds);
    }
    insert(headers, POLICY, &text);
    text.clear();
    let (name, left, wait) = (tightest.policy.name(), tightest.remaining, whole_seconds(tightest.reset));
    let _ = write!(text, "\"{name}\";r={left};t={wait}");
    insert(headers, STANDING, &text);
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Microseconds as seconds, rounded up: who comes back then is not too early.
pub(super) fn whole_seconds(micros: u64) -> u64 {
    micros.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::super::policy::{Policy, Rate, Standing};
    use super::*;

    #[test]
    fn both_families_say_the_same() {
        let standing = |policy, count, seconds, remaining, reset| {
            Some(Standing { policy, rate: Rate { count, seconds }, remaining, reset, wait: 0 })
        };
        let mut headers = HeaderMap::new();
        let standings = [
            standing(Policy::Org, 100, 60, 87, 11_400_000),
            standing(Policy::Write, 1000, 900, 990, 9_000_000),
            None,
            None,
        ];
        write_at(&mut headers, &standings, 1_000_200_000);
        let expected = [
            (LIMIT, "100"),
            (REMAINING, "87"),
            (RESET, "1012"),
            (POLICY, r#""org";q=100;w=60, "write";q=1000;w=900"#),
            (STANDING, r#""org";r=87;t=12"#),
        ];
        assert!(expected.iter().all(|(name, value)| headers[name] == value), "{headers:?}");
        assert!(expected.iter().zip(DOCUMENTED).all(|((name, _), (documented, _))| *name == documented));
    }

    #[test]
    fn what_was_not_counted_says_nothing() {
        let mut headers = HeaderMap::new();
        write(&mut headers, &[None; 4]);
        assert!(headers.is_empty());
    }
}
