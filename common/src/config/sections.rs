//! Settings that both programs share.

use std::time::Duration;

use clap::Args;

use crate::db::DbConfig;
use crate::import;
use crate::secret::MasterKey;
use crate::storage::Storage;

/// How to reach the database.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// The database, as this server's own login: postgres://login:password@host/database. The login is a member of tenon_app
    /// (the API) or tenon_worker (the worker), never a superuser or an owner.
    #[arg(long, env = "TENON_DATABASE_URL", value_name = "URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// The most connections that this process opens. Statements are short: a few connections to each of the database's
    /// processors are quicker than many.
    #[arg(long, env = "TENON_DATABASE_CONNECTIONS", value_name = "COUNT", default_value_t = 8, global = true,
          value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_connections: u32,
    /// How long a request waits for a free connection before it is refused, in seconds.
    #[arg(long, env = "TENON_DATABASE_ACQUIRE_TIMEOUT", value_name = "SECONDS", default_value = "3", global = true,
          value_parser = seconds)]
    pub database_acquire_timeout: Duration,
}

impl DatabaseArgs {
    /// The configuration of the pool, or which setting is missing.
    pub fn config(&self, application_name: &'static str) -> Result<DbConfig, String> {
        let url = self.database_url.clone().ok_or(
            "TENON_DATABASE_URL is not set; expected postgres://login:password@host/database of this server's own login",
        )?;
        Ok(DbConfig {
            url,
            max_connections: self.database_connections,
            acquire_timeout: self.database_acquire_timeout,
            application_name,
        })
    }
}

/// The master key.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Secrets")]
pub struct SecretArgs {
    /// The installation's master key, 32 bytes in base64; the same for every server. Make one with: openssl rand -base64 32
    #[arg(long, env = "TENON_SECRET_KEY", value_name = "BASE64", hide_env_values = true, global = true, value_parser = MasterKey::parse)]
    pub secret_key: Option<MasterKey>,
}

impl SecretArgs {
    /// The key, or which setting is missing.
    pub fn key(&self) -> Result<MasterKey, String> {
        self.secret_key.clone().ok_or_else(|| {
            "TENON_SECRET_KEY is not set; expected 32 bytes in base64 (make one with: openssl rand -base64 32)".to_owned()
        })
    }
}

/// Where files are kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Files")]
pub struct StorageArgs {
    /// Where files of imports and exports are kept, the same for every server: a folder, file:///folder, or s3://bucket/folder with
    /// the usual AWS_… variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT).
    #[arg(long, env = "TENON_STORAGE_URL", value_name = "URL", default_value = "tenon-files", global = true)]
    pub storage_url: String,
}

impl StorageArgs {
    /// The storage, or what is wrong with the setting.
    pub fn open(&self) -> Result<Storage, String> {
        Storage::open(&self.storage_url).map_err(|error| format!("TENON_STORAGE_URL: {error}"))
    }
}

/// How much may be imported.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Imports")]
pub struct ImportArgs {
    /// Bytes of a file at most.
    #[arg(long, env = "TENON_IMPORT_BYTES", value_name = "BYTES", default_value_t = 1 << 30, global = true,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub import_bytes: u64,
    /// Rows of a file at most.
    #[arg(long, env = "TENON_IMPORT_ROWS", value_name = "COUNT", default_value_t = 5_000_000, global = true,
          value_parser = clap::value_parser!(i64).range(1..))]
    pub import_rows: i64,
    /// Imports of a tenant that run at once; the others wait.
    #[arg(long, env = "TENON_IMPORTS_RUNNING", value_name = "COUNT", default_value_t = 1, global = true,
          value_parser = clap::value_parser!(i64).range(1..=100))]
    pub imports_running: i64,
    /// For how many days an import can be reverted; then what that needs, its file and its errors are removed.
    #[arg(long, env = "TENON_IMPORT_REVERT_DAYS", value_name = "DAYS", default_value_t = 7, global = true,
          value_parser = clap::value_parser!(i32).range(1..=365))]
    pub import_revert_days: i32,
}

impl ImportArgs {
    /// The limits.
    pub fn limits(&self) -> import::Limits {
        import::Limits {
            bytes: self.import_bytes,
            rows: self.import_rows,
            running: self.imports_running,
            revert_days: self.import_revert_days,
        }
    }
}

/// How long what is deleted is kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Retention")]
pub struct RetentionArgs {
    /// For how many days a deleted organization can be restored; then the workers purge it. The same for every server.
    #[arg(long, env = "TENON_TENANT_RETENTION_DAYS", value_name = "DAYS", default_value_t = 30, global = true,
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub tenant_retention_days: u32,
}

impl RetentionArgs {
    /// How long a deleted organization is kept.
    pub fn tenants(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::days(i64::from(self.tenant_retention_days))
    }
}

/// What is logged. Logs are JSON lines on standard error.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Which logs are written: a level, or levels by target such as `info,tenon_worker=debug`.
    #[arg(long, env = "TENON_LOG", value_name = "FILTER", default_value = "info", global = true)]
    pub log: String,
}

/// Reads a duration in seconds; decimals are allowed.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let expected = || "expected seconds, such as 30 or 0.5".to_owned();
    let seconds: f64 = text.parse().map_err(|_| expected())?;
    // What is longer cannot be added to, and says no more than this.
    Duration::try_from_secs_f64(seconds).map_err(|_| expected()).map(|seconds| seconds.min(LONGEST))
}

/// A hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);
