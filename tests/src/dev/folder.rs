//! What `cargo dev` keeps in `.tenon/`: the master key, the demo's secrets, logs, and `dev.json` while it runs.

use super::announcement::Announcement;
use crate::checkout;
use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub(super) struct Folder {
    path: PathBuf,
    /// Locked while we run.
    _lock: File,
}

impl Folder {
    /// # Errors
    /// Where another `cargo dev` runs in this checkout.
    pub(super) fn open() -> Result<Self> {
        let path = checkout::tenon_folder();
        fs::create_dir_all(path.join("logs")).with_context(|| format!("making {}", path.display()))?;
        let lock = File::create(path.join("dev.lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!("it runs already in this checkout: see {}", path.join("dev.json").display())
            }
            Err(TryLockError::Error(error)) => return Err(error).context("locking"),
        }
        let folder = Self { path, _lock: lock };
        folder.remove_announcement();
        Ok(folder)
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    /// The master key, made at the first start: 32 bytes in base64.
    pub(super) fn secret_key(&self) -> Result<String> {
        let file = self.path.join("secret-key");
        match fs::read_to_string(&file) {
            Ok(key) => Ok(key.trim().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = BASE64_STANDARD.encode(rand::random::<[u8; 32]>());
                write_secret(&file, format!("{key}\n").as_bytes())?;
                Ok(key)
            }
            Err(error) => Err(error).with_context(|| file.display().to_string()),
        }
    }

    /// What an earlier start remembered under this name.
    pub(super) fn recall<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let file = self.path.join(name);
        match fs::read(&file) {
            Ok(bytes) => {
                Ok(Some(serde_json::from_slice(&bytes).with_context(|| file.display().to_string())?))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| file.display().to_string()),
        }
    }

    pub(super) fn remember<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        write_secret(&self.path.join(name), &serde_json::to_vec_pretty(value)?)
    }

    pub(super) fn write_announcement(&self, announcement: &Announcement) -> Result<()> {
        self.remember("dev.json", announcement)
    }

    pub(super) fn remove_announcement(&self) {
        fs::remove_file(self.path.join("dev.json")).ok();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.remove_announcement();
    }
}

/// For our user's eyes only, and whole or not there: written beside and renamed.
fn write_secret(file: &Path, bytes: &[u8]) -> Result<()> {
    let unfinished = file.with_extension("unfinished");
    fs::remove_file(&unfinished).ok();
    let write = || {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?.write_all(bytes)?;
        fs::rename(&unfinished, file)
    };
    write().with_context(|| format!("writing {}", file.display()))
}
