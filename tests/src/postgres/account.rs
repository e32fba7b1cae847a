//! Under which user the server runs: PostgreSQL refuses root.

use anyhow::{Context, Result, ensure};
use nix::unistd::{Gid, Uid, User, chown};
use std::fs::{DirBuilder, symlink_metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The user of the server's processes and of its data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: Uid,
    gid: Gid,
    /// We are root and the server is not.
    lowered: bool,
}

impl Account {
    /// Ourselves; for root `postgres`, and `nobody` where there is no `postgres`.
    pub(super) fn of_server() -> Result<Self> {
        let uid = Uid::effective();
        if !uid.is_root() {
            return Ok(Self { uid, gid: Gid::effective(), lowered: false });
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name)? {
                return Ok(Self { uid: user.uid, gid: user.gid, lowered: true });
            }
        }
        anyhow::bail!(
            "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as"
        );
    }

    /// Whether the server runs as somebody else, to whom our own folders may be closed.
    pub(super) fn lowered(&self) -> bool {
        self.lowered
    }

    /// A command to be run as the server's user, from a folder that is open to it and without our settings for clients.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        if self.lowered {
            command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
        }
        command
    }

    /// Makes a folder that only the server's user may enter (and root).
    pub(super) fn make_folder(&self, path: &Path) -> Result<()> {
        make_folder(path, 0o700, None)?;
        if self.lowered {
            chown(path, Some(self.uid), Some(self.gid))
                .with_context(|| format!("giving away {}", path.display()))?;
        }
        check_owner(path, self.uid)
    }
}

/// Makes a folder of our own, in which the server's user can reach what is its own.
pub(super) fn make_our_folder(path: &Path) -> Result<()> {
    make_folder(path, 0o711, Some(Uid::effective()))
}

fn make_folder(path: &Path, mode: u32, owner: Option<Uid>) -> Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => match owner {
            Some(owner) => check_owner(path, owner),
            None => Ok(()),
        },
        Err(error) => Err(error).with_context(|| format!("making the folder {}", path.display())),
    }
}

/// A folder below /tmp or /var/tmp could have been put there by somebody else, to read what we write.
fn check_owner(path: &Path, owner: Uid) -> Result<()> {
    let found = symlink_metadata(path).with_context(|| format!("looking at {}", path.display()))?;
    ensure!(found.is_dir(), "{} should be a folder", path.display());
    ensure!(
        found.uid() == owner.as_raw() && found.mode() & 0o022 == 0,
        "{} should belong to user {owner} and be writable to nobody else; remove it",
        path.display()
    );
    Ok(())
}
