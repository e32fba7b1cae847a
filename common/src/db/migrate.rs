//! `tenon-api migrate`: apalis-postgres's migrations, then ours, under one advisory lock.

use std::time::Duration;

use sqlx::migrate::{Migrate, Migrator};
use sqlx::{Connection, PgConnection};

use crate::db::Db;

static OURS: Migrator = sqlx::migrate!("../migrations");
const ROLES: &str = include_str!("../../../migrations/roles.sql");
const HISTORY: &str = "public.tenon_migrations";
/// `tenon` in ASCII: the lock that keeps two `migrate` from running at once.
const LOCK: i64 = 0x74_65_6e_6f_6e;

/// How often is asked for the lock.
const AGAIN: Duration = Duration::from_millis(100);

/// What a run did.
#[derive(Debug)]
pub struct MigrationReport {
    /// Migrations applied by this run, the queue's and ours.
    pub applied: usize,
    /// The version of our newest migration.
    pub version: i64,
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be reached, or refused a statement.
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed; it was rolled back, those before it stand.
    #[error("a migration failed: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The roles are missing and this login may not create them.
    #[error(
        "the roles of Tenon do not exist and this login may not create them; as an administrator run: psql -f migrations/roles.sql"
    )]
    RolesMissing,
    /// The login is not a member of tenon_owner.
    #[error(
        "the login of TENON_MIGRATE_DATABASE_URL is not a member of tenon_owner; as an administrator run: grant tenon_owner to {0}"
    )]
    NotOwner(String),
    /// The database is not tenon_owner's.
    #[error(
        "the database is not owned by tenon_owner; as an administrator run: alter database {0} owner to tenon_owner"
    )]
    DatabaseNotOwned(String),
    /// A trusted extension that the queue or the search needs could not be created.
    #[error(
        "the extension {name} could not be created ({reason}); it comes with PostgreSQL's contrib package (Debian: postgresql-contrib), \
         and the database must be owned by tenon_owner"
    )]
    Extension {
        /// hstore, pgcrypto, pg_trgm or btree_gin.
        name: &'static str,
        /// What PostgreSQL said.
        reason: String,
    },
}

/// Brings the schema of the database at `url` up to date. The login must be a member of `tenon_owner`; when it may create
/// roles, missing ones are created first.
pub async fn migrate(url: &str) -> Result<MigrationReport, MigrateError> {
    let mut connection = PgConnection::connect(url).await?;
    lock(&mut connection).await?;
    ensure_roles(&mut connection).await?;
    become_owner(&mut connection).await?;
    for extension in ["hstore", "pgcrypto", "pg_trgm", "btree_gin"] {
        ensure_extension(&mut connection, extension).await?;
    }

    let before = applied(&mut connection).await?;
    let mut queue = apalis_postgres::PostgresStorage::<()>::migrations();
    // One lock for both, taken above.
    queue.set_locking(false);
    queue.run(&mut connection).await?;
    ours().run(&mut connection).await?;
    // The servers check at start-up that nothing is pending.
    sqlx::raw_sql(
        "grant select on public.tenon_migrations to tenon_app, tenon_worker, tenon_metrics; \
         grant usage on schema apalis to tenon_app, tenon_worker, tenon_metrics; \
         grant select on apalis._sqlx_migrations to tenon_app, tenon_worker, tenon_metrics",
    )
    .execute(&mut connection)
    .await?;
    let after = applied(&mut connection).await?;
    connection.close().await?;
    Ok(MigrationReport {
        applied: after - before,
        version: OURS.iter().map(|m| m.version).max().unwrap_or_default(),
    })
}

/// Waits until no other `migrate` runs. Not within a statement: an index that is made concurrently would wait for it, and it for the index.
async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let is_taken = "select not pg_try_advisory_lock($1)";
    while sqlx::query_scalar(is_taken).bind(LOCK).fetch_one(&mut *connection).await? {
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

/// The migrations of this program that the database does not have: none, when a server may start.
pub async fn pending(db: &Db) -> Result<Vec<String>, sqlx::Error> {
    let have: Vec<i64> = match sqlx::query_scalar("select version from public.tenon_migrations where success")
        .fetch_all(db.pool())
        .await
    {
        Ok(have) => have,
        // undefined_table, insufficient_privilege: never migrated, or half way.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42P01" | "42501")) => {
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    let missing = OURS.iter().filter(|migration| !have.contains(&migration.version));
    Ok(missing.map(|migration| format!("{:04} {}", migration.version, migration.description)).collect())
}

fn ours() -> Migrator {
    let mut migrator = Migrator::with_migrations(OURS.iter().cloned().collect());
    migrator.dangerous_set_table_name(HISTORY);
    migrator.set_locking(false);
    migrator
}

async fn ensure_roles(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let (missing, may_create): (bool, bool) = sqlx::query_as(
        "select not exists (select from pg_roles where rolname = 'tenon_metrics'), rolsuper or rolcreaterole
         from pg_roles where rolname = current_user",
    )
    .fetch_one(&mut *connection)
    .await?;
    match (missing, may_create) {
        (false, _) => Ok(()),
        (true, true) => Ok(sqlx::raw_sql(ROLES).execute(connection).await.map(|_| ())?),
        (true, false) => Err(MigrateError::RolesMissing),
    }
}

async fn become_owner(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let (login, member, database, owned): (String, bool, String, bool) = sqlx::query_as(
        "select session_user::text, pg_has_role(session_user, 'tenon_owner', 'member'), current_database()::text,
                datdba = 'tenon_owner'::regrole
         from pg_database where datname = current_database()",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !member {
        return Err(MigrateError::NotOwner(login));
    }
    if !owned {
        return Err(MigrateError::DatabaseNotOwned(database));
    }
    sqlx::raw_sql("set role pg_database_owner; grant usage, create on schema public to tenon_owner; set role tenon_owner; set lock_timeout = '2s'").execute(connection).await?;
    Ok(())
}

async fn ensure_extension(connection: &mut PgConnection, name: &'static str) -> Result<(), MigrateError> {
    let statement = match name {
        "hstore" => "create extension if not exists hstore",
        "pg_trgm" => "create extension if not exists pg_trgm",
        "btree_gin" => "create extension if not exists btree_gin",
        _ => "create extension if not exists pgcrypto",
    };
    match sqlx::raw_sql(statement).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) => Err(MigrateError::Extension { name, reason: error.to_string() }),
    }
}

async fn applied(connection: &mut PgConnection) -> Result<usize, MigrateError> {
    let mut count = 0;
    for table in [HISTORY, "apalis._sqlx_migrations"] {
        match connection.list_applied_migrations(table).await {
            Ok(list) => count += list.len(),
            // The table is not there yet.
            Err(sqlx::migrate::MigrateError::Execute(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    /// Our own migrations stand on the queue's table: a new release of apalis-postgres that changes it must be read before
    /// it is taken.
    #[test]
    fn the_queues_migrations_are_the_ones_we_know() {
        let mut hash = Sha256::new();
        for migration in apalis_postgres::PostgresStorage::<()>::migrations().iter() {
            hash.update(migration.version.to_be_bytes());
            hash.update(&*migration.checksum);
        }
        assert_eq!(
            hex::encode(hash.finalize()),
            "b000e0cf0370bc7686bd688b0b41d2753219d54738d439bad5c2b8faab007253"
        );
    }
}
