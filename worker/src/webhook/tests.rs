//! Attempts against receivers on real sockets.

mod answers;
mod connections;
mod receiver;
mod tls;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::HeaderMap;
use tenon_common::receiver::address::AddressPolicy;

use super::{AttemptResult, Lookup, Request, Sender, Settings};

/// Long enough for a loaded machine; only tests that mean to see it reach it, with a shorter one.
const PATIENT: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

fn local() -> Sender {
    Sender::new(AddressPolicy::local(), Settings::default()).expect("a client")
}

/// A sender to whom every name resolves to these addresses.
fn with_names(policy: AddressPolicy, addresses: &[&str]) -> Sender {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    let lookup: Lookup = Arc::new(move |_| std::future::ready(Ok(addresses.clone())).boxed());
    Sender::new(policy, Settings { lookup, ..Settings::default() }).expect("a client")
}

async fn send(sender: &Sender, url: &str) -> AttemptResult {
    send_within(sender, url, PATIENT).await
}

async fn send_within(sender: &Sender, url: &str, deadline: Duration) -> AttemptResult {
    let url = url.parse().expect("a URL");
    let headers =
        HeaderMap::from_iter([(http::header::CONTENT_TYPE, "application/json".parse().expect("a value"))]);
    sender.send(Request { url: &url, headers, body: Bytes::from_static(b"{\"id\":1}"), deadline }).await
}
