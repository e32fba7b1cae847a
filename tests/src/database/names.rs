//! The names of our databases. No other is ever touched.

use anyhow::{Result, ensure};
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::{Duration, SystemTime};

/// Databases of `cargo dev`.
const DEV: &str = "tenon_dev";
/// Databases of tests.
const TEST: &str = "tenon_test_";

/// The name of a test's database: who made it, and when, so that a later run can tell whether it was left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseName {
    host: String,
    pid: i32,
    /// Seconds since 1970.
    made_at: u64,
    random: String,
}

impl DatabaseName {
    /// A new name for a database of this process.
    #[expect(clippy::new_without_default, reason = "two names are never equal, so none is the default")]
    pub fn new() -> Self {
        let pid = std::process::id().cast_signed();
        Self { host: host(), pid, made_at: now(), random: hex::encode(rand::random::<[u8; 4]>()) }
    }

    /// A name as it would be if another process of this machine had made it some time ago.
    pub fn of_another(pid: i32, age: Duration) -> Self {
        Self { pid, made_at: now() - age.as_secs(), ..Self::new() }
    }

    /// Reads a name; `None` where it is not that of a test's database.
    pub fn parse(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.strip_prefix(TEST)?.split('_').collect();
        let [host, pid, made_at, random] = parts[..] else { return None };
        Some(Self {
            host: host.to_owned(),
            pid: pid.parse().ok()?,
            made_at: u64::from_str_radix(made_at, 16).ok()?,
            random: random.to_owned(),
        })
    }

    /// Whether the process that made it is known to be gone.
    pub(super) fn is_orphan(&self) -> bool {
        self.host == host() && !crate::process::is_running(self.pid)
    }

    pub(super) fn age(&self) -> Duration {
        Duration::from_secs(now().saturating_sub(self.made_at))
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{TEST}{}_{}_{:x}_{}", self.host, self.pid, self.made_at, self.random)
    }
}

/// Refuses every name but ours, before it gets into a statement.
pub(super) fn ensure_ours(name: &str) -> Result<()> {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    ensure!(plain && (name.starts_with(DEV) || name.starts_with(TEST)), "{name:?} is not a database of ours");
    Ok(())
}

/// Four hex digits of the machine: process ids mean nothing on another.
fn host() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    hex::encode(&Sha256::digest(name.as_encoded_bytes())[..2])
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
