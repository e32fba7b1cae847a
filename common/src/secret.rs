//! One master key, a key derived from it for each purpose (HKDF-SHA-256, RFC 5869), and sealing with AES-256-GCM.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// What a key is for. Keys of different purposes have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Webhook secrets in the database.
    WebhookSecret,
    /// The private halves of the keys that sign webhooks beside their secrets.
    WebhookSigningKey,
    /// Headers of webhooks' own in the database.
    WebhookHeaders,
    /// Secrets of audit sinks in the database.
    AuditSinkSecret,
    /// The private halves of the keys that sign access tokens.
    SigningKey,
    /// The signature of list cursors.
    Cursor,
    /// Answers that are saved under idempotency keys.
    SavedAnswer,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::WebhookSecret => b"tenon webhook secret",
            Self::WebhookSigningKey => b"tenon webhook signing key",
            Self::WebhookHeaders => b"tenon webhook headers",
            Self::AuditSinkSecret => b"tenon audit sink secret",
            Self::SigningKey => b"tenon signing key",
            Self::Cursor => b"tenon cursor",
            Self::SavedAnswer => b"tenon saved answer",
        }
    }
}

/// The installation's master key: `TENON_SECRET_KEY`, 32 bytes in base64. Without it the servers do not start.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// The first byte of what is sealed: which key sealed it. There is one; a rotation adds the next.
const KEY_ID: u8 = 1;

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl MasterKey {
    /// Reads the key from its setting.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected 32 bytes in base64 (make one with: openssl rand -base64 32)";
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| expected.to_owned())?);
        let key: [u8; 32] =
            bytes.as_slice().try_into().map_err(|_| format!("{expected}, got {}", bytes.len()))?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// 32 bytes for a purpose.
    pub fn derive(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, b"tenon")
            .extract(self.0.as_slice())
            .expand(&[purpose.label()], Length(32))
            .and_then(|okm| okm.fill(key.as_mut_slice()))
            .expect("32 bytes are within what HKDF gives");
        key
    }

    /// Seals bytes for a purpose and a place: `context` names the row (its id), so that a sealed value that is copied to
    /// another row does not open there.
    pub fn seal(&self, purpose: Purpose, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .cipher(purpose)
            .seal_in_place_append_tag(Aad::from(context), &mut sealed)
            .expect("sealing fails only beyond 64 GiB");
        [&[KEY_ID], nonce.as_ref().as_slice(), &sealed].concat()
    }

    /// Opens what [`MasterKey::seal`] sealed for the same purpose and place.
    pub fn open(&self, purpose: Purpose, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let failed =
            || Error::internal(format!("a sealed {purpose:?} does not open: was TENON_SECRET_KEY changed?"));
        let (&key_id, rest) = sealed.split_first().ok_or_else(failed)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        if key_id != KEY_ID {
            return Err(failed());
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .cipher(purpose)
            .open_in_place(nonce, Aad::from(context), &mut text)
            .map_err(|_| failed())?
            .len();
        text.truncate(length);
        Ok(text)
    }

    fn cipher(&self, purpose: Purpose) -> RandomizedNonceKey {
        RandomizedNonceKey::new(&AES_256_GCM, self.derive(purpose).as_slice()).expect("the key has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MasterKey {
        MasterKey::parse(&STANDARD.encode([7; 32])).expect("32 bytes")
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let sealed = key().seal(Purpose::WebhookSecret, b"row 1", b"secret");
        assert_eq!(
            key().open(Purpose::WebhookSecret, b"row 1", &sealed).expect("opens").as_slice(),
            b"secret"
        );
        assert!(key().open(Purpose::WebhookSecret, b"row 2", &sealed).is_err());
        assert!(key().open(Purpose::SigningKey, b"row 1", &sealed).is_err());
        for cut in 0..sealed.len() {
            assert!(key().open(Purpose::WebhookSecret, b"row 1", &sealed[..cut]).is_err());
        }
    }

    #[test]
    fn a_key_of_the_wrong_length_is_named() {
        assert!(MasterKey::parse("c2hvcnQ=").expect_err("too short").contains("got 5"));
        assert!(MasterKey::parse("no base64!").is_err());
        assert_eq!(format!("{:?}", key()), "MasterKey(…)");
    }
}
