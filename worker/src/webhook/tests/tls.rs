//! Receivers with certificates, good and bad.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::Certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::receiver::{Receiver, request};
use super::*;
use crate::webhook::Outcome;

/// A receiver whose certificate is for `receiver.example`, and that certificate.
async fn with_certificate() -> (Receiver, Certificate) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["receiver.example".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let receiver = Receiver::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            // Clients that do not trust the certificate break off here.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let named = stream.get_ref().1.server_name() == Some("receiver.example");
            let status = if named { "204 No Content" } else { "500 Wrong Name" };
            while request(&mut stream).await.is_some() {
                let _ = stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await;
            }
        }
    })
    .await;
    (receiver, Certificate::from_der(cert.der()).expect("a certificate"))
}

fn trusting(extra_roots: Vec<Certificate>) -> Sender {
    let lookup: Lookup = Arc::new(|_| std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, 1])])).boxed());
    Sender::new(AddressPolicy::local(), Settings { extra_roots, lookup, ..Settings::default() })
        .expect("a client")
}

#[tokio::test]
async fn certificates_are_checked_against_the_name() {
    let (receiver, certificate) = with_certificate().await;
    let port = receiver.address.port();
    let sender = trusting(vec![certificate]);
    let result = send(&sender, &format!("https://receiver.example:{port}/")).await;
    assert_eq!(
        (result.outcome, result.error),
        (Outcome::Success, None),
        "the name is sent although an address is pinned"
    );
    let result = send(&sender, &format!("https://other.example:{port}/")).await;
    assert_eq!((result.outcome, result.status), (Outcome::Tls, None));
}

#[tokio::test]
async fn untrusted_certificates_are_tls_failures() {
    let (receiver, _) = with_certificate().await;
    let url = format!("https://receiver.example:{}/", receiver.address.port());
    let result = send(&trusting(Vec::new()), &url).await;
    assert_eq!((result.outcome, result.status), (Outcome::Tls, None));
    let error = result.error.expect("an error");
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_receiver_without_tls_is_a_tls_failure() {
    let closing = Receiver::start(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let answering = Receiver::start(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    for receiver in [&closing, &answering] {
        let result = send(&local(), &format!("https://{}/", receiver.address)).await;
        assert_eq!((result.outcome, result.status), (Outcome::Tls, None));
    }
}
