//! TLS breaks at each step.

use anyhow::{Context, Result};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use super::{settled, writers};
use crate::chaos::listener::Listener;
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::{self, Site};
use crate::chaos::tls::{Authority, Handshakes, TlsFault};

pub(super) async fn breaks(setting: &Setting) -> Result<Outcome> {
    let (authority, folder) = (Authority::new("Chaos")?, tempfile::tempdir()?);
    let trusted = folder.path().join("trusted.pem");
    fs::write(&trusted, authority.pem()).context("the trusted authority")?;
    let database = setting.database().await;
    let worker = site::worker(&database).env("SSL_CERT_FILE", &trusted.to_string_lossy());
    let api = site::api(&database);
    let mut site = Site::of(database, api, worker).await?;
    let (customer, local) = (site.first()?, IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut listeners = Vec::new();
    for fault in TlsFault::ALL {
        let handshakes = Handshakes::new(&authority, fault)?;
        let listener = Listener::start_at(&site.book, local, Some(handshakes)).await?;
        listener.manner.break_handshakes(setting.pick(4, 11));
        site.hook(&customer, &listener, &format!("/{fault:?}"), None).await?;
        listeners.push(listener);
    }
    let written = writers(setting, &[customer]).write(setting.pick(12, 40)).await?;
    settled(&mut site, &written).await
}
