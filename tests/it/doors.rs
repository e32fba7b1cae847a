//! What somebody without a credential, or without haste, can take of the server: connections, streams, bodies, memory.

mod bodies;
mod connections;
mod http2;
#[cfg(target_os = "linux")]
mod memory;
mod pages;
mod streams;

use tenon_tests::{Client, Process};

/// A sample of the metrics page; 0 where there is none.
async fn sample(api: &Process, series: &str) -> f64 {
    let page = Client::new(&api.operations_url()).get("/metrics").await.status(200).text();
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |count| count.parse().expect("a number"))
}

/// `127.0.0.1:…` of the API.
fn address(api: &Process) -> String {
    api.url().trim_start_matches("http://").to_owned()
}
