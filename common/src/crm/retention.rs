//! The end of what was deleted long ago: records of all tenants are purged as their users purge them, in the name of the system.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::actor::Actor;
use crate::crm::activity::Activity;
use crate::crm::company::Company;
use crate::crm::contact::Contact;
use crate::crm::lead::Lead;
use crate::crm::pipeline::Pipeline;
use crate::crm::record::{Record, purge_each};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::TenantId;

/// A record whose time is over.
#[derive(Clone, Copy, Debug, FromRow)]
struct Due {
    tenant_id: TenantId,
    id: Uuid,
    deleted_at: DateTime<Utc>,
}

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Records that are gone.
    pub records: i64,
    /// Whether there are more to go.
    pub more: bool,
}

/// Purges records that were deleted so long ago, at most so many of each kind. What cannot be purged is passed over. As the worker.
pub async fn purge_deleted(db: &Db, older_than: TimeDelta, most: i32) -> Result<Purged> {
    let mut all = Purged::default();
    // Those first that name others, which then need not be changed.
    all.add(purge_of::<Activity>(db, older_than, most).await?);
    all.add(purge_of::<Lead>(db, older_than, most).await?);
    all.add(purge_of::<Contact>(db, older_than, most).await?);
    all.add(purge_of::<Company>(db, older_than, most).await?);
    all.add(purge_of::<Pipeline>(db, older_than, most).await?);
    Ok(all)
}

impl Purged {
    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.more |= other.more;
    }
}

/// Records of a kind, the longest deleted first.
async fn purge_of<R: Record>(db: &Db, older_than: TimeDelta, most: i32) -> Result<Purged> {
    let mut last = None;
    loop {
        let due = due::<R>(db, older_than, last, most).await?;
        last = due.last().copied();
        let more = i64::try_from(due.len()).is_ok_and(|found| found >= i64::from(most));
        let mut records = 0;
        for (tenant, ids) in by_tenant(due) {
            records += purge_of_tenant::<R>(db, tenant, &ids, older_than).await?;
        }
        // Behind a whole batch that cannot be purged there may be others.
        if records > 0 || !more {
            return Ok(Purged { records, more });
        }
    }
}

async fn due<R: Record>(db: &Db, older_than: TimeDelta, last: Option<Due>, most: i32) -> Result<Vec<Due>> {
    let mut connection = db.lookup().await?;
    let due = sqlx::query_as(
        "select tenant_id, id, deleted_at from tenon.records_to_purge($1, make_interval(secs => $2), $3, $4, $5)",
    );
    let due = due
        .bind(R::listing().name)
        .bind(older_than.as_seconds_f64())
        .bind(last.map(|last| last.deleted_at))
        .bind(last.map(|last| last.id))
        .bind(most);
    Ok(due.fetch_all(&mut *connection).await?)
}

fn by_tenant(due: Vec<Due>) -> Vec<(TenantId, Vec<Uuid>)> {
    let mut tenants: Vec<(TenantId, Vec<Uuid>)> = Vec::new();
    for Due { tenant_id, id, .. } in due {
        match tenants.iter_mut().find(|(tenant, _)| *tenant == tenant_id) {
            Some((_, ids)) => ids.push(id),
            None => tenants.push((tenant_id, vec![id])),
        }
    }
    tenants
}

/// All in one transaction; or one by one, where one of them is in the way.
async fn purge_of_tenant<R: Record>(
    db: &Db,
    tenant: TenantId,
    ids: &[Uuid],
    older_than: TimeDelta,
) -> Result<i64> {
    let purge = async |ids: &[Uuid]| {
        let actor = Actor::system(tenant);
        db.write(&actor, async |tx| purge_each::<R>(tx, ids, older_than).await).await
    };
    match purge(ids).await {
        Err(error) if !passes(&error) => {}
        done => return done,
    }
    let mut purged = 0;
    for id in ids {
        match purge(&[*id]).await {
            Ok(one) => purged += one,
            Err(error) if passes(&error) => return Err(error),
            Err(error) => {
                tracing::error!(%error, tenant_id = %tenant, kind = R::KIND.name(), %id, "a deleted record cannot be purged");
            }
        }
    }
    Ok(purged)
}

/// Whether it is the database that is away or slow, and not the record.
fn passes(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Timeout)
}
