//! Roles of the schema, and logins of the harness that are members of them.

use super::urls::with_login;
use crate::checkout;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgConnection, raw_sql};
use std::fs;

/// Roles belong to the whole server, and two that change one at a time fail: an advisory lock, "tenon" in ASCII.
pub(super) const LOCK: &str = "select pg_advisory_lock(499917942638)";
pub(super) const UNLOCK: &str = "select pg_advisory_unlock(499917942638)";

/// An administrator who is no superuser (of a hosted server, say) makes databases for another role only as its member.
const JOIN_OWNER: &str = "do $$ begin
   if not pg_has_role('tenon_owner', 'member') then
     execute format('grant tenon_owner to %I', current_user);
   end if;
 end $$";

/// Creates the schema's roles where they are missing, as an administrator would.
pub async fn create_roles(connection: &mut PgConnection) -> Result<()> {
    let file = checkout::migrations().join("roles.sql");
    let sql = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    locked(connection, sql + "\n;" + JOIN_OWNER).await.context("creating the schema's roles")
}

/// Logins of the harness. The logins of a real installation, `tenon_app` and `tenon_worker`, keep their passwords.
#[derive(Debug, Clone)]
pub struct Logins {
    prefix: &'static str,
    password: String,
}

impl Logins {
    /// `tenon_test_app` and `tenon_test_worker`.
    pub fn of_tests(server_url: &str) -> Self {
        Self { prefix: "tenon_test", password: password(server_url) }
    }

    /// `tenon_dev_app` and `tenon_dev_worker`.
    pub fn of_dev(server_url: &str) -> Self {
        Self { prefix: "tenon_dev", password: password(server_url) }
    }

    /// The database of `url` for the API's login.
    pub fn app_url(&self, url: &str) -> Result<String> {
        with_login(url, &format!("{}_app", self.prefix), &self.password)
    }

    /// The database of `url` for the worker's login.
    pub fn worker_url(&self, url: &str) -> Result<String> {
        with_login(url, &format!("{}_worker", self.prefix), &self.password)
    }

    /// Creates both where they are missing. Privileges are inherited, settings are not, so those are copied.
    pub async fn create(&self, connection: &mut PgConnection) -> Result<()> {
        let Self { prefix, password } = self;
        let mut sql = String::new();
        for (login, role) in [("app", "tenon_app"), ("worker", "tenon_worker")] {
            let login = format!("{prefix}_{login}");
            sql += &format!(
                "do $$
                 declare
                   setting text;
                 begin
                   if not exists (select from pg_roles where rolname = '{login}') then
                     create role {login} login inherit in role {role};
                   end if;
                   for setting in
                     select unnest(setconfig) from pg_db_role_setting
                     where setrole = '{role}'::regrole and setdatabase = 0
                   loop
                     execute format('alter role {login} set %I = %L',
                       split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1));
                   end loop;
                 end $$;
                 alter role {login} password '{password}';"
            );
        }
        locked(connection, sql)
            .await
            .with_context(|| format!("creating the logins {prefix}_app and {prefix}_worker"))
    }
}

/// Known to every run against the same server, and to nobody who does not know the administrator's URL.
fn password(server_url: &str) -> String {
    hex::encode(Sha256::digest(format!("login of the harness: {server_url}")))
}

async fn locked(connection: &mut PgConnection, sql: String) -> Result<()> {
    raw_sql(LOCK).execute(&mut *connection).await?;
    let result = raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
    raw_sql(UNLOCK).execute(&mut *connection).await?;
    result?;
    Ok(())
}
