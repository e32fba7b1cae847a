//! Where a server's files are.

use super::account::{Account, make_our_folder};
use crate::checkout;
use anyhow::Result;
use nix::unistd::Uid;
use std::fs::create_dir_all;
use std::path::{Path, PathBuf};

/// The longest path of a unix socket, without its closing zero: 107 bytes on Linux, 103 on macOS.
const SOCKET_PATH_LIMIT: usize = 103;
/// The name that PostgreSQL gives its socket.
pub(super) const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// The folder of a server of this checkout. Below `.tenon` as a rule, and below /var/tmp for root, whose checkout is often
/// closed to the user that the server runs as.
pub fn folder(name: &str) -> Result<PathBuf> {
    Ok(base()?.join(name))
}

/// The folder of all servers of this checkout.
pub(super) fn base() -> Result<PathBuf> {
    let base = if Account::of_server()?.lowered() {
        PathBuf::from(format!("/var/tmp/tenon-{}", checkout::fingerprint()))
    } else {
        create_dir_all(checkout::tenon_folder())?;
        checkout::tenon_folder().join("postgres")
    };
    make_our_folder(&base)?;
    Ok(base)
}

/// The folder of the socket: below the server's, or in /tmp where that path would be too long.
pub(super) fn socket_folder(folder: &Path) -> PathBuf {
    let beside = folder.join("run");
    if beside.join(SOCKET_NAME).as_os_str().len() <= SOCKET_PATH_LIMIT {
        return beside;
    }
    let digest = <sha2::Sha256 as sha2::Digest>::digest(folder.as_os_str().as_encoded_bytes());
    PathBuf::from(format!("/tmp/tenon-{}-{}", Uid::effective(), hex::encode(&digest[..6])))
}
