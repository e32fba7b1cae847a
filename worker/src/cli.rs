//! The command line of `tenon-worker`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use tenon_common::config::{
    DatabaseArgs, ImportArgs, LogArgs, RetentionArgs, SecretArgs, StorageArgs, seconds,
};
use tenon_common::export;
use tenon_common::job::Queue;
use tenon_common::webhook::schedule::RetrySchedule;

/// Tenon's worker: delivers webhooks and does whatever else the API leaves for later. Run as many as you like.
///
/// Settings come from the command line first, the environment second, the TOML file of --config third. A secret X may be read
/// from the file that X_FILE names.
#[derive(Parser, Debug)]
#[command(name = "tenon-worker", version, disable_help_subcommand = true)]
pub struct Cli {
    /// A TOML file of settings; its keys are the long flags without their dashes.
    #[arg(long, env = "TENON_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// See there.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// See there.
    #[command(flatten)]
    pub secret: SecretArgs,
    /// See there.
    #[command(flatten)]
    pub log: LogArgs,
    /// See there.
    #[command(flatten)]
    pub work: WorkArgs,
    /// See there.
    #[command(flatten)]
    pub webhooks: WebhookArgs,
    /// See there.
    #[command(flatten)]
    pub retention: RetentionArgs,
    /// See there.
    #[command(flatten)]
    pub housekeeping: HousekeepingArgs,
    /// See there.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// See there.
    #[command(flatten)]
    pub imports: ImportArgs,
    /// See there.
    #[command(flatten)]
    pub exports: ExportArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How exports are written into files.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Exports")]
pub struct ExportArgs {
    /// Exports of a tenant that are written at once; the others wait.
    #[arg(long, env = "TENON_EXPORTS_RUNNING", value_name = "COUNT", default_value_t = 1, global = true,
          value_parser = clap::value_parser!(i64).range(1..=100))]
    pub exports_running: i64,
    /// How long the file of an export is kept, in seconds; then it is removed.
    #[arg(long, env = "TENON_EXPORT_KEEP", value_name = "SECONDS", default_value = "86400", global = true, value_parser = seconds)]
    pub export_keep: Duration,
}

impl ExportArgs {
    /// The limits.
    pub fn limits(&self) -> export::job::Limits {
        export::job::Limits { running: self.exports_running, keep: self.export_keep }
    }
}

/// What is worked on, and how much of it at once.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Work")]
pub struct WorkArgs {
    /// Where probes and metrics are served; port 0 takes a free one.
    #[arg(
        long,
        env = "TENON_OPERATIONS_ADDRESS",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9091",
        global = true
    )]
    pub operations_address: SocketAddr,
    /// The queues to work on: webhooks, imports, exports, mail, maintenance.
    #[arg(
        long,
        env = "TENON_QUEUES",
        value_name = "QUEUES",
        value_delimiter = ',',
        global = true,
        default_value = "webhooks,imports,exports,mail,maintenance"
    )]
    pub queues: Vec<Queue>,
    /// The database without a pooler between, as TENON_DATABASE_URL is written: for LISTEN, which a pooler in transaction mode
    /// cannot do. Without it jobs are found by the poll alone behind one.
    #[arg(
        long,
        env = "TENON_DATABASE_DIRECT_URL",
        value_name = "URL",
        hide_env_values = true,
        global = true
    )]
    pub database_direct_url: Option<String>,
    /// Deliveries under way at once, at most.
    #[arg(long, env = "TENON_CONCURRENCY", value_name = "COUNT", default_value_t = 256, global = true,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub concurrency: u32,
    /// How long a drain may take, in seconds; what is left is handed back.
    #[arg(long, env = "TENON_DRAIN_DEADLINE", value_name = "SECONDS", default_value = "35", global = true, value_parser = seconds)]
    pub drain_deadline: Duration,
    /// After how long without a sign of life another worker's jobs are taken over, in seconds.
    #[arg(long, env = "TENON_WORKER_DEAD_AFTER", value_name = "SECONDS", default_value = "20", global = true, value_parser = seconds)]
    pub worker_dead_after: Duration,
    /// How often this worker gives a sign of life and looks for dead ones, in seconds.
    #[arg(long, env = "TENON_SWEEP_EVERY", value_name = "SECONDS", default_value = "5", global = true, value_parser = seconds)]
    pub sweep_every: Duration,
    /// How often deleted organizations are looked for whose retention is over, in seconds.
    #[arg(long, env = "TENON_TENANT_PURGE_EVERY", value_name = "SECONDS", default_value = "3600", global = true, value_parser = seconds)]
    pub tenant_purge_every: Duration,
    /// How often new entries of the audit trail are sealed, in seconds.
    #[arg(long, env = "TENON_AUDIT_SEAL_EVERY", value_name = "SECONDS", default_value = "2", global = true, value_parser = seconds)]
    pub audit_seal_every: Duration,
}

