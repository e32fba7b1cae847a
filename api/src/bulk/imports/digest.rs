//! What an idempotency key is compared by where a file is sent: a digest of the parts, not of their order's or boundary's bytes.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::calls::once::OnceStreamed;

/// SHA-256 of each part, by its name; nothing is computed where the request has no key.
pub(super) struct Digest {
    wanted: bool,
    done: Vec<u8>,
    hash: Sha256,
}

impl Digest {
    /// Of nothing yet.
    pub(super) fn new(once: &OnceStreamed) -> Self {
        Self { wanted: once.has_key(), done: Vec::new(), hash: Sha256::new() }
    }

    /// What is added from here on belongs to this part. Parts are told apart by name and by a digest each, so that none can pass for another.
    pub(super) fn part(&mut self, name: &str) -> &mut Self {
        self.close();
        self.hash.update(name.as_bytes());
        self.hash.update([0]);
        self
    }

    /// Bytes that follow.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if self.wanted {
            self.hash.update(bytes);
        }
    }

    /// All of it.
    pub(super) fn end(mut self) -> Bytes {
        self.close();
        self.done.into()
    }

    fn close(&mut self) {
        self.done.extend_from_slice(&self.hash.finalize_reset());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let of = |parts: &[(&str, &str)]| {
            let mut digest = Digest { wanted: true, done: Vec::new(), hash: Sha256::new() };
            for (name, text) in parts {
                digest.part(name).add(text.as_bytes());
            }
            digest.end()
        };
        assert_eq!(of(&[("options", "a"), ("file", "b")]), of(&[("options", "a"), ("file", "b")]));
        assert_ne!(of(&[("options", "a"), ("file", "b")]), of(&[("options", "ab"), ("file", "")]));
        assert_ne!(of(&[("options", "a")]), of(&[("file", "a")]));
    }
}
