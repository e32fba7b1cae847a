//! Clocks that can be set while programs run, by libfaketime. The monotonic clock, by which timers run, goes on as it does on a machine
//! whose time is set.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::Program;

/// The time of programs, relative to the real one.
pub(super) struct Clock {
    library: PathBuf,
    folder: TempDir,
}

impl Clock {
    /// As the real one is; none where libfaketime is not installed.
    pub(super) fn find() -> Result<Option<Self>> {
        let Some(library) = find() else { return Ok(None) };
        let clock = Self { library, folder: tempfile::tempdir()? };
        clock.set(0)?;
        Ok(Some(clock))
    }

    /// So many seconds ahead of the real time, or behind it.
    pub(super) fn set(&self, seconds: i32) -> Result<()> {
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{seconds:+}\n")).context("setting the clock")?;
        // Programs read it whenever they look at the clock: it is never half there.
        fs::rename(new, self.file()).context("setting the clock")
    }

    /// A program that goes by it.
    pub(super) fn of(&self, program: Program) -> Program {
        program
            .env("LD_PRELOAD", &self.library.to_string_lossy())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file().to_string_lossy())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            // The same, as older ones have it.
            .env("DONT_FAKE_MONOTONIC", "1")
    }

    /// The clock is set to each of these in turn, and stays so for a while.
    pub(super) async fn jump(&self, to: &[i32], pause: Duration) -> Result<()> {
        for seconds in to {
            self.set(*seconds)?;
            sleep(pause).await;
        }
        Ok(())
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("time")
    }
}

/// Debian has it below the folder of its architecture, others below lib or lib64.
fn find() -> Option<PathBuf> {
    let below = |folder: &Path| folder.join("faketime/libfaketimeMT.so.1");
    let roots = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    roots.into_iter().chain(folders).map(|folder| below(&folder)).find(|library| library.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_a_number_of_seconds_with_its_sign() {
        let clock = Clock { library: PathBuf::new(), folder: tempfile::tempdir().unwrap() };
        for (seconds, text) in [(3600, "+3600\n"), (-3600, "-3600\n"), (0, "+0\n")] {
            clock.set(seconds).unwrap();
            assert_eq!(fs::read_to_string(clock.file()).unwrap(), text);
        }
    }
}
