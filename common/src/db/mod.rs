//! The only place that begins a transaction.
//!
//! The pool is private. [`Db::read`] and [`Db::write`] are the only ways to a [`TenantTx`], in which the database has been
//! told who asks; [`Db::system`] leads to a [`SystemTx`], which has no tenant and so sees no tenant's rows. No function of
//! this crate takes both.

mod migrate;
pub(crate) mod record;
mod wake;
pub mod wall;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction};

pub use migrate::{MigrateError, MigrationReport, migrate, pending};
pub use wake::Wake;

use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::id::ImportId;
use crate::job::Queue;
use crate::tasks::Tasks;

/// How long [`Db::apart`] waits for its connection.
const APART: Duration = Duration::from_secs(3);

/// A connection that has been idle for so long is asked whether it is still there before it is used: after a restart of the database none
/// is, and each would cost a request otherwise.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How often a transaction is tried that is broken off for the sake of others, and the pause after the first time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// The database, as one server logs in to it.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    /// Tells workers of new jobs after the commit, where that was started.
    wake: Arc<OnceLock<Wake>>,
}

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct DbConfig {
    /// `postgres://…`; a secret, for it may hold a password.
    pub url: String,
    /// The most connections that this process opens.
    pub max_connections: u32,
    /// How long a request waits for a connection before it is refused with 503.
    pub acquire_timeout: Duration,
    /// Shown in `pg_stat_activity`.
    pub application_name: &'static str,
}