/// How webhooks are delivered.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookArgs {
    /// The delays before each attempt, in seconds, the first after the event; or `plan` or `standard`.
    #[arg(
        long,
        env = "TENON_RETRY_SCHEDULE",
        value_name = "SECONDS,…",
        default_value = "plan",
        global = true
    )]
    pub retry_schedule: RetrySchedule,
    /// The deadline of an attempt, over connect, headers and body, in seconds.
    #[arg(long, env = "TENON_WEBHOOK_TIMEOUT", value_name = "SECONDS", default_value = "30", global = true, value_parser = seconds)]
    pub webhook_timeout: Duration,
    /// Allow webhooks over http, to any port and to this machine: for development and tests.
    #[arg(long, env = "TENON_ALLOW_LOCAL_WEBHOOKS", global = true)]
    pub allow_local_webhooks: bool,
    /// Disable a webhook after so long without a success, in seconds; 0 never does.
    #[arg(long, env = "TENON_WEBHOOK_DISABLE_AFTER", value_name = "SECONDS", default_value = "432000", global = true, value_parser = seconds)]
    pub webhook_disable_after: Duration,
    /// And after so many failures.
    #[arg(long, env = "TENON_WEBHOOK_DISABLE_FAILURES", value_name = "COUNT", default_value_t = 20, global = true,
          value_parser = clap::value_parser!(i32).range(1..))]
    pub webhook_disable_failures: i32,
    /// How often failing webhooks are looked at, in seconds.
    #[arg(long, env = "TENON_WEBHOOK_REVIEW_EVERY", value_name = "SECONDS", default_value = "60", global = true, value_parser = seconds)]
    pub webhook_review_every: Duration,
    /// Networks that webhooks may go to although they are not public.
    #[arg(
        long,
        env = "TENON_WEBHOOK_ALLOWED_SUBNETS",
        value_name = "NETWORKS",
        value_delimiter = ',',
        global = true
    )]
    pub webhook_allowed_subnets: Vec<IpNet>,
}

/// What is removed by itself, and when.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Housekeeping")]
pub struct HousekeepingArgs {
    /// How often each task of the housekeeping looks for something to do, in seconds.
    #[arg(long, env = "TENON_HOUSEKEEPING_EVERY", value_name = "SECONDS", default_value = "600", global = true, value_parser = seconds)]
    pub housekeeping_every: Duration,
    /// For how many days a deleted record can be restored; then it is purged, with its event.
    #[arg(long, env = "TENON_RECORD_RETENTION_DAYS", value_name = "DAYS", default_value_t = 30, global = true,
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub record_retention_days: u32,
    /// For how many days a delivery that has ended is kept, with its attempts, counted from its event. What is pending or paused stays.
    #[arg(long, env = "TENON_DELIVERY_RETENTION_DAYS", value_name = "DAYS", default_value_t = 30, global = true,
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub delivery_retention_days: u32,
    /// For how many days events are kept at least; then a month is dropped as a whole, and cursors of the change feed behind it expire.
    #[arg(long, env = "TENON_EVENT_RETENTION_DAYS", value_name = "DAYS", default_value_t = 30, global = true,
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub event_retention_days: u32,
    /// For how many days a job that was given up is kept for you to look at.
    #[arg(long, env = "TENON_KILLED_JOB_RETENTION_DAYS", value_name = "DAYS", default_value_t = 14, global = true,
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub killed_job_retention_days: u32,
}

impl HousekeepingArgs {
    /// How long deleted records are kept.
    pub fn records(&self) -> TimeDelta {
        days(self.record_retention_days)
    }

    /// How long deliveries that have ended are kept.
    pub fn deliveries(&self) -> TimeDelta {
        days(self.delivery_retention_days)
    }

    /// How long events are kept at least.
    pub fn events(&self) -> TimeDelta {
        days(self.event_retention_days)
    }

    /// How long jobs that were given up are kept.
    pub fn killed_jobs(&self) -> TimeDelta {
        days(self.killed_job_retention_days)
    }
}

fn days(count: u32) -> TimeDelta {
    TimeDelta::days(i64::from(count))
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Work until SIGTERM or SIGINT.
    Run,
    /// Check or print the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Settings.
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Check that every setting can be used.
    Check,
    /// Print every setting with its value and source; secrets are hidden.
    Print,
}
