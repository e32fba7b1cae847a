//! A server of somebody else, named by `DATABASE_URL`.

use super::installation::OLDEST_MAJOR;
use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};

/// Whether the server can be used: new enough, with hstore, and by an administrator.
pub(super) async fn check(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await.context("connecting")?;
    let (version, name): (i32, String) = sqlx::query_as(
        "select current_setting('server_version_num')::int, current_setting('server_version')",
    )
    .fetch_one(&mut connection)
    .await?;
    ensure!(
        version / 10_000 >= OLDEST_MAJOR,
        "PostgreSQL {name} is too old: {OLDEST_MAJOR} or newer is needed"
    );
    let hstore: bool =
        sqlx::query_scalar("select exists (select from pg_available_extensions where name = 'hstore')")
            .fetch_one(&mut connection)
            .await?;
    ensure!(hstore, "the server lacks the extension hstore: install PostgreSQL's contrib package there");
    let (role, administrator): (String, bool) = sqlx::query_as(
        "select rolname::text, rolsuper or (rolcreatedb and rolcreaterole) from pg_roles where rolname = current_user",
    )
    .fetch_one(&mut connection)
    .await?;
    ensure!(administrator, "the role {role} may not create databases and roles: give an administrator's URL");
    connection.close().await?;
    Ok(())
}
