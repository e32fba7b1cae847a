//! Ed25519 keys that sign beside secrets.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tenon_tests::Receiver;
use tenon_tests::stack::{Stack, text};

use super::path;

/// The signatures of the keys on a delivery that each of these `whpk_…` verifies, and how many there are in all.
fn signed_by(request: &tenon_tests::receiver::Received, keys: &[&str]) -> (usize, usize) {
    let head = format!("{}.{}.", request.header("webhook-id"), request.header("webhook-timestamp"));
    let signed = [head.as_bytes(), &request.body].concat();
    let signatures: Vec<&str> =
        request.header("webhook-signature").split(' ').filter_map(|one| one.strip_prefix("v1a,")).collect();
    let verifies = |key: &&&str| {
        let raw = STANDARD.decode(key.strip_prefix("whpk_").expect("a public key")).expect("base64");
        let key = DecodingKey::from_ed_der(&raw);
        let by = |signature: &&str| {
            let signature = URL_SAFE_NO_PAD.encode(STANDARD.decode(signature).expect("base64"));
            jsonwebtoken::crypto::verify(&signature, &signed, &key, Algorithm::EdDSA).expect("a key")
        };
        signatures.iter().filter(|signature| by(signature)).count() == 1
    };
    (keys.iter().filter(verifies).count(), signatures.len())
}

#[tokio::test]
async fn a_key_signs_beside_the_secret_and_is_rotated_with_it() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let plain = stack.webhook(&receiver, &["contact.created"]).await;
    assert_eq!(plain["publicKey"], Value::Null);
    stack.contact("Grace").await;
    assert_eq!(signed_by(&receiver.next().await, &[]), (0, 0));

    let webhook: Value = stack.owner.patch(&path(&plain, ""), json!({"ed25519": true})).await.ok();
    let first = text(&webhook, "publicKey").to_owned();
    assert_eq!(first.len(), "whpk_".len() + 44);
    stack.contact("Ada").await;
    let delivery = receiver.next().await;
    assert_eq!(signed_by(&delivery, &[&first]), (1, 1));
    let verifier = Webhook::new(text(&plain, "secret")).expect("a secret");
    verifier
        .verify(&delivery.body, &crate::delivery::headers(&delivery))
        .expect("the secret signs as before");
    // It stays whatever else is said, and is shown in every answer.
    let again: Value =
        stack.owner.patch(&path(&plain, ""), json!({"ed25519": true, "description": "Ours"})).await.ok();
    let replaced: Value =
        stack.owner.put(&path(&plain, ""), json!({"events": ["contact.created"]})).await.ok();
    let read: Value = stack.owner.get(&path(&plain, "")).await.ok();
    for shown in [again, replaced, read] {
        assert_eq!(shown["publicKey"], first);
    }

    let rotated: Value = stack.owner.post(&path(&plain, "/rotate-secret"), json!({})).await.ok();
    let second = text(&rotated, "publicKey").to_owned();
    assert_eq!((second == first, &rotated["previousPublicKey"]), (false, &json!(first)));
    assert_eq!(stack.owner.get(&path(&plain, "/secret")).await.ok::<Value>(), rotated);
    stack.contact("Barbara").await;
    assert_eq!(signed_by(&receiver.next().await, &[&second, &first]), (2, 2));
    let _: Value = stack.owner.post(&path(&plain, "/retire-secret"), Value::Null).await.ok();
    stack.contact("Margaret").await;
    assert_eq!(signed_by(&receiver.next().await, &[&second]), (1, 1));

    let without: Value = stack.owner.patch(&path(&plain, ""), json!({"ed25519": false})).await.ok();
    assert_eq!(without["publicKey"], Value::Null);
    stack.contact("Radia").await;
    assert_eq!(signed_by(&receiver.next().await, &[]), (0, 0));
    let revealed: Value = stack.owner.get(&path(&plain, "/secret")).await.ok();
    assert_eq!((&revealed["publicKey"], &revealed["previousPublicKey"]), (&Value::Null, &Value::Null));
    // The next one is another, and a webhook may begin with one.
    let another: Value = stack.owner.patch(&path(&plain, ""), json!({"ed25519": true})).await.ok();
    let body = json!({"url": receiver.url("/hook"), "events": ["contact.created"], "ed25519": true});
    let created: Value = stack.owner.post("/webhooks", body).await.created();
    let keys = [text(&another, "publicKey"), text(&created, "publicKey"), &first, &second];
    assert!((1..4).all(|at| !keys[..at].contains(&keys[at])), "{keys:?}");
}

#[tokio::test]
async fn no_private_key_is_stored_open_or_told() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let body = json!({"url": receiver.url("/hook"), "events": ["contact.created"], "ed25519": true});
    let webhook: Value = stack.owner.post("/webhooks", body).await.created();
    let _: Value = stack.owner.post(&path(&webhook, "/rotate-secret"), json!({})).await.ok();
    let statement = "select signing_key, previous_signing_key from tenon.webhooks";
    let (sealed, previous): (Vec<u8>, Vec<u8>) =
        sqlx::query_as(statement).fetch_one(&mut stack.database.connect().await).await.expect("both keys");
    // One byte for the master key, 12 for the nonce, 16 for the tag: around the 32 of the key.
    assert_eq!((sealed.len(), previous.len()), (61, 61));
    assert_ne!(sealed, previous);
    let told: Vec<String> = sqlx::query_scalar(
        "select body from tenon.events where object_type = 'webhook' union all select to_jsonb(a)::text from tenon.audit_events a",
    )
    .fetch_all(&mut stack.database.connect().await)
    .await
    .expect("events and entries");
    assert!(told.iter().any(|told| told.contains("whpk_")), "the public half is");
    for told in told {
        for never in ["whsk_", "signingKey", "signing_key", "whsec_"] {
            assert!(!told.contains(never), "{told}");
        }
    }
}
