use proptest::prelude::*;
use standardwebhooks::Webhook;

use super::*;

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const ID: &str = "evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV";
const TIMESTAMP: i64 = 1_762_077_600;
const BODY: &str = r#"{"id":"evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV","type":"contact.created","event":"contact.created","timestamp":"2025-11-02T10:00:00.000Z","data":{"id":"0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f","name":"John Doe"}}"#;
const STANDARD_SIGNATURE: &str = "v1,w0WWx2qFMMCNJd08lhJLOqF6z2pqANLBA1NhwTd9RAw=";
const PLAIN_SIGNATURE: &str = "sha256=f98aee4f54a0f53d399bf1406f6906d09749cc39ab646779ad5f10aa74a192d9";

fn secret(text: &str) -> Secret {
    text.parse().expect("a valid secret")
}

#[test]
fn published_vector() {
    assert_eq!(BODY.len(), 200);
    let signatures = sign(&[secret(SECRET)], ID, TIMESTAMP, BODY.as_bytes());
    assert_eq!(signatures.standard, STANDARD_SIGNATURE);
    assert_eq!(signatures.plain, PLAIN_SIGNATURE);
}

#[test]
fn agrees_with_the_stock_library() {
    let stock = Webhook::new(SECRET).expect("a valid secret");
    let signed = stock.sign(ID, TIMESTAMP, BODY.as_bytes()).expect("signs");
    assert_eq!(signed, STANDARD_SIGNATURE);
}

#[test]
fn stock_library_verifies_with_either_secret_during_a_rotation() {
    let (new, old) = (Secret::generate(), Secret::generate());
    let now = chrono::Utc::now().timestamp();
    let signatures = sign(&[new.clone(), old.clone()], ID, now, BODY.as_bytes());
    let headers = [
        ("webhook-id", ID.to_owned()),
        ("webhook-timestamp", now.to_string()),
        ("webhook-signature", signatures.standard),
    ];
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
        .collect();
    for secret in [&new, &old] {
        let stock = Webhook::new(&secret.reveal()).expect("a valid secret");
        stock.verify(BODY.as_bytes(), &headers).expect("verifies");
    }
    let other = Webhook::new(&Secret::generate().reveal()).expect("a valid secret");
    other.verify(BODY.as_bytes(), &headers).expect_err("another webhook's secret");
}

#[test]
fn plain_signatures_of_a_rotation_are_separated_by_a_comma() {
    let signatures = sign(&[secret(SECRET), secret(SECRET)], ID, TIMESTAMP, BODY.as_bytes());
    assert_eq!(signatures.plain, format!("{PLAIN_SIGNATURE},{PLAIN_SIGNATURE}"));
    assert_eq!(signatures.standard, format!("{STANDARD_SIGNATURE} {STANDARD_SIGNATURE}"));
}

#[test]
fn refused_secrets() {
    let cases = [
        ("", InvalidSecret::Prefix),
        ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", InvalidSecret::Prefix),
        ("WHSEC_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", InvalidSecret::Prefix),
        ("whsec_", InvalidSecret::Length),
        ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", InvalidSecret::Length),
        ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA", InvalidSecret::Encoding),
        ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGB==", InvalidSecret::Encoding),
        ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY-", InvalidSecret::Encoding),
        ("whsec_ AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", InvalidSecret::Encoding),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Secret>(), Err(expected), "{text}");
    }
    let long = format!("whsec_{}", STANDARD.encode([7; 65]));
    assert_eq!(long.parse::<Secret>(), Err(InvalidSecret::Length));
}

#[test]
fn debug_is_redacted() {
    assert_eq!(format!("{:?}", secret(SECRET)), "Secret(…)");
}

#[test]
fn generated_secrets_differ_and_have_32_bytes() {
    let (one, two) = (Secret::generate(), Secret::generate());
    assert_eq!(one.as_bytes().len(), 32);
    assert_ne!(one, two);
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "\\PC*", tail in "(whsec_)?[A-Za-z0-9+/=]{0,100}") {
        let _ = text.parse::<Secret>();
        let _ = tail.parse::<Secret>();
    }

    #[test]
    fn parsed_text_is_revealed_as_it_was(key in prop::collection::vec(any::<u8>(), 0..80)) {
        let text = format!("whsec_{}", STANDARD.encode(&key));
        match text.parse::<Secret>() {
            Ok(secret) => {
                prop_assert!(KEY_LENGTHS.contains(&key.len()));
                prop_assert_eq!(secret.as_bytes(), &key[..]);
                let revealed = secret.reveal();
                prop_assert_eq!(revealed.as_str(), text.as_str());
            }
            Err(reason) => {
                prop_assert!(!KEY_LENGTHS.contains(&key.len()));
                prop_assert_eq!(reason, InvalidSecret::Length);
            }
        }
    }

    #[test]
    fn stock_library_signs_the_same(
        key in prop::collection::vec(any::<u8>(), 24..=64),
        timestamp in any::<i64>(),
        body in "\\PC*",
    ) {
        let stock = Webhook::from_bytes(key.clone()).expect("any bytes are a key");
        let ours = sign(&[Secret::from_bytes(key).expect("a valid length")], ID, timestamp, body.as_bytes());
        prop_assert_eq!(ours.standard, stock.sign(ID, timestamp, body.as_bytes()).expect("signs"));
    }
}
