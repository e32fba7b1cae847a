//! The command line of `tenon-api`.

mod connections;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use tenon_common::account::tenant::{Founders, Plan};
use tenon_common::audit::Hash;
use tenon_common::config::{DatabaseArgs, ImportArgs, LogArgs, RetentionArgs, SecretArgs, StorageArgs};
use tenon_common::role::Role;

use crate::http::export::Exports;
use crate::http::limits::policy::Profile;
use crate::http::limits::{Limits, Mode};
use crate::http::seats::Most;

pub use connections::ConnectionArgs;

/// Tenon's HTTP API, and the operator's commands.
///
/// Settings come from the command line first, the environment second, the TOML file of --config third. A secret X may be read
/// from the file that X_FILE names.
#[derive(Parser, Debug)]
#[command(name = "tenon-api", version, disable_help_subcommand = true)]
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
    pub http: HttpArgs,
    /// See there.
    #[command(flatten)]
    pub connections: ConnectionArgs,
    /// See there.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// See there.
    #[command(flatten)]
    pub exports: ExportArgs,
    /// See there.
    #[command(flatten)]
    pub retention: RetentionArgs,
    /// See there.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// See there.
    #[command(flatten)]
    pub imports: ImportArgs,
    /// See there.
    #[command(flatten)]
    pub changes: ChangesArgs,
    /// See there.
    #[command(flatten)]
    pub organizations: OrganizationArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How many requests are answered.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Rate limits")]
pub struct LimitArgs {
    /// enforce refuses requests over a limit; shadow only counts them, in metrics; off does neither. Attempts to log in are
    /// limited in all three.
    #[arg(long, env = "TENON_RATE_LIMITS", value_name = "MODE", default_value = "enforce", global = true, value_parser = Mode::parse)]
    pub rate_limits: Mode,
    /// The numbers of the policies: default, or plan-literal, which allows 100 reads in 15 minutes with a credential too, and not
    /// 1,000.
    #[arg(long, env = "TENON_RATE_LIMIT_PROFILE", value_name = "PROFILE", default_value = "default", global = true, value_parser = Profile::parse)]
    pub rate_limit_profile: Profile,
    /// The Redis in which several API processes count together: redis://host:6379, rediss:// for TLS, redis+unix:///path.
    /// Without one, and while it is away, each process counts for itself.
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true, global = true)]
    pub redis_url: Option<String>,
}

impl LimitArgs {
    /// The limits, or what is wrong with the settings. Connects to nothing yet; needs a runtime.
    pub fn limits(&self) -> Result<Limits, String> {
        Ok(Limits::new(self.rate_limits, self.redis_url.as_deref())?.with_profile(self.rate_limit_profile))
    }
}

/// How many may follow the changes, and imports.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Changes")]
pub struct ChangesArgs {
    /// Readers of changes that wait or stream at once, of one organization, in this process; and as many who watch imports.
    #[arg(long, env = "TENON_CHANGES_READERS_OF_TENANT", value_name = "COUNT", default_value_t = 20, global = true,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub changes_readers_of_tenant: u32,
    /// Readers of changes that wait or stream at once, of all organizations, in this process; and as many who watch imports.
    #[arg(long, env = "TENON_CHANGES_READERS", value_name = "COUNT", default_value_t = 1000, global = true,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub changes_readers: u32,
}

impl ChangesArgs {
    /// The limits.
    pub fn most(&self) -> Most {
        Most { of_tenant: self.changes_readers_of_tenant, in_all: self.changes_readers }
    }
}

/// Who makes organizations.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Organizations")]
pub struct OrganizationArgs {
    /// Who may found organizations by the API: admins, users who are ADMIN of one, at most 5 each; or nobody.
    #[arg(long, env = "TENON_ORGANIZATION_CREATION", value_name = "WHO", default_value = "admins", global = true,
          value_parser = Founders::parse)]
    pub organization_creation: Founders,
}

/// How many exports are streamed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Exports")]
pub struct ExportArgs {
    /// How many exports this process streams at once; each takes some 5 MB of memory.
    #[arg(long, env = "TENON_EXPORTS_AT_ONCE", value_name = "COUNT", default_value_t = 8, global = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub exports_at_once: u16,
    /// How many of them may be one organization's.
    #[arg(long, env = "TENON_EXPORTS_PER_TENANT", value_name = "COUNT", default_value_t = 2, global = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub exports_per_tenant: u16,
}

impl ExportArgs {
    /// The bounds of exports.
    pub fn exports(&self, stall_deadline: Duration) -> Exports {
        Exports::new(self.exports_at_once.into(), self.exports_per_tenant.into(), stall_deadline)
    }
}

/// Where and for whom the API is served.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// Where the API listens; port 0 takes a free one.
    #[arg(
        long,
        env = "TENON_HTTP_ADDRESS",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080",
        global = true
    )]
    pub http_address: SocketAddr,
    /// Where probes and metrics are served.
    #[arg(
        long,
        env = "TENON_OPERATIONS_ADDRESS",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9090",
        global = true
    )]
    pub operations_address: SocketAddr,
    /// Proxies whose X-Forwarded-For is believed, as addresses or networks.
    #[arg(long, env = "TENON_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',', global = true, value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
    /// How long a drain may take, in seconds.
    #[arg(long, env = "TENON_DRAIN_DEADLINE", value_name = "SECONDS", default_value = "35", global = true,
          value_parser = tenon_common::config::seconds)]
    pub drain_deadline: Duration,
    /// Allow webhooks over http, to any port and to this machine: for development and tests.
    #[arg(long, env = "TENON_ALLOW_LOCAL_WEBHOOKS", global = true)]
    pub allow_local_webhooks: bool,
    /// Networks that webhooks may go to although they are not public; the workers need the same.
    #[arg(long, env = "TENON_WEBHOOK_ALLOWED_SUBNETS", value_name = "NETWORKS", value_delimiter = ',', global = true, value_parser = network)]
    pub webhook_allowed_subnets: Vec<IpNet>,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve the API.
    Serve,
    /// Bring the database's schema up to date.
    Migrate {
        /// The database as a login that is a member of tenon_owner; as an administrator it creates missing roles.
        #[arg(long, env = "TENON_MIGRATE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
        migrate_database_url: String,
    },
    /// Print the OpenAPI document.
    Openapi {
        /// Print the 3.0 form, for generators that need it.
        #[arg(long)]
        v30: bool,
        /// Write both forms into a folder instead: openapi.json and openapi-3.0.json.
        #[arg(long, value_name = "FOLDER")]
        write: Option<PathBuf>,
    },
    /// Check the installation: the login, the wall between tenants, migrations, the master key.
    Doctor,
    /// Check or print the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Operate: tenants and users.
    #[command(subcommand)]
    Admin(AdminCommand),
}