impl Db {
    /// Opens the pool. Connects when first used, so that a database that is away delays nothing but what needs it.
    pub fn connect_lazy(config: &DbConfig) -> Result<Self> {
        let options: PgConnectOptions = config.url.parse().map_err(Error::internal)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.acquire_timeout)
            // A round trip before every use; a connection that died while in use shows itself in the first statement instead.
            .test_before_acquire(false)
            .before_acquire(|connection, known| {
                Box::pin(async move {
                    if known.idle_for >= TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options.application_name(config.application_name));
        Ok(Self { pool, wake: Arc::default() })
    }

    /// Runs `work` in a read-only transaction of the actor's tenant. One round trip to begin; nothing is waited for at the
    /// end.
    pub async fn read<T>(
        &self,
        actor: &Actor,
        work: impl AsyncFnOnce(&mut TenantTx<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.acquire().await?;
        let result = {
            let mut tx = TenantTx::begin(connection.get(), "BEGIN READ ONLY", actor, "").await?;
            // The end of this block drops the transaction and so queues the ROLLBACK; it is sent when the connection is back in
            // the pool, off the request's path.
            work(&mut tx).await
        };
        connection.give_back();
        result
    }

    /// Runs `work` in a transaction of the actor's tenant: committed when it answers `Ok`, rolled back otherwise.
    pub async fn write<T>(
        &self,
        actor: &Actor,
        work: impl AsyncFnOnce(&mut TenantTx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.write_after(actor, "", work).await
    }

    /// As [`Db::write`], again where the database has broken it off for the sake of others (a deadlock, a serialization failure): a few
    /// times, after a short pause. `work` makes the work of each time; what was done before is rolled back.
    pub async fn write_again<T, W>(&self, actor: &Actor, work: impl Fn() -> W) -> Result<T>
    where
        W: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T>,
    {
        let mut tries = 1;
        loop {
            match self.write(actor, work()).await {
                Err(error) if error.is_for_the_sake_of_others() && tries < TRIES => {
                    tracing::info!(%error, tries, "a transaction was broken off; it is tried again");
                    tokio::time::sleep(PAUSE.mul_f64(f64::from(tries) + rand::random::<f64>())).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// As [`Db::write`], with a statement that is sent with the beginning: after the tenant is known, before the first look at anything.
    pub(crate) async fn write_after<T>(
        &self,
        actor: &Actor,
        first: &str,
        work: impl AsyncFnOnce(&mut TenantTx<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.acquire().await?;
        let result = {
            // Who is woken after the commit is not notified by it.
            let begin =
                if self.wake.get().is_some() { "BEGIN; SET LOCAL app.notify = 'off'" } else { "BEGIN" };
            let mut tx = TenantTx::begin(connection.get(), begin, actor, first).await?;
            let result = work(&mut tx).await;
            let enqueued = std::mem::take(&mut tx.enqueued);
            let result = finish(tx.inner, result).await;
            if let (Ok(_), Some(wake)) = (&result, self.wake.get()) {
                enqueued.into_iter().for_each(|queue| wake.touch(queue));
            }
            result
        };
        connection.give_back();
        result
    }

    /// From now on workers are woken from here after each commit that made jobs, not by the commit itself: a server with many
    /// small writes calls it once. Needs a runtime.
    pub fn wake_after_commit(&self, tasks: &Tasks) {
        self.wake.get_or_init(|| Wake::start(&self.pool, tasks));
    }

    /// The same database by one connection of its own, of the runtime that this is called on: for what must not wait for the others.
    pub(crate) fn apart(&self) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(APART)
            .test_before_acquire(false)
            .connect_lazy_with((*self.pool.connect_options()).clone());
        Self { pool, wake: Arc::default() }
    }

    /// Runs `work` in a transaction without a tenant: global tables, and the definer functions that look up credentials.
    pub async fn system<T>(&self, work: impl AsyncFnOnce(&mut SystemTx<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.acquire().await?;
        let result = {
            let mut tx = SystemTx { inner: connection.get().begin().await? };
            let result = work(&mut tx).await;
            finish(tx.inner, result).await
        };
        connection.give_back();
        result
    }

    /// One definer function's call, without a transaction around it: a lookup on the way to a tenant, in one round trip.
    pub(crate) async fn lookup(&self) -> Result<PoolConnection<Postgres>> {
        Ok(self.pool.acquire().await?)
    }

    /// A lock that one process at a time has, or none where another one has it. It ends with the process.
    pub async fn try_lock(&self, name: &str) -> Result<Option<Lock>> {
        let mut connection = self.acquire().await?;
        sqlx::raw_sql("BEGIN READ ONLY").execute(connection.get()).await?;
        let is_ours =
            sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtextextended($1, 0))").bind(name);
        let is_ours: bool = is_ours.fetch_one(connection.get()).await?;
        let lock = Lock { connection };
        match is_ours {
            true => Ok(Some(lock)),
            false => {
                lock.release().await;
                Ok(None)
            }
        }
    }

    /// The pool, for the queue's own statements and for the checks of [`wall`], none of which has a tenant.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Connections that are open, and how many of them are idle.
    pub fn pool_size(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Closes the pool; waits for connections in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn acquire(&self) -> Result<Leased> {
        let waited = std::time::Instant::now();
        let connection = self.pool.acquire().await;
        metrics::histogram!("tenon_db_pool_wait_duration_seconds", "pool" => "main").record(waited.elapsed());
        Ok(Leased { connection: Some(connection?) })
    }
}

/// Commits what went well and rolls back the rest.
async fn finish<T>(tx: Transaction<'_, Postgres>, result: Result<T>) -> Result<T> {
    match result {
        Ok(value) => Ok(tx.commit().await.map(|()| value)?),
        Err(error) => {
            // Queues the ROLLBACK, as a read does.
            drop(tx);
            Err(error)
        }
    }
}

/// A lock of [`Db::try_lock`]. Held by a transaction of its own, so that it works behind a pooler too; dropped, it is given up with its
/// connection.
pub struct Lock {
    connection: Leased,
}

impl Lock {
    /// Gives it up.
    pub async fn release(mut self) {
        // What cannot be rolled back is closed.
        if sqlx::raw_sql("ROLLBACK").execute(self.connection.get()).await.is_ok() {
            self.connection.give_back();
        }
    }
}

/// A connection that goes back to the pool only by [`Leased::give_back`]. When the future that holds it is dropped instead
/// (a client hung up, a deadline passed), it is closed: sqlx 0.9.0 may have left it inside an open transaction with the
/// tenant still set (upstream issues 4385 and 4393), and the next request would read another tenant's rows.
struct Leased {
    connection: Option<PoolConnection<Postgres>>,
}

impl Leased {
    fn get(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("taken only by give_back, which consumes it")
    }

    fn give_back(mut self) {
        self.connection = None;
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }
}

/// A transaction in which the database knows the tenant, the user and the rank: row-level security shows and accepts that
/// tenant's rows only. Nobody outside this crate can name a query on it.
pub struct TenantTx<'c> {
    inner: Transaction<'c, Postgres>,
    actor: Actor,
    enqueued: Vec<Queue>,
    bulk: Option<Bulk>,
}

/// What changes of a transaction are part of, and whether each of them is told by itself.
#[derive(Clone, Copy, Debug)]
pub struct Bulk {
    /// The import.
    pub import: ImportId,
    /// Whether each change writes its event; else the end of the import tells of all of them at once.
    pub each: bool,
}

impl<'c> TenantTx<'c> {
    async fn begin(
        connection: &'c mut PgConnection,
        begin: &str,
        actor: &Actor,
        first: &str,
    ) -> Result<Self> {
        let statement = format!("{begin}; {}; {first}", settings(actor));
        let inner = connection.begin_with(AssertSqlSafe(statement)).await?;
        Ok(Self { inner, actor: actor.clone(), enqueued: Vec::new(), bulk: None })
    }

    /// Who asks.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The connection, for a statement on tenant tables.
    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// From here on changes are part of an import.
    pub(crate) fn set_bulk(&mut self, bulk: Option<Bulk>) {
        self.bulk = bulk;
    }

    /// What changes are part of.
    pub(crate) fn bulk(&self) -> Option<Bulk> {
        self.bulk
    }

    /// Whether each change writes its event.
    pub(crate) fn tells_each(&self) -> bool {
        self.bulk.is_none_or(|bulk| bulk.each)
    }

    /// Jobs were inserted that are due: the queue's workers are told once they are committed.
    pub(crate) fn enqueued(&mut self, queue: Queue) {
        if !self.enqueued.contains(&queue) {
            self.enqueued.push(queue);
        }
    }

    /// Goes on as somebody else, in another tenant, within the same transaction: what founds one from another one's request. Answers who it
    /// was, to be given back.
    pub(crate) async fn become_another(&mut self, actor: Actor) -> Result<Actor> {
        sqlx::raw_sql(AssertSqlSafe(settings(&actor))).execute(&mut *self.inner).await?;
        Ok(std::mem::replace(&mut self.actor, actor))
    }

    /// Lets the rest of the transaction see all of the tenant. For the one case in which a change that the caller may make
    /// leaves the record outside its own scope: giving it to somebody else, or being it no more.
    pub(crate) async fn widen_to_tenant(&mut self) -> Result<()> {
        sqlx::raw_sql("SET LOCAL app.rank = '3'").execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Ends [`TenantTx::widen_to_tenant`]: the rest of the transaction sees again what the caller may see.
    pub(crate) async fn narrow_to_actor(&mut self) -> Result<()> {
        let statement = format!("SET LOCAL app.rank = '{}'", self.actor.role.rank());
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *self.inner).await?;
        Ok(())
    }
}

/// Who asks, as the policies read it. Ids and a number: the text cannot inject. Local settings end with the transaction.
fn settings(actor: &Actor) -> String {
    let user = actor.principal.user().map(|user| user.to_string()).unwrap_or_default();
    format!(
        "SET LOCAL app.tenant_id = '{}'; SET LOCAL app.user_id = '{user}'; SET LOCAL app.rank = '{}'",
        actor.tenant,
        actor.role.rank()
    )
}

/// A transaction without a tenant: it sees no row of any tenant table.
pub struct SystemTx<'c> {
    inner: Transaction<'c, Postgres>,
}

impl SystemTx<'_> {
    /// The connection, for a statement on global tables.
    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}
