//! The database that tests' databases are copies of: one for each state of the schema.

use super::names::DatabaseName;
use super::roles::{LOCK, UNLOCK};
use super::urls::with_database;
use super::{drop_database, names};
use crate::checkout;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgConnection, raw_sql};
use std::fs;
use std::path::{Path, PathBuf};

const PREFIX: &str = "tenon_test_template_";

/// The template of the present schema; made where there is none, by one process at a time.
pub(super) async fn find_or_make(connection: &mut PgConnection, server_url: &str) -> Result<String> {
    let name = name()?;
    raw_sql(LOCK).execute(&mut *connection).await?;
    let result = async {
        if !exists(connection, &name).await? {
            drop_unused(connection, server_url).await?;
            make(connection, server_url, &name).await?;
        }
        Ok(())
    }
    .await;
    raw_sql(UNLOCK).execute(&mut *connection).await?;
    result.map(|()| name)
}

/// `tenon_test_template_<hash>`, of all that the schema depends on.
fn name() -> Result<String> {
    let mut hash = Sha256::new();
    for file in files(&checkout::migrations())? {
        hash.update(file.strip_prefix(checkout::root())?.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(fs::read(&file)?);
        hash.update([0]);
    }
    hash.update(queue_version()?);
    Ok(format!("{PREFIX}{}", hex::encode(&hash.finalize()[..8])))
}

/// All files below a folder, in an order that is always the same.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The queue's tables come from apalis-postgres.
fn queue_version() -> Result<String> {
    let lock = fs::read_to_string(checkout::root().join("Cargo.lock")).context("Cargo.lock")?;
    let after =
        lock.split("name = \"apalis-postgres\"\n").nth(1).context("Cargo.lock has no apalis-postgres")?;
    Ok(after.lines().next().unwrap_or_default().to_owned())
}

async fn exists(connection: &mut PgConnection, name: &str) -> Result<bool> {
    let exists = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(connection)
        .await?;
    Ok(exists)
}

/// Made under the name of a test's database, which is swept if we crash, and renamed when it is whole.
async fn make(connection: &mut PgConnection, server_url: &str, name: &str) -> Result<()> {
    let unfinished = DatabaseName::new().to_string();
    raw_sql(AssertSqlSafe(format!("create database {unfinished} owner tenon_owner")))
        .execute(&mut *connection)
        .await?;
    let migrated = migrate(&with_database(server_url, &unfinished)?).await;
    if migrated.is_err() {
        drop_database(server_url, &unfinished, true).await?;
    }
    migrated?;
    // Copying fails while somebody is connected to the template; who is no superuser may only copy marked ones.
    let statements = format!(
        "alter database {unfinished} with allow_connections false is_template true;
         comment on database {unfinished} is '{}';",
        chrono::Utc::now().to_rfc3339()
    );
    raw_sql(AssertSqlSafe(statements)).execute(&mut *connection).await?;
    rename(connection, &unfinished, name).await
}

/// The migration's connections may take a moment to be gone.
async fn rename(connection: &mut PgConnection, from: &str, to: &str) -> Result<()> {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let statement = format!("alter database {from} rename to {to}");
        match raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(error) if std::time::Instant::now() > end => {
                return Err(error).context("naming the template");
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

/// Puts the schema into an empty database.
async fn migrate(url: &str) -> Result<()> {
    tenon_common::db::migrate(url).await.context("migrating the template")?;
    Ok(())
}

/// Drops templates of other states of the schema once they are a week old.
async fn drop_unused(connection: &mut PgConnection, server_url: &str) -> Result<()> {
    let old: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database
         where datname like 'tenon\\_test\\_template\\_%'
           and shobj_description(oid, 'pg_database')::timestamptz < now() - interval '7 days'",
    )
    .fetch_all(&mut *connection)
    .await?;
    for name in old {
        names::ensure_ours(&name)?;
        let statement = format!("alter database {name} with is_template false");
        raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        drop_database(server_url, &name, false).await?;
    }
    Ok(())
}
