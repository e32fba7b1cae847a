//! What workers do for sinks: take one that is due, read what follows its position, and write what became of it. No transaction is open
//! while something is sent; a lease keeps others away, and a worker that has lost its lease writes nothing.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::line::line;
use super::{SinkKind, open};
use crate::actor::Actor;
use crate::audit::entry::{AuditEntry, columns};
use crate::audit::hex;
use crate::audit::seal::hash_of;
use crate::db::{Db, TenantTx};
use crate::error::Result;
use crate::id::{AuditSinkId, TenantId};
use crate::receiver::signature::Secret;
use crate::secret::MasterKey;

/// Entries that are sent together, at most; fewer where what they changed is long.
pub const BATCH: i64 = 500;
/// Characters of changes in a batch, after which it ends.
const LENGTH: i64 = 2 << 20;
/// Sinks that one look finds.
const LOOK: i32 = 100;
/// How long a worker has for a batch: longer than any sending may take.
const LEASE: f64 = 45.0;
/// Characters of an error that are kept.
const ERROR: usize = 500;

/// A sink by its tenant and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Due {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub id: AuditSinkId,
}

/// A sink that this worker alone is at, for a while.
#[derive(Clone, Debug)]
pub struct Leased {
    /// Which.
    pub sink: Due,
    lease: Uuid,
    position: i64,
    attempts: i32,
    /// How and where to.
    pub target: Target,
}

/// How and where to entries are sent.
#[derive(Clone, Debug)]
pub enum Target {
    /// POSTs, signed.
    Http {
        /// Where to.
        url: String,
        /// What signs.
        secret: Secret,
    },
    /// Syslog.
    Syslog {
        /// `tls://host:port` or `tcp://host:port`.
        url: String,
    },
    /// Objects.
    File {
        /// What their keys begin with, behind the tenant's own folder.
        prefix: String,
    },
}

impl Target {
    /// Which kind.
    pub fn kind(&self) -> SinkKind {
        match self {
            Self::Http { .. } => SinkKind::Http,
            Self::Syslog { .. } => SinkKind::Syslog,
            Self::File { .. } => SinkKind::File,
        }
    }
}

/// Entries that follow each other, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The first position.
    pub first: i64,
    /// The last one.
    pub last: i64,
    /// The entries.
    pub entries: Vec<Sent>,
}

/// An entry as it is sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The entry.
    pub entry: AuditEntry,
    /// All of it in a line of JSON, with its place in the chain.
    pub line: String,
}

/// The sinks that have something to send now.
pub async fn due(db: &Db) -> Result<Vec<Due>> {
    let mut connection = db.lookup().await?;
    Ok(sqlx::query_as("select tenant_id, id from tenon.audit_sinks_due($1)")
        .bind(LOOK)
        .fetch_all(&mut *connection)
        .await?)
}

/// How far sinks are behind, for each kind that has one: the age of the oldest sealed entry that one of them has not got.
pub async fn lags(db: &Db) -> Result<HashMap<String, f64>> {
    let mut connection = db.lookup().await?;
    let lags: Vec<(String, f64)> = sqlx::query_as("select kind, seconds from tenon.audit_sink_lags()")
        .fetch_all(&mut *connection)
        .await?;
    Ok(lags.into_iter().collect())
}

#[derive(sqlx::FromRow)]
struct Row {
    kind: SinkKind,
    url: Option<String>,
    prefix: Option<String>,
    secret: Option<Vec<u8>>,
    position: i64,
    attempts: i32,
}

/// Takes a sink; none where another worker has it, or it is not due any more.
pub async fn lease(db: &Db, master: &MasterKey, sink: Due) -> Result<Option<Leased>> {
    let lease = Uuid::now_v7();
    let take = async |tx: &mut TenantTx<'_>| -> Result<Option<Row>> {
        Ok(sqlx::query_as(
            "update tenon.audit_sinks s set lease = $3, leased_until = now() + make_interval(secs => $4)
             where s.tenant_id = $1 and s.id = $2 and s.active and s.deleted_at is null
               and (s.next_attempt_at is null or s.next_attempt_at <= now()) and (s.leased_until is null or s.leased_until < now())
             returning s.kind, s.url, s.prefix, s.secret, s.position, s.attempts",
        )
        .bind(sink.tenant_id)
        .bind(sink.id)
        .bind(lease)
        .bind(LEASE)
        .fetch_optional(tx.conn())
        .await?)
    };
    let Some(row) = db.write(&Actor::system(sink.tenant_id), take).await? else { return Ok(None) };
    let secret = row.secret.as_deref().map(|sealed| open(master, sink.id, sealed)).transpose()?;
    let url = row.url.unwrap_or_default();
    let target = match (row.kind, secret) {
        (SinkKind::Http, Some(secret)) => Target::Http { url, secret },
        (SinkKind::Http, None) => return Err(crate::Error::internal("a sink has no secret")),
        (SinkKind::Syslog, _) => Target::Syslog { url },
        (SinkKind::File, _) => Target::File { prefix: row.prefix.unwrap_or_default() },
    };
    Ok(Some(Leased { sink, lease, position: row.position, attempts: row.attempts, target }))
}

#[derive(sqlx::FromRow)]
struct Placed {
    position: i64,
    hash: Vec<u8>,
    audit_event_id: Uuid,
}

