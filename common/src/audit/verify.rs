//! Walking the chain: whether every sealed entry is what it was when it was sealed, and none came or went.

use std::collections::HashMap;

use uuid::Uuid;

use super::encoding::{BEGINNING, Hash, chained};
use super::entry::{AuditEntry, columns};
use super::retention::anchor;
use super::seal::hash_of;
use crate::db::TenantTx;
use crate::error::Result;

/// Positions that one [`verify`] checks.
pub const POSITIONS: i64 = 10_000;
/// Positions that are read at once.
const PART: i64 = 1_000;

/// A place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Counts from 1.
    pub position: i64,
    /// Covers the entry there and all before it.
    pub hash: Hash,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The entry, or its seal, is not what was sealed; or it is said to have been removed, and is there.
    Changed,
    /// The entry, or its seal, is gone.
    Missing,
    /// An entry stands between sealed ones and has no seal: it was added later.
    UnsealedOlder,
}

impl Reason {
    /// The spoken name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::UnsealedOlder => "unsealed_older",
        }
    }
}

/// Where the chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The position; none of an entry without a seal.
    pub position: Option<i64>,
    /// The entry; none where its seal is gone.
    pub entry: Option<Uuid>,
    /// What is wrong.
    pub reason: Reason,
}

/// What was checked, and what was found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The first position that was checked.
    pub from: i64,
    /// The last one that is whole, or the one before `from`.
    pub through: i64,
    /// The last position whose entry was removed because its time was over; the chain begins after it. 0 where none was.
    pub removed_through: i64,
    /// The newest seal; none where nothing is sealed.
    pub head: Option<Head>,
    /// Whether positions follow that were not checked.
    pub has_more: bool,
    /// The first that is wrong.
    pub broken: Option<Broken>,
}

#[derive(sqlx::FromRow)]
struct Seal {
    position: i64,
    audit_event_id: Uuid,
    hash: Vec<u8>,
}

/// Checks the positions after `after`, 10,000 at most; from the first that is left, where that is later. That the chain is whole up to
/// there is for the caller to have checked. To be called before anything else in its transaction.
pub async fn verify(tx: &mut TenantTx<'_>, after: i64) -> Result<Verified> {
    // What is removed meanwhile is not found missing.
    sqlx::query("set transaction isolation level repeatable read").execute(tx.conn()).await?;
    let anchor = anchor(tx).await?.map(|(position, hash)| Head { position, hash });
    let removed_through = anchor.map_or(0, |anchor| anchor.position);
    let after = after.max(removed_through);
    let head = match seals(tx, i64::MAX, 1, true).await?.pop() {
        Some(seal) => Some(Head { position: seal.position, hash: hash_of(&seal.hash)? }),
        None => anchor,
    };
    let from = after.saturating_add(1);
    let mut verified =
        Verified { from, through: after, removed_through, head, has_more: false, broken: None };
    let Some(newest) = head.map(|head| head.position) else {
        // Nothing is sealed: whoever was further before had seals that are gone.
        verified.broken = (after > 0).then_some(gone(after));
        return Ok(verified);
    };
    // Removing takes the seals and moves the beginning in one transaction: an entry behind it that still has one was never removed.
    if removed_through > 0
        && let Some(left) = seals(tx, removed_through, 1, true).await?.pop()
    {
        let (position, entry) = (Some(left.position), Some(left.audit_event_id));
        verified.broken = Some(Broken { position, entry, reason: Reason::Changed });
        return Ok(verified);
    }
    let last = newest.min(after.saturating_add(POSITIONS));
    let mut previous = match after {
        0 => BEGINNING,
        _ => match hash_at(tx, after).await? {
            Some(hash) => hash,
            None => {
                verified.broken = Some(gone(after));
                return Ok(verified);
            }
        },
    };
    while verified.through < last && verified.broken.is_none() {
        previous = part(tx, &mut verified, previous, last).await?;
    }
    if verified.broken.is_none() {
        verified.broken = added(tx, after, last).await?;
    }
    verified.has_more = verified.broken.is_none() && last < newest;
    Ok(verified)
}

fn gone(position: i64) -> Broken {
    Broken { position: Some(position), entry: None, reason: Reason::Missing }
}