/// Settings.
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Check that every setting can be used.
    Check,
    /// Print every setting with its value and source; secrets are hidden.
    Print,
}

/// Operating.
#[derive(Subcommand, Debug)]
pub enum AdminCommand {
    /// Tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Users.
    #[command(subcommand)]
    User(UserCommand),
    /// The audit trail.
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// The audit trail.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Check the whole trail of a tenant; prints one JSON object, and fails where the trail is broken.
    Verify {
        /// The tenant's id or slug.
        #[arg(long)]
        tenant: String,
        /// A position and the hash that it had: what the trail must still have there.
        #[arg(long, value_name = "POSITION:HEX", value_parser = expected)]
        expect: Option<Expected>,
    },
}

/// What the trail must have at a position.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The position.
    pub position: i64,
    /// Its hash.
    pub hash: Hash,
}

fn expected(text: &str) -> Result<Expected, String> {
    let wrong = || "expected a position, a colon, and 64 hexadecimal digits".to_owned();
    let (position, hash) = text.split_once(':').ok_or_else(wrong)?;
    let position = position.parse().ok().filter(|position| *position > 0).ok_or_else(wrong)?;
    let hash = tenon_common::audit::parse_hash(hash).ok_or_else(wrong)?;
    Ok(Expected { position, hash })
}

/// Tenants.
#[derive(Subcommand, Debug)]
pub enum TenantCommand {
    /// Create a tenant with its first owner; prints one JSON object.
    Create {
        /// The tenant's name.
        #[arg(long)]
        name: String,
        /// DNS-safe and unique; made from the name if absent.
        #[arg(long)]
        slug: Option<String>,
        /// free, team, business or unlimited.
        #[arg(long, default_value = "free", value_parser = Plan::parse)]
        plan: Plan,
        /// The owner's login address.
        #[arg(long)]
        owner_email: String,
        /// The owner's name.
        #[arg(long)]
        owner_name: String,
        /// The owner's password; one is made and printed if absent.
        #[arg(long, env = "TENON_OWNER_PASSWORD", hide_env_values = true)]
        owner_password: Option<String>,
        /// Make an API key with all of the owner's rights, and print it.
        #[arg(long)]
        with_api_key: bool,
    },
    /// Change a tenant's plan; every server knows within 5 seconds. Prints one JSON object.
    Plan {
        /// The tenant's id.
        #[arg(long)]
        tenant: uuid::Uuid,
        /// free, team, business or unlimited.
        #[arg(long, value_parser = Plan::parse)]
        plan: Plan,
    },
    /// Bring back a tenant that was deleted within TENON_TENANT_RETENTION_DAYS, with its keys and members. Prints one JSON object.
    Restore {
        /// The tenant's id.
        #[arg(long)]
        tenant: uuid::Uuid,
    },
    /// Remove a deleted tenant for good, with all that it has, as the workers do when its retention is over. There is no way back.
    /// Stopped in the middle, it can be run again. Its slug stays reserved. Prints one JSON object.
    Purge {
        /// The tenant's id.
        #[arg(long)]
        tenant: uuid::Uuid,
        /// The tenant's slug, so that nobody purges another one by mistake.
        #[arg(long)]
        slug: String,
        /// Although it could still be restored.
        #[arg(long)]
        now: bool,
        /// The database as a login that is a member of tenon_owner: what the API's login cannot do.
        #[arg(long, env = "TENON_MIGRATE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
        migrate_database_url: String,
    },
    /// Let the rate limits of a tenant, its users and keys begin anew: within 5 seconds, in Redis and in the memory of every API
    /// process. Limits by address and of logins stay. Prints one JSON object.
    ResetLimits {
        /// The tenant's id.
        #[arg(long)]
        tenant: uuid::Uuid,
    },
}

/// Users.
#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Make a user a member of a tenant; prints one JSON object.
    Create {
        /// The tenant's id.
        #[arg(long)]
        tenant: uuid::Uuid,
        /// The login address.
        #[arg(long)]
        email: String,
        /// The name.
        #[arg(long)]
        name: String,
        /// CLIENT, AGENT, ADMIN, SUPER_ADMIN or DEVELOPER.
        #[arg(long, value_parser = role)]
        role: Role,
        /// The password; one is made and printed if absent.
        #[arg(long, env = "TENON_USER_PASSWORD", hide_env_values = true)]
        password: Option<String>,
    },
}

fn role(name: &str) -> Result<Role, String> {
    Role::parse(name).map_err(|_| "expected CLIENT, AGENT, ADMIN, SUPER_ADMIN or DEVELOPER".to_owned())
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse()
        .or_else(|_| address())
        .map_err(|_| "expected an address or a network such as 10.0.0.0/8".to_owned())
}
