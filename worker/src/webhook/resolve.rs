//! Names to addresses that may be connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use moka::future::Cache;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tenon_common::receiver::address::{AddressPolicy, Rejected};
use tokio::sync::Semaphore;

/// How names are looked up; the default asks the system.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// How long an answer serves other connections. Long enough for a burst to one receiver, shorter than
/// anyone moves a host. An address is checked each time it is handed out, so this opens nothing.
const KEEP: Duration = Duration::from_secs(5);
const KEEP_AT_MOST: u64 = 10_000;
/// Each lookup holds a thread of the runtime's blocking pool (512) until the system gives up on it.
const AT_ONCE: usize = 128;

/// Hands the client admitted addresses and no others, which pins its connections to them.
#[derive(Clone)]
pub(super) struct Resolver {
    policy: Arc<AddressPolicy>,
    lookup: Lookup,
    found: Cache<String, Arc<[IpAddr]>>,
    slots: Arc<Semaphore>,
}

impl Resolver {
    pub(super) fn new(policy: Arc<AddressPolicy>, lookup: Lookup) -> Self {
        let found = Cache::builder().max_capacity(KEEP_AT_MOST).time_to_live(KEEP).build();
        Self { policy, lookup, found, slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Fails as if no name server knew it where it resolves to addresses alone to which nothing may be sent.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Rejected> {
        let lookup = async {
            // Connections that want the same name at the same time share one lookup.
            let found = self.found.try_get_with_by_ref(name, self.look_up(name.to_owned())).await;
            found.map(|found| found.to_vec()).map_err(|error| io::Error::other(error.to_string()))
        };
        self.policy.admit_name(name, lookup).await
    }

    async fn look_up(&self, name: String) -> io::Result<Arc<[IpAddr]>> {
        let slot = self.slots.clone().acquire_owned().await.map_err(io::Error::other)?;
        let lookup = self.lookup.clone();
        // A task of its own, because the slot stays taken as long as the thread, whoever still waits.
        let task = tokio::spawn(async move {
            let _slot = slot;
            lookup(name).await
        });
        Ok(task.await.map_err(io::Error::other)??.into())
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let admitted = resolver.addresses(name.as_str()).await?;
            // The client puts the URL's port in the place of 0.
            let addresses = admitted.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// The system's resolver.
pub(super) fn system() -> Lookup {
    Arc::new(|name| {
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) }
            .boxed()
    })
}
