//! A redis-server of a test's own, where one is installed.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::process::reaper;

const START: Duration = Duration::from_secs(20);

/// A server on a socket in a folder of its own, which keeps nothing. It is killed with this value, and with this process.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    child: Child,
}

impl Redis {
    /// A new server; `None`, and a line that says so, where redis-server is not installed.
    ///
    /// # Panics
    /// Where it is installed and does not start.
    #[expect(clippy::print_stderr, reason = "a test that did not run says so")]
    pub async fn start(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for redis: {error}"));
        let child = match spawn(&folder) {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("{test} did not run: redis-server is not installed");
                return None;
            }
            Err(error) => panic!("starting redis-server: {error}"),
        };
        let redis = Self { folder, child };
        redis.ready().await;
        Some(redis)
    }

    /// For `REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket())
    }

    /// Kills the server; what it knew is gone.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        reaper::forget(self.child.id());
    }

    /// Stops the server in good order; it keeps nothing all the same.
    pub fn stop(&mut self) {
        // A server that was not waited for keeps its id, so this never reaches another.
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM).ok();
        self.child.wait().ok();
        reaper::forget(self.child.id());
    }

    /// Starts a server that was killed or stopped, at the same place.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start_again(&mut self) {
        self.child = spawn(&self.folder).unwrap_or_else(|error| panic!("starting redis-server: {error}"));
        self.ready().await;
    }

    /// How many keys it has.
    ///
    /// # Panics
    /// Where it does not say.
    pub async fn keys(&self) -> u64 {
        let answer = self.ask("DBSIZE").await.unwrap_or_else(|error| panic!("asking redis: {error:#}"));
        let count = answer.strip_prefix(':').and_then(|count| count.parse().ok());
        count.unwrap_or_else(|| panic!("redis said {answer:?}"))
    }

    fn socket(&self) -> String {
        self.folder.path().join("redis.sock").display().to_string()
    }

    async fn ready(&self) {
        let end = Instant::now() + START;
        while !matches!(self.ask("PING").await.as_deref(), Ok("+PONG")) {
            assert!(Instant::now() < end, "redis-server is not ready after {START:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// One command, and the first line of the answer.
    async fn ask(&self, command: &str) -> Result<String> {
        let mut stream = UnixStream::connect(self.socket()).await.context("connecting")?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        let mut answer = [0; 256];
        let length = stream.read(&mut answer).await?;
        ensure!(length > 0, "no answer");
        Ok(String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(folder: &TempDir) -> std::io::Result<Child> {
    let child = Command::new("redis-server")
        .args(["--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly", "no"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    reaper::watch(child.id()).unwrap_or_else(|error| panic!("{error:#}"));
    Ok(child)
}