impl Leased {
    /// What follows the sink's position; nothing where all is sent. What was removed before the sink got it is left out.
    pub async fn batch(&self, db: &Db) -> Result<Batch> {
        let actor = Actor::system(self.sink.tenant_id);
        db.read(&actor, async |tx| read(tx, self.position).await).await
    }

    /// Everything up to the batch's end is delivered; whether the lease still held, so that more can follow.
    pub async fn delivered(&mut self, db: &Db, batch: &Batch) -> Result<bool> {
        let write = async |tx: &mut TenantTx<'_>| -> Result<u64> {
            let done = sqlx::query(
                "update tenon.audit_sinks set position = $4, attempts = 0, next_attempt_at = null, failing_since = null, last_error = null,
                        last_delivered_at = now(), leased_until = now() + make_interval(secs => $5)
                 where tenant_id = $1 and id = $2 and lease = $3 and leased_until is not null",
            )
            .bind(self.sink.tenant_id)
            .bind(self.sink.id)
            .bind(self.lease)
            .bind(batch.last)
            .bind(LEASE)
            .execute(tx.conn())
            .await?;
            Ok(done.rows_affected())
        };
        let held = db.write(&Actor::system(self.sink.tenant_id), write).await? == 1;
        (self.position, self.attempts) = (batch.last, 0);
        Ok(held)
    }

    /// The batch was not delivered: it is tried again, later each time. `first` is the first delay.
    pub async fn failed(self, db: &Db, error: &str, first: Duration) -> Result<()> {
        let error: String = error.chars().filter(|character| *character != '\0').take(ERROR).collect();
        let after = delay(first, self.attempts, rand::random());
        let write = async |tx: &mut TenantTx<'_>| -> Result<()> {
            sqlx::query(
                "update tenon.audit_sinks set attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $4),
                        failing_since = coalesce(failing_since, now()), last_error = $5, lease = null, leased_until = null
                 where tenant_id = $1 and id = $2 and lease = $3",
            )
            .bind(self.sink.tenant_id)
            .bind(self.sink.id)
            .bind(self.lease)
            .bind(after.as_secs_f64())
            .bind(error)
            .execute(tx.conn())
            .await?;
            Ok(())
        };
        db.write(&Actor::system(self.sink.tenant_id), write).await
    }

    /// Lets others have the sink.
    pub async fn release(self, db: &Db) -> Result<()> {
        let write = async |tx: &mut TenantTx<'_>| -> Result<()> {
            sqlx::query(
                "update tenon.audit_sinks set lease = null, leased_until = null
                 where tenant_id = $1 and id = $2 and lease = $3",
            )
            .bind(self.sink.tenant_id)
            .bind(self.sink.id)
            .bind(self.lease)
            .execute(tx.conn())
            .await?;
            Ok(())
        };
        db.write(&Actor::system(self.sink.tenant_id), write).await
    }
}

/// Doubles with every failure, to an hour; up to a tenth is added.
fn delay(first: Duration, failures: i32, chance: f64) -> Duration {
    const MOST: f64 = 3600.0;
    let doubled =
        first.as_secs_f64() * f64::from(2u32.pow(u32::try_from(failures).unwrap_or_default().min(20)));
    Duration::from_secs_f64(doubled.min(MOST) * (1.0 + 0.1 * chance))
}

async fn read(tx: &mut TenantTx<'_>, after: i64) -> Result<Batch> {
    let tenant = tx.actor().tenant;
    // At least one, however long it is.
    let seals: Vec<Placed> = sqlx::query_as(
        "select position, hash, audit_event_id from (
             select s.position, s.hash, s.audit_event_id,
                    sum(coalesce(length(e.changes), 0)) over (order by s.position rows between unbounded preceding and 1 preceding) as before
             from (select * from tenon.audit_seals s where s.tenant_id = $1 and s.position > $2 order by s.position limit $3) s
             left join tenon.audit_events e on e.tenant_id = $1 and e.id = s.audit_event_id
         ) placed
         where before is null or before < $4 order by position",
    )
    .bind(tenant)
    .bind(after)
    .bind(BATCH)
    .bind(LENGTH)
    .fetch_all(tx.conn())
    .await?;
    let (Some(first), Some(last)) = (seals.first(), seals.last()) else { return Ok(Batch::default()) };
    let (first, last) = (first.position, last.position);
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.audit_events e where e.tenant_id = $1 and e.id = any ($2)"
    );
    let ids: Vec<Uuid> = seals.iter().map(|seal| seal.audit_event_id).collect();
    let found: Vec<AuditEntry> =
        sqlx::query_as(statement).bind(tenant).bind(ids).fetch_all(tx.conn()).await?;
    let mut found: HashMap<Uuid, AuditEntry> = found.into_iter().map(|entry| (entry.id, entry)).collect();
    let mut entries = Vec::with_capacity(seals.len());
    for seal in seals {
        // One that somebody removed leaves a gap in the positions.
        let Some(entry) = found.remove(&seal.audit_event_id) else { continue };
        let line = line(seal.position, &hex(&hash_of(&seal.hash)?), &entry)?;
        entries.push(Sent { entry, line });
    }
    Ok(Batch { first, last, entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_to_an_hour() {
        let first = Duration::from_secs(5);
        let seconds = |failures| delay(first, failures, 0.0).as_secs();
        assert_eq!([0, 1, 2, 3, 9, 10, 1000].map(seconds), [5, 10, 20, 40, 2560, 3600, 3600]);
        assert_eq!(delay(first, 0, 1.0), Duration::from_millis(5500));
    }
}
