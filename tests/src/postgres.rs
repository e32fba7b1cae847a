//! PostgreSQL for `cargo dev`, `cargo test` and the bench.
//!
//! It comes from the first that is there: `DATABASE_URL`, installed binaries, a pinned npm package. A server of ours listens
//! on a unix socket only and ends with its last user, however that user ends (see `watchdog.sh`).

mod account;
mod given;
mod installation;
mod installed;
mod package;
mod place;
mod profile;
mod server;
mod watchdog;

pub use place::folder;
pub use profile::Profile;

use anyhow::{Context, Result, bail};
use server::Server;
use sqlx::{Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

/// A PostgreSQL server that is up, and stays up at least as long as this value.
#[derive(Debug)]
pub struct Cluster {
    admin_url: String,
    own: Option<Own>,
}

/// A server of ours.
#[derive(Debug)]
struct Own {
    server: Server,
    /// Only this process uses it, so this process may stop it.
    private: bool,
    running: Mutex<Option<watchdog::Hold>>,
}

impl Cluster {
    /// The server that all tests of this process share: the one of `DATABASE_URL`, else one of ours, which other test
    /// programs of the checkout share too.
    ///
    /// # Panics
    /// Where there is no PostgreSQL; the message names the command that installs it.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Cluster> = OnceCell::const_new();
        SHARED
            .get_or_init(|| async {
                Self::open(Profile::Test).await.unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"))
            })
            .await
    }

    /// The server of `DATABASE_URL`; without it, the checkout's own server for this profile.
    pub async fn open(profile: Profile) -> Result<Self> {
        Self::open_logging_to(profile, None).await
    }

    /// As [`Cluster::open`], with the log of a server of ours in a file of the caller's choice.
    pub async fn open_logging_to(profile: Profile, log: Option<PathBuf>) -> Result<Self> {
        match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => Self::given(url).await,
            _ => Self::start_own(profile, folder(profile.name())?, log, false).await,
        }
    }

    /// A server of somebody else, by an administrator's URL.
    pub async fn given(url: String) -> Result<Self> {
        given::check(&url).await.context("DATABASE_URL")?;
        Ok(Self { admin_url: url, own: None })
    }

    /// A server of our own with its data in `folder`, or, where one already runs there, that one.
    pub async fn start(profile: Profile, folder: &Path) -> Result<Self> {
        Self::start_own(profile, folder.to_owned(), None, false).await
    }

    /// A server that only this process uses, empty at first, its data deleted at the end. It can be stopped, started
    /// again and killed.
    pub async fn private(profile: Profile) -> Result<Self> {
        let name = format!("private-{}-{}", std::process::id(), hex::encode(rand::random::<[u8; 4]>()));
        Self::start_own(profile, folder(&name)?, None, true).await
    }

    async fn start_own(
        profile: Profile,
        folder: PathBuf,
        log: Option<PathBuf>,
        private: bool,
    ) -> Result<Self> {
        spawn_blocking(move || {
            let server = Server::new(profile, folder, log, private)?;
            let hold = server.start_or_attach()?;
            let admin_url = server.admin_url();
            let own = Own { server, private, running: Mutex::new(Some(hold)) };
            Ok(Self { admin_url, own: Some(own) })
        })
        .await?
    }

    /// The administrator's URL, of a database that is not ours to change.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// A connection as the administrator.
    pub async fn connect(&self) -> Result<PgConnection> {
        PgConnection::connect(&self.admin_url)
            .await
            .with_context(|| format!("connecting to {}", self.admin_url))
    }

    /// Whether a server of ours has ended although it is in use: it crashed, or somebody killed it.
    pub fn has_ended(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.server.has_ended())
    }

    /// Where the log of a server of ours is.
    pub fn log_file(&self) -> Option<&Path> {
        self.own.as_ref().map(|own| own.server.log_file())
    }

    /// Starts a server of ours again that has ended although it is in use. Its other users must let go of it first.
    pub async fn revive(&self) -> Result<()> {
        let own = self.own.as_ref().context("the server is not ours to start")?;
        drop(own.running.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.start_own_again(own).await
    }

    /// Stops using the server, and waits for its end where this was its last user.
    pub async fn release(mut self) {
        let Some(mut own) = self.own.take() else { return };
        drop(own.running.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        // Whoever still uses it keeps it up, and us waiting no longer than this.
        let wait = spawn_blocking(move || own.server.wait_until_gone());
        tokio::time::timeout(Duration::from_secs(10), wait).await.ok();
    }

    /// Stops a private server in good order (clients are disconnected, nothing is lost) and waits until it is gone.
    pub async fn stop(&self) -> Result<()> {
        self.end(watchdog::Hold::stop).await
    }

    /// Stops a private server as PostgreSQL's immediate shutdown does (no checkpoint: its next start recovers) and waits until it is gone.
    pub async fn stop_at_once(&self) -> Result<()> {
        self.end(watchdog::Hold::stop_at_once).await
    }

    /// Kills a private server as `kill -9` does and waits until none of its processes is left.
    pub async fn kill(&self) -> Result<()> {
        self.end(watchdog::Hold::kill).await
    }

    /// Starts a private server that was stopped or killed, with its data and under its URL.
    pub async fn start_again(&self) -> Result<()> {
        self.start_own_again(self.private_server()?).await
    }

    async fn start_own_again(&self, own: &Own) -> Result<()> {
        let server = own.server.clone();
        let hold = spawn_blocking(move || server.start_or_attach()).await??;
        *own.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
        Ok(())
    }

    async fn end(&self, how: fn(watchdog::Hold) -> Result<()>) -> Result<()> {
        let own = self.private_server()?;
        let hold = own.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let hold = hold.context("the server is not running")?;
        let server = own.server.clone();
        spawn_blocking(move || {
            how(hold)?;
            server.wait_until_gone()
        })
        .await?
    }

    fn private_server(&self) -> Result<&Own> {
        match &self.own {
            Some(own) if own.private => Ok(own),
            _ => bail!("only a private server may be stopped: others may be using this one"),
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let hold = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        drop(hold);
        if self.private {
            self.server.remove();
        }
    }
}
