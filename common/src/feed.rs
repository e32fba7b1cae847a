//! The change feed: all events of a tenant, in an order that every reader sees alike, from a place on.
//!
//! The order is that of the transactions' ids, and of the events' ids within one. A transaction may commit after others whose ids are
//! higher, so nothing at or above the watermark is read: the id of the oldest transaction that is under way. What is below it is
//! complete, and a reader who goes on behind the last event that it has seen misses none and sees none twice.

mod cursor;
mod tail;
mod types;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::db::TenantTx;
use crate::error::{Error, QueryCode, Result};
use crate::id::EventId;

pub use tail::{Following, Tail};
pub use types::Types;

/// The most events of a page.
pub const MAX_LIMIT: u32 = 1000;
/// The events of a page when nothing is said.
pub const DEFAULT_LIMIT: u32 = 200;
/// The most events that are looked at for a page of certain types.
const MAX_SCANNED: i64 = 5000;

/// A place younger than this is not compared with what is kept: nothing is dropped so early.
const SURELY_KEPT: chrono::TimeDelta = chrono::TimeDelta::days(1);
/// Events may be so much older than their place in the feed: no transaction is as long.
const LONGEST_TRANSACTION: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// A place in the feed: behind an event, or behind all events of the transactions below one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The transaction.
    xid: i64,
    /// The event of that transaction; nil: before its first.
    id: Uuid,
    /// When all that is before it had happened, near enough: what tells whether all that follows is kept.
    at: DateTime<Utc>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest event that is kept.
    Oldest,
    /// With what happens from now on.
    Now,
    /// Behind a place.
    After(Place),
}

/// How much is wanted at once.
#[derive(Clone, Copy, Debug)]
pub struct Portion {
    /// Events at most.
    pub events: u32,
    /// No more events once their bodies have so many bytes.
    pub bytes: i64,
}

/// A part of the feed.
#[derive(Clone, Debug)]
pub struct Page {
    /// In order.
    pub events: Vec<Entry>,
    /// Where the next page begins: behind the last event, or behind all that was looked at.
    pub next: Place,
    /// Whether more is there to be read at once.
    pub has_more: bool,
}

/// An event in the feed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Behind it.
    pub place: Place,
    /// `contact.created`.
    pub r#type: String,
    /// The body that webhooks get, byte for byte.
    pub body: String,
}

impl Page {
    /// Whether there is nothing behind the place that was asked for: no event, and none that is yet to be looked at.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && !self.has_more
    }
}

/// Reads what follows a place.
pub async fn read(tx: &mut TenantTx<'_>, start: Start, types: &Types, portion: Portion) -> Result<Page> {
    // Read before the events, so that every transaction below it is over when they are.
    let watermark: i64 = sqlx::query_scalar("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        .fetch_one(tx.conn())
        .await?;
    let end = Place { xid: watermark, id: Uuid::nil(), at: Utc::now() };
    let after = match start {
        Start::Oldest => Place { xid: 0, ..end },
        Start::Now => return Ok(Page { events: Vec::new(), next: end, has_more: false }),
        Start::After(place) => place,
    };
    let found = scan(tx, after, watermark, types, portion).await?;
    // Compared after the reading: what is dropped in between is found out.
    check_kept(tx, after).await?;
    Ok(page(found, after.max(end), portion))
}

impl Place {
    /// The later one.
    fn max(self, other: Self) -> Self {
        if (self.xid, self.id) > (other.xid, other.id) { self } else { other }
    }
}

/// An event that was looked at.
#[derive(sqlx::FromRow)]
struct Row {
    xid: i64,
    id: EventId,
    r#type: String,
    /// None of one that is not wanted.
    body: Option<String>,
    /// Whether it is the last that was looked at: more may follow.
    is_last: bool,
}

/// The wanted events, one more than asked for where there are; and the last that was looked at, where more would be too many.
async fn scan(
    tx: &mut TenantTx<'_>,
    after: Place,
    watermark: i64,
    types: &Types,
    portion: Portion,
) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(
        "select xid::text::bigint as xid, id, type, case when wanted then body end as body, place = $7 as is_last
         from (select e.*, row_number() over following as place,
                      sum(octet_length(body)) filter (where wanted) over following as bytes
               from (select xid, id, type, body,
                            cardinality($5::text[]) + cardinality($6::text[]) = 0 or type = any ($5)
                                or split_part(type, '.', 1) = any ($6) as wanted
                     from tenon.events
                     where tenant_id = $1 and (xid, id) > ($2::text::xid8, $3) and xid < $4::text::xid8
                     order by xid, id limit $7) e
               window following as (order by xid, id rows unbounded preceding)) looked_at
         where (wanted and bytes - octet_length(body) < $8) or place = $7
         order by looked_at.xid, looked_at.id limit $9",
    )
    .bind(tx.actor().tenant)
    .bind(after.xid.to_string())
    .bind(after.id)
    .bind(watermark.to_string())
    .bind(types.names())
    .bind(types.objects())
    .bind(MAX_SCANNED)
    .bind(portion.bytes)
    .bind(i64::from(portion.events) + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What was found, up to the end of what was looked at.
fn page(found: Vec<Row>, end: Place, portion: Portion) -> Page {
    let most = usize::try_from(portion.events).unwrap_or(usize::MAX);
    let mut page = Page { events: Vec::new(), next: end, has_more: false };
    let mut bytes = 0;
    for row in found {
        let place = Place { xid: row.xid, id: row.id.0, at: row.id.instant() };
        let Some(body) = row.body else {
            return Page { next: place, has_more: true, ..page };
        };
        if page.events.len() == most {
            page.has_more = true;
            break;
        }
        bytes += i64::try_from(body.len()).unwrap_or(i64::MAX);
        page.events.push(Entry { place, r#type: row.r#type, body });
        if bytes >= portion.bytes || row.is_last {
            page.has_more = true;
            break;
        }
    }
    if page.has_more
        && let Some(last) = page.events.last()
    {
        page.next = last.place;
    }
    page
}

/// Refuses a place behind which events are missing.
async fn check_kept(tx: &mut TenantTx<'_>, after: Place) -> Result<()> {
    if after.at > Utc::now() - SURELY_KEPT {
        return Ok(());
    }
    let since: Option<DateTime<Utc>> =
        sqlx::query_scalar("select tenon.events_kept_since()").fetch_one(tx.conn()).await?;
    match since {
        Some(since) if after.at < since + LONGEST_TRANSACTION => Err(expired()),
        _ => Ok(()),
    }
}

fn expired() -> Error {
    Error::Query {
        code: QueryCode::CursorExpired,
        parameter: "after",
        message: "What follows this cursor is not kept any more. Take a snapshot: ask for after=now and keep its nextCursor, read each \
                  list with limit and cursor (with deleted=include; updatedSince leaves out what you have), then go on from that cursor"
            .to_owned(),
    }
}