/// Checks some positions more; answers the hash of the last one.
async fn part(tx: &mut TenantTx<'_>, verified: &mut Verified, mut previous: Hash, last: i64) -> Result<Hash> {
    let most = PART.min(last - verified.through);
    let seals = seals(tx, verified.through, most, false).await?;
    let mut entries = entries(tx, &seals).await?;
    if seals.is_empty() {
        verified.broken = Some(gone(verified.through + 1));
    }
    for seal in seals {
        let position = verified.through + 1;
        if seal.position != position {
            verified.broken = Some(gone(position));
            break;
        }
        let broken = |reason| Broken { position: Some(position), entry: Some(seal.audit_event_id), reason };
        let Some(entry) = entries.remove(&seal.audit_event_id) else {
            verified.broken = Some(broken(Reason::Missing));
            break;
        };
        let hash = chained(&previous, &entry);
        if hash[..] != seal.hash[..] {
            verified.broken = Some(broken(Reason::Changed));
            break;
        }
        previous = hash;
        verified.through = position;
    }
    Ok(previous)
}

/// Seals after a position, oldest first; or up to it, newest first.
async fn seals(tx: &mut TenantTx<'_>, place: i64, most: i64, backwards: bool) -> Result<Vec<Seal>> {
    let statement = match backwards {
        false => {
            "select position, audit_event_id, hash from tenon.audit_seals
             where tenant_id = $1 and position > $2 order by position limit $3"
        }
        true => {
            "select position, audit_event_id, hash from tenon.audit_seals
             where tenant_id = $1 and position <= $2 order by position desc limit $3"
        }
    };
    let tenant = tx.actor().tenant;
    Ok(sqlx::query_as(statement).bind(tenant).bind(place).bind(most).fetch_all(tx.conn()).await?)
}

async fn entries(tx: &mut TenantTx<'_>, seals: &[Seal]) -> Result<HashMap<Uuid, AuditEntry>> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.audit_events e where e.tenant_id = $1 and e.id = any ($2)"
    );
    let ids: Vec<Uuid> = seals.iter().map(|seal| seal.audit_event_id).collect();
    let found: Vec<AuditEntry> =
        sqlx::query_as(statement).bind(tx.actor().tenant).bind(ids).fetch_all(tx.conn()).await?;
    Ok(found.into_iter().map(|entry| (entry.id, entry)).collect())
}

/// An entry without a seal among those of the positions after `after` up to `last`.
async fn added(tx: &mut TenantTx<'_>, after: i64, last: i64) -> Result<Option<Broken>> {
    let found: Option<Uuid> = sqlx::query_scalar(
        "with place as (
             select s.position, e.xid, e.id from tenon.audit_seals s
             join tenon.audit_events e on e.tenant_id = s.tenant_id and e.id = s.audit_event_id
             where s.tenant_id = $1 and s.position in ($2, $3)
         )
         select e.id from tenon.audit_events e
         where e.tenant_id = $1
           and (e.xid, e.id) < ((select p.xid from place p where p.position = $3), (select p.id from place p where p.position = $3))
           and (e.xid, e.id) > (coalesce((select p.xid from place p where p.position = $2), '0'),
                                coalesce((select p.id from place p where p.position = $2), '00000000-0000-0000-0000-000000000000'))
           and not exists (select from tenon.audit_seals s where s.tenant_id = $1 and s.audit_event_id = e.id)
         order by e.xid, e.id limit 1",
    )
    .bind(tx.actor().tenant)
    .bind(after)
    .bind(last)
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|id| Broken { position: None, entry: Some(id), reason: Reason::UnsealedOlder }))
}

/// The hash at a position; none where there is no seal, and none has been removed there last.
pub async fn hash_at(tx: &mut TenantTx<'_>, position: i64) -> Result<Option<Hash>> {
    if let Some((removed_through, hash)) = anchor(tx).await?
        && removed_through == position
    {
        return Ok(Some(hash));
    }
    let seal = seals(tx, position, 1, true).await?.pop().filter(|seal| seal.position == position);
    seal.map(|seal| hash_of(&seal.hash)).transpose()
}
