//! The one HTTP client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, redirect, retry};
use tenon_common::receiver::address::AddressPolicy;

use super::resolve::{self, Lookup, Resolver};
use super::reuse::NoteConnecting;

/// Connections to one host (with port) that are kept for another request. More than a webhook may have in
/// flight, because tenants share hosts.
const IDLE_PER_HOST: usize = 128;
/// Shorter than a minute, after which many load balancers close; servers that close sooner (Node: 5 s) are
/// noticed when they do.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// Headers of an answer, which are counted by nobody who writes a receiver. All of them together may be 400 KiB, the client's own bound.
const MAX_HEADERS: usize = 1024;

/// What an operator may change about the client.
#[derive(Clone)]
pub struct Settings {
    /// Time for the name, the connection and its TLS handshake; 5 s.
    pub connect_timeout: Duration,
    /// Certificate authorities that are trusted besides the system's.
    pub extra_roots: Vec<Certificate>,
    /// How names are resolved.
    pub lookup: Lookup,
}

impl Default for Settings {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), extra_roots: Vec::new(), lookup: resolve::system() }
    }
}

/// Sends webhooks; cheap to clone, and its clones share connections.
#[derive(Clone)]
pub struct Sender {
    pub(super) client: Client,
    pub(super) policy: Arc<AddressPolicy>,
}

impl Sender {
    /// A sender that connects only where the policy allows. Fails where TLS cannot be set up, for example
    /// on a system without certificate authorities.
    pub fn new(policy: AddressPolicy, settings: Settings) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(policy);
        let client = Client::builder()
            .dns_resolver(Resolver::new(policy.clone(), settings.lookup))
            .connector_layer(NoteConnecting)
            .connect_timeout(settings.connect_timeout)
            .tls_certs_merge(settings.extra_roots)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            // HTTP/2 would put all tenants that share a host on one connection: a request that hangs there
            // takes a stream from the others, and an answer too long to read cannot be dropped by closing.
            .http1_only()
            // Nothing depends on the headers of an answer: a receiver that writes them badly has taken the event all the same.
            .http1_max_headers(MAX_HEADERS)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_FOR)
            .build()?;
        Ok(Self { client, policy })
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("policy", &self.policy).finish_non_exhaustive()
    }
}
