//! The text of a key: `tenon_<live|test>_<12 characters>_<32 characters>_<6 characters>`. The twelve find it, the 32 (190
//! bits) are the secret, the six are the CRC-32 of all before them in base62: a mistyped key is refused without a look into
//! the database, and secret scanners find keys by their form.

use rand::RngExt;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// For whom a key is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Real data.
    Live,
    /// Trials.
    Test,
}

impl Mode {
    /// `live` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The mode of a stored name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(Error::internal(format!("unknown key mode {name:?}"))),
        }
    }
}

/// A key with its secret.
#[derive(Clone)]
pub struct KeySecret {
    text: Zeroizing<String>,
    public_id: String,
}

impl std::fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySecret(…{}…)", self.public_id)
    }
}

impl KeySecret {
    /// A new key.
    pub fn generate(mode: Mode) -> Self {
        let public_id = random(12);
        let body = format!("tenon_{}_{public_id}_{}", mode.name(), random(32));
        let text = Zeroizing::new(format!("{body}_{}", checksum(&body)));
        Self { text, public_id }
    }

    /// Reads a key; none for what has not the form or whose checksum is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let (body, sum) = text.rsplit_once('_')?;
        let mut parts = body.strip_prefix("tenon_")?.split('_');
        let (mode, public_id, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let formed = matches!(mode, "live" | "test")
            && is_base62(public_id, 12)
            && is_base62(secret, 32)
            && parts.next().is_none();
        (formed && checksum(body) == sum)
            .then(|| Self { text: Zeroizing::new(text.to_owned()), public_id: public_id.to_owned() })
    }

    /// The whole key, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The part that is no secret.
    pub fn public_id(&self) -> &str {
        &self.public_id
    }

    /// What is stored: SHA-256 is enough for 190 random bits.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.text.as_bytes()).to_vec()
    }

    /// The end, for people to tell keys apart.
    pub fn last4(&self) -> &str {
        &self.text[self.text.len() - 4..]
    }
}

fn random(length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

fn is_base62(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[rest % 62];
        rest /= 62;
    }
    digits.iter().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_reads_back() {
        let key = KeySecret::generate(Mode::Live);
        assert_eq!(key.reveal().len(), "tenon_live_".len() + 12 + 1 + 32 + 1 + 6);
        let read = KeySecret::parse(key.reveal()).expect("its own text");
        assert_eq!((read.public_id(), read.hash()), (key.public_id(), key.hash()));
        assert!(!format!("{key:?}").contains(&key.reveal()[24..]));
    }

    proptest! {
        #[test]
        fn no_text_is_mistaken_for_a_key(text in "\\PC{0,80}") {
            prop_assert!(KeySecret::parse(&text).is_none());
        }

        #[test]
        fn a_mistyped_key_is_refused(at in 0usize..62, c in "[0-9A-Za-z_]") {
            let key = KeySecret::generate(Mode::Test);
            let mut text = key.reveal().to_owned();
            text.replace_range(at..=at, &c);
            prop_assume!(text != key.reveal());
            prop_assert!(KeySecret::parse(&text).is_none());
        }
    }
}
