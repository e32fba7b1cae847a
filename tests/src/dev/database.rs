//! The development database: made once, kept between starts.

use crate::database::{Logins, create_roles, drop_database, with_database};
use crate::postgres::Cluster;
use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};

const NAME: &str = "tenon_dev";

pub(super) struct DevDatabase {
    pub(super) admin_url: String,
    pub(super) app_url: String,
    pub(super) worker_url: String,
}

impl DevDatabase {
    /// Creates the database where it is missing; with `fresh` drops it first.
    pub(super) async fn open(cluster: &Cluster, fresh: bool) -> Result<Self> {
        if fresh {
            drop_database(cluster.admin_url(), NAME, true).await?;
        }
        let mut connection = cluster.connect().await?;
        create_roles(&mut connection).await?;
        let logins = Logins::of_dev(cluster.admin_url());
        logins.create(&mut connection).await?;
        let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(NAME)
            .fetch_one(&mut connection)
            .await?;
        if !exists {
            sqlx::raw_sql("create database tenon_dev owner tenon_owner")
                .execute(&mut connection)
                .await
                .context("creating the database tenon_dev")?;
        }
        connection.close().await?;
        let admin_url = with_database(cluster.admin_url(), NAME)?;
        Ok(Self {
            app_url: logins.app_url(&admin_url)?,
            worker_url: logins.worker_url(&admin_url)?,
            admin_url,
        })
    }

    pub(super) async fn has_tenant(&self, id: &str) -> Result<bool> {
        let mut connection = PgConnection::connect(&self.admin_url).await?;
        let found = sqlx::query_scalar("select exists (select from tenon.tenants where id::text = $1)")
            .bind(id)
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(found)
    }
}
