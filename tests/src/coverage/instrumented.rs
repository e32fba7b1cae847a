//! The tests, with counters.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::checkout;
use crate::process::{PROGRAMS, is_of_our_package};

/// Stands between cargo and the compiler where one of our own packages is compiled; cargo keeps what it makes apart from other builds. The
/// counters can be moved into a file that is mapped into memory: what a program has counted is there when it is killed.
const COMPILER: &str = "#!/bin/sh
exec \"$@\" -C instrument-coverage -C llvm-args=-runtime-counter-relocation
";

/// One file for each program (`%m`), whichever of its processes write it, kept while they run (`%c`).
const PROFILE: &str = "%m%c.profraw";

/// Where counters are, and how programs get them.
pub(super) struct Run {
    compiler: PathBuf,
    profiles: PathBuf,
}

impl Run {
    pub(super) fn new() -> Result<Self> {
        let folder = checkout::root().join("target/coverage");
        let profiles = folder.join("profiles");
        fs::create_dir_all(&profiles).with_context(|| format!("{} cannot be made", profiles.display()))?;
        let compiler = folder.join("rustc");
        // Written anew only where it is another: cargo looks at its time.
        if fs::read_to_string(&compiler).ok().as_deref() != Some(COMPILER) {
            fs::write(&compiler, COMPILER)?;
            fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { compiler, profiles })
    }

    /// Builds all tests, and the programs that they start as they do; where these are.
    pub(super) fn build(&self) -> Result<Vec<PathBuf>> {
        let tests = self.executables(&["test", "--no-run"])?;
        let started = self.executables(&[&["build"][..], &PROGRAMS].concat())?;
        Ok([tests, started].concat())
    }

    fn executables(&self, arguments: &[&str]) -> Result<Vec<PathBuf>> {
        let mut command = self.cargo(arguments);
        command.args(["--message-format", "json-render-diagnostics"]);
        let output = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .output()
            .context("cargo cannot be run")?;
        ensure!(output.status.success(), "cargo {} failed", arguments.join(" "));
        let messages = String::from_utf8(output.stdout)?;
        Ok(messages.lines().filter_map(runs_our_code).collect())
    }

    /// Forgets what was counted.
    pub(super) fn forget(&self) -> Result<()> {
        fs::remove_dir_all(&self.profiles)?;
        fs::create_dir_all(&self.profiles)?;
        Ok(())
    }

    /// Runs tests; whether all passed.
    pub(super) fn test(&self, arguments: &[String]) -> Result<bool> {
        let mut command = self.cargo(&["test", "--no-fail-fast"]);
        command.args(arguments).env("LLVM_PROFILE_FILE", self.profiles.join(PROFILE));
        Ok(command.status().context("cargo cannot be run")?.success())
    }

    /// The files that were written.
    pub(super) fn profiles(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.profiles)? {
            files.push(entry?.path());
        }
        ensure!(!files.is_empty(), "no program has counted anything yet: run it without --again");
        Ok(files)
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .current_dir(checkout::root())
            .args(arguments)
            .env("RUSTC_WORKSPACE_WRAPPER", &self.compiler)
            // What the compiler itself or a build's script would count is nobody's.
            .env("LLVM_PROFILE_FILE", "/dev/null")
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if is_of_our_package(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
    }
}

/// The executable of cargo's message, where it is a program of tests or one of the product.
fn runs_our_code(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let executable = Path::new(message.get("executable")?.as_str()?);
    let of_tests = message.get("profile")?.get("test")?.as_bool()?;
    let name = message.get("target")?.get("name")?.as_str()?;
    (of_tests || ["tenon-api", "tenon-worker"].contains(&name)).then(|| executable.to_owned())
}
