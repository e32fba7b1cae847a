//! The receivers' book: which events were taken, how often, and when first. Only what is signed rightly counts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::wire::Request;

/// Shared by all receivers of a scenario.
#[derive(Debug, Clone, Default)]
pub(super) struct Book(Arc<Mutex<HashMap<String, Page>>>);

/// What came to one path.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    /// The webhook's key, once it is known.
    pub(super) key: Vec<u8>,
    /// The events that were taken.
    pub(super) taken: HashMap<String, Taken>,
    /// Requests, taken or not.
    pub(super) requests: u64,
    /// Requests that nobody who knows the secret has signed.
    pub(super) forged: u64,
}

/// An event that was taken.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) first: Instant,
    /// The numbers of the attempts that brought it.
    pub(super) attempts: Vec<String>,
}

impl Book {
    /// The secret of the webhook of a path, as the API showed it.
    pub(super) fn open(&self, path: &str, secret: &str) {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
        self.pages().entry(path.to_owned()).or_default().key = key;
    }

    /// A request that has come whole. It is taken where the receiver says 2xx, or will.
    pub(super) fn note(&self, request: &Request, is_taken: bool) {
        let mut pages = self.pages();
        let page = pages.entry(request.path.clone()).or_default();
        page.requests += 1;
        if !is_signed(&page.key, request) {
            page.forged += 1;
        } else if is_taken {
            let id = request.header("webhook-id").to_owned();
            let new = || Taken { first: Instant::now(), attempts: Vec::new() };
            let taken = page.taken.entry(id).or_insert_with(new);
            taken.attempts.push(request.header("x-webhook-attempt").to_owned());
        }
    }

    /// How many requests have come to a path.
    pub(super) fn requests(&self, path: &str) -> u64 {
        self.pages().get(path).map_or(0, |page| page.requests)
    }

    /// How many different events a path has taken.
    pub(super) fn count(&self, path: &str) -> usize {
        self.pages().get(path).map_or(0, |page| page.taken.len())
    }

    pub(super) fn page(&self, path: &str) -> Page {
        self.pages().get(path).cloned().unwrap_or_default()
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<String, Page>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As Standard Webhooks has it, but for the age: here clocks jump.
fn is_signed(key: &[u8], request: &Request) -> bool {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else { return false };
    mac.update(request.header("webhook-id").as_bytes());
    mac.update(b".");
    mac.update(request.header("webhook-timestamp").as_bytes());
    mac.update(b".");
    mac.update(&request.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    !key.is_empty() && request.header("webhook-signature").split(' ').any(|signature| signature == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn request(id: &str, body: &[u8], signed: &[u8]) -> Request {
        let key = STANDARD.decode(&SECRET[6..]).unwrap();
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.7.").as_bytes());
        mac.update(signed);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let headers = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", "7".to_owned()),
            ("webhook-signature", format!("v1a,other v1,{signature}")),
            ("x-webhook-attempt", "1".to_owned()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
        Request { path: "/hook".to_owned(), headers, body: body.to_vec() }
    }

    #[test]
    fn only_what_is_signed_and_taken_counts() {
        let book = Book::default();
        book.note(&request("a", b"{}", b"{}"), true);
        assert_eq!((book.page("/hook").forged, book.count("/hook")), (1, 0), "no secret is known yet");
        book.open("/hook", SECRET);
        book.note(&request("a", b"{}", b"{}"), false);
        assert_eq!(book.count("/hook"), 0, "the receiver did not take it");
        book.note(&request("a", b"{}", b"{}"), true);
        book.note(&request("a", b"{}", b"{}"), true);
        book.note(&request("b", b"{ }", b"{}"), true);
        let page = book.page("/hook");
        assert_eq!((page.requests, page.forged, page.taken.len()), (5, 2, 1));
        assert_eq!(page.taken["a"].attempts, ["1", "1"]);
        assert_eq!((book.requests("/hook"), book.requests("/other")), (5, 0));
    }
}
