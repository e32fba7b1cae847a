//! What to start: a binary, its arguments, its environment.

use super::{Process, binaries};
use crate::checkout;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

#[derive(Debug, Clone, Copy)]
enum Binary {
    Api,
    Worker,
}

/// A command of `tenon-api` or `tenon-worker`, ready to be started.
#[derive(Debug, Clone)]
pub struct Program {
    binary: Binary,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    inherits: bool,
    files: Option<u32>,
    through: Vec<String>,
    pub(super) log: Option<PathBuf>,
}

impl Program {
    /// `tenon-api serve`, on free ports unless told otherwise.
    pub fn api() -> Self {
        Self::api_command(["serve"])
            .env("TENON_HTTP_ADDRESS", "127.0.0.1:0")
            .env("TENON_OPERATIONS_ADDRESS", "127.0.0.1:0")
    }

    /// `tenon-worker run`, its operations on a free port unless told otherwise.
    pub fn worker() -> Self {
        Self::new(Binary::Worker, ["run"]).env("TENON_OPERATIONS_ADDRESS", "127.0.0.1:0")
    }

    /// Another command of `tenon-api`: `migrate`, `admin tenant create …`.
    pub fn api_command<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(Binary::Api, arguments)
    }

    fn new<'a>(binary: Binary, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        let environment = BTreeMap::new();
        let (files, through, log) = (None, Vec::new(), None);
        let program = Self { binary, arguments, environment, inherits: false, files, through, log };
        // Not in the working folder, where the default would put it.
        program.env("TENON_STORAGE_URL", &checkout::tenon_folder().join("test-files").to_string_lossy())
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Lets it see our own TENON_… and REDIS_URL too, which a test would not want.
    pub fn with_our_settings(mut self) -> Self {
        self.inherits = true;
        self
    }

    /// Lets it have so many files open at once.
    pub fn files_at_most(mut self, files: u32) -> Self {
        self.files = Some(files);
        self
    }

    /// Starts it by another program that becomes it, with its process id: `ip netns exec NAME`.
    pub fn through<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        self.through = words.into_iter().map(str::to_owned).collect();
        self
    }

    /// Writes its log to this file, which is emptied at the start; otherwise to one that is deleted at the end.
    pub fn log_to(mut self, file: PathBuf) -> Self {
        self.log = Some(file);
        self
    }

    /// Starts it and waits until it is listening.
    ///
    /// # Panics
    /// Where it does not start, with the end of its log.
    pub async fn start(self) -> Process {
        self.try_start().await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// As [`Program::start`], for callers that can go on without it.
    pub async fn try_start(self) -> Result<Process> {
        Process::start(self).await
    }

    /// Runs it to its end; its standard output, where it succeeds.
    pub async fn run(self) -> Result<String> {
        let mut command = self.command().await?;
        let output = tokio::task::spawn_blocking(move || command.stdin(std::process::Stdio::null()).output())
            .await??;
        ensure!(
            output.status.success(),
            "{} {} failed ({}):\n{}",
            self.name(),
            self.arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    pub(super) fn name(&self) -> &'static str {
        match self.binary {
            Binary::Api => "tenon-api",
            Binary::Worker => "tenon-worker",
        }
    }

    pub(super) async fn command(&self) -> Result<Command> {
        let binaries = binaries().await?;
        let binary = match self.binary {
            Binary::Api => &binaries.api,
            Binary::Worker => &binaries.worker,
        };
        let mut words: Vec<OsString> = self.through.iter().map(Into::into).collect();
        if let Some(files) = self.files {
            words.extend(["sh", "-c"].map(Into::into));
            words.push(format!("ulimit -n {files} && exec \"$0\" \"$@\"").into());
        }
        words.push(binary.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        if !self.inherits {
            for (name, _) in std::env::vars_os() {
                let bytes = name.as_encoded_bytes();
                if name == "REDIS_URL" || bytes.starts_with(b"TENON_") && name != "TENON_LOG" {
                    command.env_remove(name);
                }
            }
        }
        command.env_remove("DATABASE_URL").envs(&self.environment).args(&self.arguments);
        // Ctrl-C in a terminal is for us; we tell our children in our own order.
        command.process_group(0);
        Ok(command)
    }
}
