//! PostgreSQL's binaries: which can be used, and from where they are taken.

use super::account::Account;
use super::{installed, package};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};

/// The oldest PostgreSQL that the product works with.
pub(super) const OLDEST_MAJOR: i32 = 15;

const HOW_TO_INSTALL: &str = "PostgreSQL 15 or newer is needed, and none was found. One command installs it:
  Debian, Ubuntu   sudo apt-get install -y postgresql
  Fedora           sudo dnf install -y postgresql-server postgresql-contrib
  Arch Linux       sudo pacman -S --noconfirm postgresql
  Alpine           sudo apk add postgresql postgresql-contrib
  macOS            brew install postgresql@17
With npm a package is fetched instead. With DATABASE_URL set to an administrator's URL, that server is used.";

/// Binaries that can be used.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    pub(super) bin: PathBuf,
    pub(super) major: i32,
}

impl Installation {
    /// Looks at the binaries in a folder; an error tells why they cannot be used.
    pub(super) fn at(bin: &Path, account: Account) -> Result<Self> {
        for program in ["postgres", "initdb"] {
            ensure!(bin.join(program).is_file(), "there is no {program}");
        }
        // `-s` shows what initdb would use, and does nothing.
        let shown = account
            .command(bin.join("initdb"))
            .args(["-s", "-D", "/nonexistent"])
            .output()
            .context("initdb cannot be run by the server's user")?;
        let shown = String::from_utf8_lossy(&[shown.stdout, shown.stderr].concat()).into_owned();
        let value = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let version = value("VERSION").with_context(|| format!("initdb says: {}", shown.trim()))?;
        let major = major(version).with_context(|| format!("initdb has the version {version:?}"))?;
        ensure!(major >= OLDEST_MAJOR, "version {version} is too old");
        let share = value("share_path").context("initdb does not say where its files are")?;
        let hstore = Path::new(share).join("extension/hstore.control");
        ensure!(hstore.exists(), "hstore is missing (install the contrib package)");
        Ok(Self { bin: bin.to_owned(), major })
    }

    /// The first that can be used. Data that exist already need their own major version.
    pub(super) fn find(account: Account, data_major: Option<i32>) -> Result<Self> {
        let mut reasons = Vec::new();
        // For trying the package on a machine that has PostgreSQL, and the reverse.
        let wanted = std::env::var("TENON_POSTGRES").unwrap_or_default();
        ensure!(
            ["", "installed", "package"].contains(&wanted.as_str()),
            "TENON_POSTGRES is {wanted:?}; it may be `installed` or `package`"
        );
        let suits = |found: &Self| data_major.is_none_or(|major| major == found.major);
        if wanted != "package" {
            for bin in installed::candidates() {
                match Self::at(&bin, account) {
                    Ok(found) if suits(&found) => return Ok(found),
                    Ok(found) => reasons.push(format!("{}: version {}", bin.display(), found.major)),
                    Err(reason) => reasons.push(format!("{}: {reason:#}", bin.display())),
                }
            }
        }
        match data_major {
            _ if wanted == "installed" => {}
            Some(major) if !package::VERSION.starts_with(&format!("{major}.")) => {
                reasons.push(format!("npm package: version {}", package::VERSION));
            }
            _ => match package::install(account) {
                Ok(found) => return Ok(found),
                Err(reason) => reasons.push(format!("npm package: {reason:#}")),
            },
        }
        let reasons: String = reasons.iter().map(|reason| format!("\n  {reason}")).collect();
        match data_major {
            None => bail!("{HOW_TO_INSTALL}\nNot usable here:{reasons}"),
            Some(major) => {
                bail!("the data were made by PostgreSQL {major}, which was not found among:{reasons}")
            }
        }
    }
}

/// `15.18 (Debian 15.18-0+deb12u1)` is 15, `18beta1` is 18.
fn major(version: &str) -> Option<i32> {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
