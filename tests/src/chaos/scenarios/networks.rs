//! The worker in a network of its own.

use anyhow::{Error, Result};
use std::time::Duration;
use tokio::time::sleep;

use super::{HOOK, settled, writers};
use crate::chaos::listener::Listener;
use crate::chaos::namespace::Namespace;
use crate::chaos::proxy::{Proxy, Upstream};
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::{self, Customer, Site};

const SECOND: Duration = Duration::from_secs(1);
/// Each way.
const NETEM: &str = "delay 30ms 20ms loss 3%";

pub(super) async fn lossy(setting: &Setting) -> Result<Outcome> {
    let namespace = match Namespace::make() {
        Ok(namespace) => namespace,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    if let Err(reason) = namespace.disturb(NETEM).and_then(|()| namespace.calm()) {
        return Ok(Outcome::Skipped(format!("no netem: {reason}")));
    }
    let mut away = Away::start(setting, &namespace).await?;
    let disturbing = async {
        namespace.disturb(NETEM).map_err(Error::msg)?;
        sleep(setting.pick(5, 20) * SECOND).await;
        namespace.calm().map_err(Error::msg)
    };
    let (written, ()) = writers(setting, &[away.customer]).beside(disturbing).await?;
    settled(&mut away.site, &written).await
}

pub(super) async fn pulled(setting: &Setting) -> Result<Outcome> {
    let namespace = match Namespace::make() {
        Ok(namespace) => namespace,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let mut away = Away::start(setting, &namespace).await?;
    let pulls = async {
        for seconds in [1, 4, 2] {
            namespace.pull(seconds * SECOND).await.map_err(Error::msg)?;
            sleep(2 * SECOND).await;
        }
        Ok(())
    };
    let (written, ()) = writers(setting, &[away.customer]).beside(pulls).await?;
    settled(&mut away.site, &written).await
}

/// A site whose worker reaches PostgreSQL and the receiver by the wire alone.
struct Away {
    site: Site,
    customer: Customer,
    _proxy: Proxy,
    _listener: Listener,
}

impl Away {
    async fn start(setting: &Setting, namespace: &Namespace) -> Result<Self> {
        let database = setting.database().await;
        let upstream = Upstream::Unix(site::socket(&database).await?);
        let proxy = Proxy::start_at(namespace.host(), upstream, setting.seed).await?;
        let subnet = namespace.subnet();
        let api = site::api(&database).env("TENON_WEBHOOK_ALLOWED_SUBNETS", &subnet);
        let worker = site::worker(&database)
            .env("TENON_DATABASE_URL", &proxy.through(database.worker_url())?)
            .env("TENON_WEBHOOK_ALLOWED_SUBNETS", &subnet);
        let mut site = Site::of(database, api, namespace.of(worker)).await?;
        site.is_away = true;
        let listener = Listener::start_at(&site.book, namespace.host(), None).await?;
        let customer = site.first()?;
        site.hook(&customer, &listener, HOOK, None).await?;
        Ok(Self { site, customer, _proxy: proxy, _listener: listener })
    }
}
