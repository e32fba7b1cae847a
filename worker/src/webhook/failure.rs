//! Which outcome an error of the HTTP client is.

use std::error::Error;
use std::io;
use std::iter::successors;

use tenon_common::receiver::address::Rejected;

use super::result::Outcome;

/// Characters of an error that are kept.
const MAX_TEXT: usize = 300;

/// The outcome, and what to tell the webhook's owner. The URL is not in the text.
pub(super) fn explain(error: &reqwest::Error) -> (Outcome, String) {
    if let Some(rejected) = causes(error).find_map(|cause| cause.downcast_ref::<Rejected>()) {
        return refused(rejected);
    }
    // The client's only own timeout is the one on connecting; the deadline is ours.
    if error.is_timeout() && error.is_connect() {
        return (
            Outcome::Connect,
            "no connection, or no TLS handshake on it, within the time allowed".to_owned(),
        );
    }
    let text = causes(error).last().map(ToString::to_string).unwrap_or_default();
    let outcome = match io_kind(error) {
        // rustls reports all it dislikes as invalid data, a TCP connection has none.
        Some(io::ErrorKind::InvalidData) => Outcome::Tls,
        Some(io::ErrorKind::UnexpectedEof) if error.is_connect() => Outcome::Tls,
        Some(io::ErrorKind::TimedOut) => Outcome::Timeout,
        _ => Outcome::Connect,
    };
    (outcome, text.replace('\0', "").chars().take(MAX_TEXT).collect())
}

/// What the address guard refused, in the same terms.
pub(super) fn refused(rejected: &Rejected) -> (Outcome, String) {
    let outcome = match rejected {
        Rejected::DnsFailure => Outcome::Dns,
        _ => Outcome::SsrfBlocked,
    };
    (outcome, rejected.to_string())
}

/// Whether the connection ended before any of the answer came.
pub(super) fn closed_before_answer(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    let incomplete =
        |cause: &dyn Error, hyper: &hyper::Error| hyper.is_incomplete_message() && cause.source().is_none();
    causes(error).any(|cause| cause.downcast_ref().is_some_and(|hyper| incomplete(cause, hyper)))
        || matches!(io_kind(error), Some(ConnectionReset | ConnectionAborted | BrokenPipe))
}

/// The first kind that says something; wrappers are of kind `Other`.
fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut kinds = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.find(|kind| *kind != io::ErrorKind::Other)
}

/// The error, its cause, and so on. `source` of an `io::Error` skips the error that it wraps.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}
