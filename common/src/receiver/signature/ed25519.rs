//! Ed25519 (RFC 8032) beside HMAC: who can verify these signatures cannot make any. Texts are as the Standard Webhooks specification has them:
//! the public key `whpk_` and base64 of its 32 bytes, a signature `v1a,` and base64 of its 64. The private key, `whsk_` there, is shown to
//! nobody here.

use std::fmt;

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::Signatures;
use crate::error::{Error, Result};
use crate::secret::{MasterKey, Purpose};

const PUBLIC_PREFIX: &str = "whpk_";
/// ` v1a,` and 88 characters.
const SIGNATURE_LENGTH: usize = 93;

/// A key that signs. Its `Debug` does not show it.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new one.
    ///
    /// # Panics
    /// Where the system has no randomness.
    pub fn generate() -> Self {
        Self(Ed25519KeyPair::generate().expect("the system's randomness works"))
    }

    /// The key of these 32 bytes, which RFC 8032 calls the private key.
    fn of_seed(seed: &[u8]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        pair.map(Self).map_err(|_| Error::internal("32 bytes are no Ed25519 key"))
    }

    /// The `whpk_…` text that verifies.
    pub fn public(&self) -> String {
        let mut text = PUBLIC_PREFIX.to_owned();
        STANDARD.encode_string(self.0.public_key(), &mut text);
        text
    }

    /// Sealed for a purpose and the row with this id.
    ///
    /// # Panics
    /// Never: a key that was made or read has its private half.
    pub(crate) fn seal(&self, master: &MasterKey, purpose: Purpose, row: Uuid) -> Vec<u8> {
        let seed = self.0.seed().and_then(|seed| seed.as_be_bytes()).expect("the pair has a private half");
        master.seal(purpose, row.as_bytes(), seed.as_ref())
    }

    /// Opens what [`SigningKey::seal`] sealed for the same purpose and row.
    pub(crate) fn open(master: &MasterKey, purpose: Purpose, row: Uuid, sealed: &[u8]) -> Result<Self> {
        Self::of_seed(&master.open(purpose, row.as_bytes(), sealed)?)
    }

    fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.0.sign(message))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl Signatures {
    /// Adds `v1a,<base64>` of each key to `webhook-signature`, of the same content that the secrets sign there. `X-Webhook-Signature` has no
    /// word for them. Costs nothing without keys; with them the body is copied once.
    pub fn add(&mut self, keys: &[SigningKey], id: &str, timestamp: i64, body: &[u8]) {
        if keys.is_empty() {
            return;
        }
        let mut message = format!("{id}.{timestamp}.").into_bytes();
        message.extend_from_slice(body);
        self.standard.reserve(keys.len() * SIGNATURE_LENGTH);
        for key in keys {
            self.standard.push_str(" v1a,");
            self.standard.push_str(&key.sign(&message));
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;
    use crate::receiver::signature::{Secret, sign};

    /// RFC 8032, section 7.1: private key, public key, message, signature.
    const VECTORS: [[&str; 4]; 3] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        hex::decode(hex).expect("hex digits")
    }

    fn verifies(public: &str, message: &[u8], signature: &str) -> bool {
        let public = STANDARD.decode(public.strip_prefix("whpk_").expect("the prefix")).expect("base64");
        let signature = STANDARD.decode(signature).expect("base64");
        UnparsedPublicKey::new(&ED25519, public).verify(message, &signature).is_ok()
    }

    #[test]
    fn the_vectors_of_rfc_8032() {
        for [private, public, message, signature] in VECTORS {
            let key = SigningKey::of_seed(&bytes(private)).expect("a key");
            assert_eq!(key.public(), format!("whpk_{}", STANDARD.encode(bytes(public))));
            assert_eq!(key.sign(&bytes(message)), STANDARD.encode(bytes(signature)), "{message}");
        }
    }

    #[test]
    fn a_sealed_key_opens_for_its_row_alone_and_is_the_same() {
        let master = MasterKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("32 bytes");
        let (key, row) = (SigningKey::generate(), Uuid::from_u128(1));
        let sealed = key.seal(&master, Purpose::WebhookSigningKey, row);
        let open = |purpose, row| SigningKey::open(&master, purpose, Uuid::from_u128(row), &sealed);
        let opened = open(Purpose::WebhookSigningKey, 1).expect("opens");
        assert_eq!((opened.public(), opened.sign(b"message")), (key.public(), key.sign(b"message")));
        assert!(open(Purpose::WebhookSigningKey, 2).is_err() && open(Purpose::WebhookSecret, 1).is_err());
        assert_ne!(SigningKey::generate().public(), key.public());
        assert_eq!(format!("{key:?}"), "SigningKey(…)");
    }

    #[test]
    fn every_key_signs_what_the_secrets_sign() {
        let (id, timestamp, body) = ("evt_1", 1_762_077_600, "{\"name\":\"Zoë\"}".as_bytes());
        let keys = [SigningKey::generate(), SigningKey::generate()];
        let mut signatures = sign(&[Secret::generate(), Secret::generate()], id, timestamp, body);
        let before = signatures.clone();
        signatures.add(&[], id, timestamp, body);
        assert_eq!(signatures, before);
        signatures.add(&keys, id, timestamp, body);
        assert_eq!(signatures.plain, before.plain);
        let words: Vec<&str> = signatures.standard.split(' ').collect();
        assert_eq!(words.len(), 4);
        assert!(words[..2].iter().all(|word| word.starts_with("v1,")));
        let message = [b"evt_1.1762077600.", body].concat();
        for (key, word) in keys.iter().zip(&words[2..]) {
            let signature = word.strip_prefix("v1a,").expect("of a key");
            assert!(verifies(&key.public(), &message, signature));
            assert!(!verifies(&key.public(), body, signature));
        }
    }
}
