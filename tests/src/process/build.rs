//! Building `tenon-api` and `tenon-worker` with cargo, so that what is started is what is in the checkout.

use crate::checkout;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tokio::sync::OnceCell;

/// The built binaries.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// `tenon-api`.
    pub api: PathBuf,
    /// `tenon-worker`.
    pub worker: PathBuf,
}

/// How to build.
#[derive(Debug, Clone)]
pub struct Build {
    /// cargo's name of the profile: `dev`, `release` or one of the workspace's own.
    pub profile: String,
    /// Whether cargo's progress is shown.
    pub shown: bool,
}

impl Build {
    /// In the profile that this program was itself built in.
    pub fn own() -> Self {
        Self { profile: own_profile().unwrap_or_else(|| "dev".to_owned()), shown: false }
    }
}

/// What is named to cargo: our own package too, so that it unites the same features as for this program, and nothing is built twice.
#[rustfmt::skip]
pub(crate) const PROGRAMS: [&str; 10] = [
    "--package", "tenon-api", "--package", "tenon-worker", "--package", "tenon-tests",
    "--bin", "tenon-api", "--bin", "tenon-worker",
];

static BUILT: OnceCell<Binaries> = OnceCell::const_new();

/// The binaries of this process's own profile, or what [`build`] built before; built once per process.
pub async fn binaries() -> Result<&'static Binaries> {
    build(Build::own()).await
}

/// Builds both binaries where they are missing or stale. The first call decides how.
pub async fn build(how: Build) -> Result<&'static Binaries> {
    BUILT.get_or_try_init(|| async { tokio::task::spawn_blocking(move || run_cargo(&how)).await? }).await
}

fn run_cargo(how: &Build) -> Result<Binaries> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(checkout::root())
        .arg("build")
        .args(PROGRAMS)
        .args(["--profile", &how.profile, "--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(if how.shown { Stdio::inherit() } else { Stdio::piped() });
    for (name, _) in std::env::vars_os() {
        if is_of_our_package(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    let output = command.output().context("cargo cannot be run")?;
    ensure!(
        output.status.success(),
        "cargo could not build tenon-api and tenon-worker:\n{}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let messages = String::from_utf8(output.stdout)?;
    let binary = |name: &str| {
        let found = messages.lines().find_map(|line| executable(line, name));
        found.with_context(|| format!("cargo names no executable {name}"))
    };
    Ok(Binaries { api: binary("tenon-api")?, worker: binary("tenon-worker")? })
}

/// What cargo tells a program that it runs about the program's package. Build scripts that ask to be run again when one of
/// these changes (ring's does) would be, with all that depends on them, at each change between this cargo and a person's.
pub(crate) fn is_of_our_package(variable: &str) -> bool {
    let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    ours.iter().any(|prefix| variable.starts_with(prefix))
        || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&variable)
}

/// The path in cargo's message on a finished executable of that name.
fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let target = message.get("target")?;
    let is_binary = target.get("kind")?.as_array()?.iter().any(|kind| kind == "bin");
    (is_binary && target.get("name")? == name).then_some(())?;
    Some(PathBuf::from(message.get("executable")?.as_str()?))
}

/// Programs are in `target/<folder>/` and `target/<folder>/deps/`; the profile `dev` has the folder `debug`.
fn own_profile() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let folder =
        program.ancestors().skip(1).find(|folder| folder.file_name().is_some_and(|name| name != "deps"))?;
    let name = folder.file_name()?.to_str()?;
    Some(if name == "debug" { "dev".to_owned() } else { name.to_owned() })
}
