//! A database per test: a copy of a template that has the schema, dropped at the end.

mod names;
mod roles;
mod sweep;
mod template;
mod urls;

pub use names::DatabaseName;
pub use roles::{Logins, create_roles};
pub use sweep::sweep;
pub use urls::{with_database, with_login};

use crate::checkout;
use crate::postgres::Cluster;
use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use tenon_common::storage::Storage;
use tokio::sync::Mutex;

/// A database with the schema and no rows, for one test. It is dropped with this value, whoever is connected.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    server_url: String,
    admin_url: String,
    app_url: String,
    worker_url: String,
    files: PathBuf,
}

impl TestDatabase {
    /// Copies the template, which is made first where the migrations have changed.
    ///
    /// # Panics
    /// Where that fails, with the reason.
    pub async fn create(cluster: &Cluster) -> Self {
        Self::try_create(cluster).await.unwrap_or_else(|error| panic!("no database for the test: {error:#}"))
    }

    async fn try_create(cluster: &Cluster) -> Result<Self> {
        let template = prepare(cluster).await?;
        let name = DatabaseName::new().to_string();
        let mut connection = cluster.connect().await?;
        let statement = format!("create database {name} template {template} owner tenon_owner");
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .context("copying the template")?;
        connection.close().await?;
        let server_url = cluster.admin_url().to_owned();
        let admin_url = with_database(&server_url, &name)?;
        let logins = Logins::of_tests(&server_url);
        let app_url = logins.app_url(&admin_url)?;
        let worker_url = logins.worker_url(&admin_url)?;
        let files = checkout::tenon_folder().join("test-files").join(&name);
        Ok(Self { name, server_url, admin_url, app_url, worker_url, files })
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For the API: a login that is a member of `tenon_app`.
    pub fn app_url(&self) -> &str {
        &self.app_url
    }

    /// For the worker: a login that is a member of `tenon_worker`.
    pub fn worker_url(&self) -> &str {
        &self.worker_url
    }

    /// For looking behind the wall: the administrator, to whom row-level security does not apply.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The folder of the files that belong to it; removed with it.
    pub fn files(&self) -> &str {
        self.files.to_str().unwrap_or_default()
    }

    /// The storage in that folder.
    ///
    /// # Panics
    /// Where the folder cannot be made.
    pub fn storage(&self) -> Storage {
        Storage::open(self.files()).unwrap_or_else(|error| panic!("no storage: {error}"))
    }

    /// A connection as the administrator.
    ///
    /// # Panics
    /// Where the server is away.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.admin_url)
            .await
            .unwrap_or_else(|error| panic!("connecting to {}: {error}", self.admin_url))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.files).ok();
        let (url, name) = (self.server_url.clone(), self.name.clone());
        // A thread of its own: this may run on a runtime's thread, which must not block on another future.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                tokio::time::timeout(Duration::from_secs(10), drop_database(&url, &name, true)).await?
            })
        });
        match dropping.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("{} is left to the next run's sweep: {error:#}", self.name),
            Err(_) => eprintln!("{} is left to the next run's sweep", self.name),
        }
    }
}

/// Drops one of our databases; with `force` whoever is connected.
///
/// # Errors
/// Where the name is not one of ours, somebody is connected and `force` is not set, or the server is away.
pub async fn drop_database(server_url: &str, name: &str, force: bool) -> Result<()> {
    names::ensure_ours(name)?;
    let mut connection = PgConnection::connect(server_url).await?;
    let force = if force { " with (force)" } else { "" };
    sqlx::raw_sql(AssertSqlSafe(format!("drop database if exists {name}{force}")))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

/// Once per process and server: sweeps, logins, template. The template's name.
async fn prepare(cluster: &Cluster) -> Result<String> {
    static PREPARED: Mutex<Option<HashMap<String, String>>> = Mutex::const_new(None);
    let mut prepared = PREPARED.lock().await;
    let templates = prepared.get_or_insert_default();
    if let Some(name) = templates.get(cluster.admin_url()) {
        return Ok(name.clone());
    }
    let mut connection = cluster.connect().await?;
    sweep(&mut connection, cluster.admin_url()).await?;
    create_roles(&mut connection).await?;
    Logins::of_tests(cluster.admin_url()).create(&mut connection).await?;
    let name = template::find_or_make(&mut connection, cluster.admin_url()).await?;
    connection.close().await?;
    templates.insert(cluster.admin_url().to_owned(), name.clone());
    Ok(name)
}
