//! Where connections go, whether they are kept, and how they fail.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use tenon_common::receiver::address::AllowedPorts;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::receiver::{Receiver, request};
use super::*;
use crate::webhook::Outcome;

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Everything is allowed but this machine's addresses.
fn public_only() -> AddressPolicy {
    AddressPolicy { allow_http: true, allowed_ports: AllowedPorts::Any, allowed_subnets: Vec::new() }
}

#[tokio::test]
async fn a_closed_port_is_a_connect_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let result = send(&local(), &url).await;
    assert_eq!((result.outcome, result.status), (Outcome::Connect, None));
    let error = result.error.expect("an error");
    assert!(error.contains("refused") && !error.contains("http"), "{error}");
}

#[tokio::test]
async fn a_receiver_that_says_nothing_meets_the_deadline() {
    let receiver =
        Receiver::start(|mut stream, _| async move { while request(&mut stream).await.is_some() {} }).await;
    let result = send_within(&local(), &receiver.url(), SHORT).await;
    assert_eq!((result.outcome, result.status), (Outcome::Timeout, None));
    assert_eq!(result.error.as_deref(), Some("no answer within 0.3 s"));
}

#[tokio::test]
async fn connections_are_kept() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthank").await;
    let sender = local();
    for _ in 0..20 {
        assert!(send(&sender, &receiver.url()).await.is_success());
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_costs_no_attempt() {
    let receiver = Receiver::start(|mut stream, number| async move {
        request(&mut stream).await;
        let _ = stream.write_all(NO_CONTENT.as_bytes()).await;
        // The first connection takes a second request and closes without an answer.
        request(&mut stream).await;
        if number > 0 {
            let _ = stream.write_all(NO_CONTENT.as_bytes()).await;
        }
    })
    .await;
    let sender = local();
    assert!(send(&sender, &receiver.url()).await.is_success());
    let second = send(&sender, &receiver.url()).await;
    assert_eq!((second.outcome, second.error), (Outcome::Success, None));
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_request_on_a_new_connection_is_never_repeated() {
    let receiver = Receiver::start(|mut stream, _| async move {
        request(&mut stream).await;
    })
    .await;
    let result = send(&local(), &receiver.url()).await;
    assert_eq!((result.outcome, result.status), (Outcome::Connect, None));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn unknown_names_are_dns_failures() {
    let result = send(&local(), "http://does-not-exist.invalid/").await;
    assert_eq!((result.outcome, result.status), (Outcome::Dns, None));
    let lookup: Lookup = Arc::new(|_| std::future::ready(Err(io::Error::other("SERVFAIL"))).boxed());
    let sender =
        Sender::new(AddressPolicy::strict(), Settings { lookup, ..Settings::default() }).expect("a client");
    let result = send(&sender, "https://example.com/").await;
    assert_eq!(result.outcome, Outcome::Dns);
    assert_eq!(result.error.as_deref(), Some("the host's name does not resolve to a public address"));
    assert_eq!(
        send(&with_names(AddressPolicy::strict(), &[]), "https://example.com/").await.outcome,
        Outcome::Dns
    );
}

#[tokio::test]
async fn localhost_is_blocked_unless_this_machine_is_allowed() {
    let receiver = Receiver::answering(NO_CONTENT).await;
    let url = format!("http://localhost:{}/", receiver.address.port());
    let strict = Sender::new(AddressPolicy::strict(), Settings::default()).expect("a client");
    assert_eq!(send(&strict, "https://localhost/").await.outcome, Outcome::SsrfBlocked);
    let public = Sender::new(public_only(), Settings::default()).expect("a client");
    assert_eq!(send(&public, &url).await.outcome, Outcome::SsrfBlocked);
    assert_eq!(receiver.connections(), 0);
    assert_eq!(send(&local(), &url).await.outcome, Outcome::Success);
}

#[tokio::test]
async fn address_literals_are_blocked_before_anything_is_sent() {
    let receiver = Receiver::answering(NO_CONTENT).await;
    let port = receiver.address.port();
    let sender = Sender::new(public_only(), Settings::default()).expect("a client");
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let result = send(&sender, &format!("http://{host}:{port}/")).await;
        assert_eq!((result.outcome, result.status), (Outcome::SsrfBlocked, None), "{host}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_with_inner_and_outer_addresses_is_pinned_to_the_admitted_ones() {
    let receiver = Receiver::answering(NO_CONTENT).await;
    let url = format!("http://receiver.example:{}/", receiver.address.port());
    let mixed = with_names(AddressPolicy::local(), &["169.254.169.254", "10.0.0.1", "127.0.0.1"]);
    assert_eq!(send(&mixed, &url).await.outcome, Outcome::Success);
    let inner = with_names(AddressPolicy::local(), &["169.254.169.254", "10.0.0.1"]);
    let result = send(&inner, &url).await;
    // What the name resolves to, and that it does, is not for tenants to see.
    let unknown = send(&with_names(AddressPolicy::local(), &[]), &url).await;
    assert_eq!((result.outcome, &result.error), (Outcome::Dns, &unknown.error));
    assert_eq!(result.error.as_deref(), Some("the host's name does not resolve to a public address"));
}

#[tokio::test]
async fn a_burst_to_one_name_is_one_lookup() {
    let receiver = Receiver::answering(NO_CONTENT).await;
    let url = format!("http://receiver.example:{}/", receiver.address.port());
    let lookups = Arc::new(AtomicUsize::new(0));
    let counter = lookups.clone();
    let lookup: Lookup = Arc::new(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        async {
            tokio::task::yield_now().await;
            Ok(vec!["127.0.0.1".parse().expect("an address")])
        }
        .boxed()
    });
    let sender =
        Sender::new(AddressPolicy::local(), Settings { lookup, ..Settings::default() }).expect("a client");
    let results = futures::future::join_all((0..50).map(|_| send(&sender, &url))).await;
    assert!(results.iter().all(AttemptResult::is_success));
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_silent_name_server_does_not_outlast_the_deadline() {
    let lookup: Lookup = Arc::new(|_| std::future::pending().boxed());
    let sender =
        Sender::new(AddressPolicy::local(), Settings { lookup, ..Settings::default() }).expect("a client");
    let result = send_within(&sender, "http://receiver.example/", SHORT).await;
    assert_eq!(result.outcome, Outcome::Timeout);
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_in_time_is_a_connect_failure() {
    // Accepted by the kernel, but no TLS handshake ever begins.
    let receiver = Receiver::start(|stream, _| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let settings = Settings { connect_timeout: SHORT, ..Settings::default() };
    let sender = Sender::new(AddressPolicy::local(), settings).expect("a client");
    let result = send(&sender, &format!("https://{}/", receiver.address)).await;
    assert_eq!((result.outcome, result.status), (Outcome::Connect, None));
}

proptest! {
    /// The guard reads URLs with one parser and the client with another.
    #[test]
    fn the_client_connects_to_the_host_that_was_checked(
        host in "[a-z0-9.@:%\\[\\]\\\\_|^~/?-]{1,24}",
        path in "\\PC{0,20}",
    ) {
        if let Ok(url) = AddressPolicy::local().check_url(&format!("http://{host}/{path}"))
            && let Ok(uri) = http::Uri::try_from(url.as_str())
        {
            prop_assert_eq!(uri.host(), url.host_str());
            prop_assert_eq!(uri.port_u16(), url.port());
        }
    }
}
