//! Webhook secrets, and the two signatures that every delivery carries. Who has an Ed25519 key too: `ed25519`.
//!
//! Both are HMAC-SHA256 keyed with the decoded bytes of the secret. `webhook-signature` covers
//! `<id>.<timestamp>.<body>` as the Standard Webhooks specification has it, `X-Webhook-Signature`
//! the raw body alone.

mod ed25519;

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::{Error, FieldError};
use crate::secret::{MasterKey, Purpose};

pub use ed25519::SigningKey;

const PREFIX: &str = "whsec_";
/// Bytes of a key: what the Standard Webhooks specification allows.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
const GENERATED_LENGTH: usize = 32;
/// Characters of the longest secret, so that nothing longer is decoded.
const MAX_TEXT: usize = PREFIX.len() + KEY_LENGTHS.end().div_ceil(3) * 4;

/// The key of one webhook. It is wiped when dropped, and its `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a text is not a webhook secret. The text itself is in none of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// It does not begin with `whsec_`.
    #[error("must begin with whsec_")]
    Prefix,
    /// What follows is not padded standard base64.
    #[error("must be base64 (standard alphabet, padded) after whsec_")]
    Encoding,
    /// It decodes to fewer than 24 or more than 64 bytes.
    #[error("must be 24 to 64 bytes, base64-encoded, after whsec_")]
    Length,
}

impl Secret {
    /// A new secret of 32 random bytes.
    pub fn generate() -> Self {
        let mut key = Zeroizing::new(vec![0; GENERATED_LENGTH]);
        rand::fill(key.as_mut_slice());
        Self(key)
    }

    /// The secret with these key bytes, as they come out of encrypted storage.
    pub fn from_bytes(key: Vec<u8>) -> Result<Self, InvalidSecret> {
        let key = Zeroizing::new(key);
        if KEY_LENGTHS.contains(&key.len()) { Ok(Self(key)) } else { Err(InvalidSecret::Length) }
    }

    /// The key bytes, for encrypted storage.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The `whsec_…` text, to be shown to the webhook's owner.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_TEXT));
        text.push_str(PREFIX);
        STANDARD.encode_string(self.as_bytes(), &mut text);
        text
    }

    /// The secret that a caller gives, if it is one.
    pub(crate) fn given(text: Option<&str>) -> Result<Option<Self>, FieldError> {
        let refused =
            |_| FieldError::new("secret", "INVALID_SECRET", "Expected whsec_ and 24 to 64 bytes in base64");
        text.map(str::parse).transpose().map_err(refused)
    }

    /// Sealed for a purpose and the row with this id.
    pub(crate) fn seal(&self, master: &MasterKey, purpose: Purpose, row: Uuid) -> Vec<u8> {
        master.seal(purpose, row.as_bytes(), self.as_bytes())
    }

    /// Opens what [`Secret::seal`] sealed for the same purpose and row.
    pub(crate) fn open(
        master: &MasterKey,
        purpose: Purpose,
        row: Uuid,
        sealed: &[u8],
    ) -> Result<Self, Error> {
        let bytes = master.open(purpose, row.as_bytes(), sealed)?;
        Self::from_bytes(bytes.to_vec()).map_err(Error::internal)
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret::Prefix)?;
        if text.len() > MAX_TEXT {
            return Err(InvalidSecret::Length);
        }
        // Unpadded and non-canonical texts are refused because stock verifiers cannot decode them.
        let key = STANDARD.decode(encoded).map_err(|_| InvalidSecret::Encoding)?;
        Self::from_bytes(key)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The values of the two signature headers of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// `webhook-signature`: `v1,<base64>`, one for each secret, separated by a space.
    pub standard: String,
    /// `X-Webhook-Signature`: `sha256=<hex>`, one for each secret, separated by a comma.
    pub plain: String,
}

/// Signs `body` with each secret, the current one first; during a rotation the old one follows.
///
/// `id` is the value of `webhook-id` and must not contain a `.`; `timestamp` is the attempt's time in
/// seconds since 1970.
pub fn sign(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> Signatures {
    let head = format!("{id}.{timestamp}.");
    // 3 + 44 and 7 + 64 characters, and the separator.
    let mut standard = String::with_capacity(secrets.len() * 48);
    let mut plain = String::with_capacity(secrets.len() * 72);
    for (index, secret) in secrets.iter().enumerate() {
        if index > 0 {
            standard.push(' ');
            plain.push(',');
        }
        standard.push_str("v1,");
        STANDARD.encode_string(secret.mac(&[head.as_bytes(), body]), &mut standard);
        plain.push_str("sha256=");
        push_hex(&mut plain, &secret.mac(&[body]));
    }
    Signatures { standard, plain }
}

fn push_hex(text: &mut String, bytes: &[u8; 32]) {
    let mut digits = [0; 64];
    hex::encode_to_slice(bytes, &mut digits).expect("two digits a byte");
    text.extend(digits.map(char::from));
}

#[cfg(test)]
mod tests;
