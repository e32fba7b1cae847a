//! pgbench with the scripts in `tests/bench`: the statements that the API sends, without the API.

use anyhow::{Context, Result, ensure};
use sqlx::PgPool;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use super::options::Options;
use crate::checkout;

/// The program, for a login.
pub(super) struct Pgbench {
    program: PathBuf,
    url: String,
    pipelined: bool,
}

/// What it did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) transactions: u64,
    /// A second, without the time it took to connect.
    pub(super) rate: f64,
}

impl Pgbench {
    /// The pgbench of the server's own version.
    pub(super) async fn find(admin: &PgPool, url: &str, options: &Options) -> Result<Self> {
        let folder: String = sqlx::query_scalar("select setting from pg_config where name = 'BINDIR'")
            .fetch_one(admin)
            .await?;
        let program = PathBuf::from(folder).join("pgbench");
        ensure!(
            program.is_file(),
            "there is no {}; the yardsticks of contacts need it (Debian and Ubuntu: postgresql-contrib)",
            program.display()
        );
        Ok(Self { program, url: url.to_owned(), pipelined: !options.unpipelined })
    }

    /// Runs a script, its `{placeholders}` filled in, with variables.
    pub(super) async fn run(
        &self,
        script: &str,
        placeholders: &[(&str, String)],
        variables: &[(&str, String)],
        clients: usize,
        seconds: u64,
    ) -> Result<Done> {
        let file = checkout::root().join("tests/bench").join(script);
        let mut text =
            std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        for (name, value) in placeholders {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        if !self.pipelined {
            text = text
                .lines()
                .filter(|line| !line.ends_with("pipeline"))
                .fold(String::new(), |all, line| all + line + "\n");
        }
        let mut script = tempfile::NamedTempFile::with_prefix("tenon-bench-")?;
        script.write_all(text.as_bytes())?;
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string(), "-T", &seconds.to_string()])
            .arg("-f")
            .arg(script.path());
        for (name, value) in variables {
            command.args(["-D", &format!("{name}={value}")]);
        }
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        let output = command.arg(&self.url).stdin(Stdio::null()).kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "pgbench failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let value = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            line?.split_whitespace().next().map(str::to_owned)
        };
        let transactions = value("number of transactions actually processed:");
        let rate = value("tps =");
        let (transactions, rate) = transactions.zip(rate).with_context(|| format!("pgbench said: {said}"))?;
        Ok(Done {
            transactions: transactions.split('/').next().unwrap_or_default().parse()?,
            rate: rate.parse()?,
        })
    }
}
