//! Databases that crashed runs left behind.

use super::drop_database;
use super::names::DatabaseName;
use anyhow::Result;
use sqlx::PgConnection;
use std::time::Duration;

/// A test's database is this old at most, as a rule.
const OLD: Duration = Duration::from_secs(3600);

/// Drops the databases of tests whose process is gone, and those older than an hour to which nobody is connected.
pub async fn sweep(connection: &mut PgConnection, server_url: &str) -> Result<()> {
    let names: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname like 'tenon\\_test\\_%'")
            .fetch_all(connection)
            .await?;
    for (name, parsed) in names.iter().filter_map(|name| Some((name, DatabaseName::parse(name)?))) {
        let orphan = parsed.is_orphan();
        if orphan || parsed.age() > OLD {
            // Another run may be sweeping too, or a long test still uses it: neither is our trouble.
            if let Err(error) = drop_database(server_url, name, orphan).await {
                eprintln!("{name} stays: {error:#}");
            }
        }
    }
    Ok(())
}
