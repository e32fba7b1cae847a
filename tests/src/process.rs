//! The real binaries as child processes: built, started, watched, stopped, killed.

mod build;
mod log;
mod program;
pub(crate) mod reaper;

pub use build::{Binaries, Build, binaries, build};
pub(crate) use build::{PROGRAMS, is_of_our_package};
pub use log::Addresses;
pub use program::Program;

use anyhow::{Context, Result, bail, ensure};
use log::LogFile;
use nix::errno::Errno;
pub use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How long a start may take; binaries of the `dev` profile on a busy machine need some of it.
const START: Duration = Duration::from_secs(30);
/// How long an end may take: more than the longest drain (35 s).
const END: Duration = Duration::from_secs(60);

/// Whether there is a process of that id, whoever owns it.
pub fn is_running(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// A running (or ended) `tenon-api` or `tenon-worker`. It is killed with this value, and with this process.
#[derive(Debug)]
pub struct Process {
    program: Program,
    child: Child,
    log: LogFile,
    addresses: Addresses,
}

impl Process {
    /// Starts the program and waits until it says that it is listening.
    pub(crate) async fn start(program: Program) -> Result<Self> {
        let log = LogFile::open(program.log.clone())?;
        let child = Self::spawn(&program, &log).await?;
        let mut process = Self { program, child, log, addresses: Addresses::default() };
        process.wait_until_listening().await?;
        Ok(process)
    }

    async fn spawn(program: &Program, log: &LogFile) -> Result<Child> {
        let mut command = program.command().await?;
        let child = command
            .stdin(std::process::Stdio::null())
            .stdout(log.for_child()?)
            .stderr(log.for_child()?)
            .spawn()
            .with_context(|| format!("starting {}", program.name()))?;
        reaper::watch(child.id())?;
        Ok(child)
    }

    async fn wait_until_listening(&mut self) -> Result<()> {
        let end = Instant::now() + START;
        loop {
            if let Some(addresses) = self.log.addresses()? {
                self.addresses = addresses;
                return Ok(());
            }
            if let Some(status) = self.try_wait()? {
                bail!(
                    "{} ended ({status}) before it was listening:\n{}",
                    self.program.name(),
                    self.log.tail()
                );
            }
            let name = self.program.name();
            ensure!(Instant::now() < end, "{name} is not listening after {START:?}:\n{}", self.log.tail());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The addresses that the process listens on.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// `http://127.0.0.1:…` of the API itself.
    ///
    /// # Panics
    /// Where the process serves no API: the worker.
    pub fn url(&self) -> String {
        let address = self.addresses.http.unwrap_or_else(|| panic!("{} serves no API", self.program.name()));
        format!("http://{address}")
    }

    /// `http://127.0.0.1:…` of the probes and metrics.
    ///
    /// # Panics
    /// Where the process named no such address.
    pub fn operations_url(&self) -> String {
        let address = self.addresses.operations;
        let address =
            address.unwrap_or_else(|| panic!("{} named no operations address", self.program.name()));
        format!("http://{address}")
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal; nothing happens where the process has ended.
    pub fn signal(&mut self, signal: Signal) {
        // A process that was not waited for keeps its id, so this never reaches another.
        if matches!(self.try_wait(), Ok(None)) {
            kill(Pid::from_raw(self.child.id().cast_signed()), signal).ok();
        }
    }

    /// Kills the process as `kill -9` does and waits until it is gone.
    ///
    /// # Panics
    /// Where it stays.
    pub async fn kill9(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait().await;
    }

    /// Waits for the end of the process, for a minute at most.
    ///
    /// # Panics
    /// Where it does not end, with the end of its log.
    pub async fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + END;
        loop {
            match self.try_wait() {
                Ok(Some(status)) => return status,
                Ok(None) if Instant::now() < end => tokio::time::sleep(Duration::from_millis(5)).await,
                Ok(None) => panic!("{} does not end:\n{}", self.program.name(), self.log.tail()),
                Err(error) => panic!("waiting for {}: {error}", self.program.name()),
            }
        }
    }

    /// How the process ended, where it has.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            reaper::forget(self.child.id());
        }
        Ok(status)
    }

    /// SIGTERM, the wait for the end, and a start on the same addresses.
    ///
    /// # Panics
    /// Where it does not end or does not start.
    pub async fn restart(&mut self) {
        self.signal(Signal::SIGTERM);
        self.wait().await;
        self.start_again().await;
    }

    /// Starts a process that has ended, on the same addresses.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start_again(&mut self) {
        self.try_start_again().await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    pub(crate) async fn try_start_again(&mut self) -> Result<()> {
        for (name, address) in [
            ("TENON_HTTP_ADDRESS", self.addresses.http),
            ("TENON_OPERATIONS_ADDRESS", self.addresses.operations),
        ] {
            if let Some(address) = address {
                self.program.set(name, &address.to_string());
            }
        }
        self.log.begin()?;
        self.child = Self::spawn(&self.program, &self.log).await?;
        self.wait_until_listening().await
    }

    /// What the process has written so far, over all its starts.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// The last lines of it.
    pub fn log_tail(&self) -> String {
        self.log.tail()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.try_wait() {
            self.child.kill().ok();
            self.child.wait().ok();
            reaper::forget(self.child.id());
        }
        if std::thread::panicking() {
            eprintln!("--- the end of {}'s log\n{}", self.program.name(), self.log.tail());
        }
    }
}
