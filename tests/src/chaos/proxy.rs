//! A TCP proxy on this machine, between a program and its PostgreSQL or its receivers, that fails as networks do.

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use url::Url;

/// What connections lead to.
#[derive(Debug, Clone)]
pub(super) enum Upstream {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// What becomes of what passes through.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Weather {
    /// Nothing passes; it waits.
    pub(super) is_paused: bool,
    /// Connections are reset, those that are there and new ones.
    pub(super) is_cut: bool,
    /// Before each piece is passed on.
    pub(super) delay: Duration,
    /// Up to so much more, by chance.
    pub(super) jitter: Duration,
    /// One of so many pieces takes its connection with it.
    pub(super) breaks_one_in: Option<u32>,
    /// Connections of an earlier number have fallen silent: what is sent on them vanishes, and nobody closes them.
    silent_before: u64,
}

/// It stops with this value.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    weather: watch::Sender<Weather>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// On this machine's loopback.
    pub(super) async fn start(upstream: Upstream, seed: u32) -> Result<Self> {
        Self::start_at(IpAddr::V4(Ipv4Addr::LOCALHOST), upstream, seed).await
    }

    pub(super) async fn start_at(at: IpAddr, upstream: Upstream, seed: u32) -> Result<Self> {
        let socket = TcpListener::bind((at, 0)).await.with_context(|| format!("a proxy on {at}"))?;
        let address = socket.local_addr()?;
        let (weather, seen) = watch::channel(Weather::default());
        let serving = tokio::spawn(accept(socket, upstream, seen, seed));
        Ok(Self { address, weather, serving })
    }

    /// From now on.
    pub(super) fn set(&self, change: impl FnOnce(&mut Weather)) {
        self.weather.send_modify(change);
    }

    /// As good as none; connections that have fallen silent stay so.
    pub(super) fn heal(&self) {
        self.set(|weather| *weather = Weather { silent_before: weather.silent_before, ..Weather::default() });
    }

    /// All connections are reset; new ones are not.
    pub(super) async fn reset_all(&self) {
        self.set(|weather| weather.is_cut = true);
        sleep(Duration::from_millis(50)).await;
        self.set(|weather| weather.is_cut = false);
    }

    /// All connections fall silent for ever; new ones do not.
    pub(super) fn silence(&self) {
        self.set(|weather| weather.silent_before += 1);
    }

    /// The URL of a database through it.
    pub(super) fn through(&self, database: &str) -> Result<String> {
        let mut url = Url::parse(database).context("the database's URL")?;
        url.set_host(Some(&self.address.ip().to_string())).context("the proxy's address")?;
        url.set_port(Some(self.address.port())).map_err(|()| anyhow::anyhow!("the proxy's port"))?;
        Ok(url.into())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn accept(socket: TcpListener, upstream: Upstream, weather: watch::Receiver<Weather>, seed: u32) {
    let chance = Arc::new(Mutex::new(StdRng::seed_from_u64(seed.into())));
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = socket.accept().await {
        while connections.try_join_next().is_some() {}
        if weather.borrow().is_cut {
            client.set_zero_linger().ok();
            continue;
        }
        let born = weather.borrow().silent_before;
        let link = Link { weather: weather.clone(), chance: Arc::clone(&chance), born };
        let upstream = upstream.clone();
        connections.spawn(async move { link.carry(client, upstream).await });
    }
}

/// What a connection knows of the weather.
#[derive(Clone)]
struct Link {
    weather: watch::Receiver<Weather>,
    chance: Arc<Mutex<StdRng>>,
    born: u64,
}

impl Link {
    /// Until one side has closed, or the weather ends it: then the client is reset.
    async fn carry(mut self, client: TcpStream, upstream: Upstream) -> Result<()> {
        client.set_nodelay(true)?;
        let (mut theirs, mut ours) = client.into_split();
        let is_broken = match upstream {
            Upstream::Unix(path) => {
                let (from, to) = UnixStream::connect(path).await?.into_split();
                self.both(&mut theirs, to, from, &mut ours).await
            }
            Upstream::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (from, to) = stream.into_split();
                self.both(&mut theirs, to, from, &mut ours).await
            }
        };
        if is_broken {
            ours.as_ref().set_zero_linger()?;
        }
        Ok(())
    }

    /// Whether the weather ended it.
    async fn both(
        &mut self,
        client: impl AsyncRead + Unpin,
        to: impl AsyncWrite + Unpin,
        from: impl AsyncRead + Unpin,
        back: impl AsyncWrite + Unpin,
    ) -> bool {
        let (there, here) = (self.clone(), self.clone());
        tokio::select! {
            is_broken = there.pass(client, to) => is_broken.unwrap_or(true),
            is_broken = here.pass(from, back) => is_broken.unwrap_or(true),
            () = self.cut() => true,
        }
    }

    async fn cut(&mut self) {
        // It is never closed while the proxy is there.
        self.weather.wait_for(|weather| weather.is_cut).await.ok();
    }

    async fn pass(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> Result<bool> {
        let mut piece = vec![0; 16 * 1024];
        loop {
            let length = from.read(&mut piece).await?;
            let weather = *self.weather.wait_for(|weather| !weather.is_paused).await?;
            if self.born < weather.silent_before {
                // The end of one side is not told to the other either.
                if length == 0 {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            if length == 0 {
                to.shutdown().await?;
                return Ok(false);
            }
            sleep(weather.delay + weather.jitter.mul_f64(self.chance(|chance| chance.random()))).await;
            if let Some(count) = weather.breaks_one_in
                && self.chance(|chance| chance.random_ratio(1, count))
            {
                return Ok(true);
            }
            to.write_all(&piece[..length]).await?;
        }
    }

    fn chance<T>(&self, of: impl FnOnce(&mut StdRng) -> T) -> T {
        of(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_millis(100);

    /// Says back what it hears.
    async fn echo() -> SocketAddr {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = socket.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                });
            }
        });
        address
    }

    async fn said(stream: &mut TcpStream) -> Result<u8> {
        stream.write_all(b"x").await?;
        Ok(stream.read_u8().await?)
    }

    #[tokio::test]
    async fn it_passes_on_waits_resets_and_falls_silent() {
        let proxy = Proxy::start(Upstream::Tcp(echo().await), 1).await.unwrap();
        let connect = async || TcpStream::connect(proxy.address).await.unwrap();
        let mut first = connect().await;
        assert_eq!(said(&mut first).await.unwrap(), b'x');

        proxy.set(|weather| weather.is_paused = true);
        first.write_all(b"y").await.unwrap();
        assert!(timeout(SOON, first.read_u8()).await.is_err(), "it waits");
        proxy.heal();
        assert_eq!(first.read_u8().await.unwrap(), b'y');

        proxy.silence();
        let mut second = connect().await;
        assert_eq!(said(&mut second).await.unwrap(), b'x');
        first.write_all(b"z").await.unwrap();
        assert!(timeout(SOON, first.read_u8()).await.is_err(), "it is silent");

        proxy.reset_all().await;
        assert!(said(&mut second).await.is_err());
        assert_eq!(said(&mut connect().await).await.unwrap(), b'x');

        proxy.set(|weather| weather.breaks_one_in = Some(1));
        assert!(said(&mut connect().await).await.is_err());
    }

    #[tokio::test]
    async fn a_database_is_reached_through_it() {
        let proxy = Proxy::start(Upstream::Unix("/nowhere".into()), 1).await.unwrap();
        let url = proxy.through("postgres://app:secret@%2Fsome%2Ffolder:5432/tenon_test_1").unwrap();
        let port = proxy.address.port();
        assert_eq!(url, format!("postgres://app:secret@127.0.0.1:{port}/tenon_test_1"));
    }
}
