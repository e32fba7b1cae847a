//! Claiming: one statement for all kinds that a worker runs, in fair turns.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::database;
use crate::db::record::by_position;

/// How many of a kind are wanted, and after which lane its turn begins.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) kind: &'static str,
    pub(super) room: usize,
    pub(super) cursor: String,
}

/// A claimed row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) lane: String,
    pub(super) payload: Vec<u8>,
    pub(super) attempts: i32,
    pub(super) max_attempts: i32,
    pub(super) orphaned: i32,
    pub(super) run_at: DateTime<Utc>,
    /// The database's clock at the claim.
    pub(super) now: DateTime<Utc>,
    pub(super) traceparent: Option<String>,
}

/// What a claim brought of one kind.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// In the order in which they should run: a row of each lane in turn.
    pub(super) rows: Vec<Row>,
    /// The lane after which the next claim's turn begins.
    pub(super) cursor: Option<String>,
    /// A lane had as many as it was asked for: there may be more.
    pub(super) more: bool,
}

/// Steps of the walk over lanes, so that many lanes that only wait for a later time cost a bounded time; what is due behind
/// them is found by its age.
const STEPS: i32 = 256;

/// $1 kinds, $2 room, $3 cursors, $4 this worker, $5 steps.
///
/// `walk` steps from lane to lane by the index (a loose scan), from the cursor to the end and on from the beginning, until it
/// has as many lanes with something due as there is room. The room is dealt out over them, one more to the first. Rows that
/// another worker is just claiming are skipped. The rows are locked by then, so that their place (ctid) stays theirs.
const CLAIM: &str = "
    with recursive wanted as (
        select w.kind collate \"C\" as kind, w.room, w.cursor collate \"C\" as cursor
        from unnest($1::text[], $2::integer[], $3::text[]) as w (kind, room, cursor)
    ),
    walk as (
        select w.kind, w.room, w.cursor, w.cursor as lane, 'infinity'::timestamptz as run_at, false as wrapped, 0 as step, 0 as due
        from wanted w
        union all
        select w.kind, w.room, w.cursor, next.lane, next.run_at, next.wrapped, w.step + 1, w.due + (next.run_at <= now())::integer
        from walk w
        cross join lateral (
            (select j.lane, j.run_at, w.wrapped as wrapped from apalis.jobs j
             where j.kind = w.kind and j.status = 'Pending' and j.lane > w.lane
             order by j.lane, j.run_at limit 1)
            union all
            (select j.lane, j.run_at, true from apalis.jobs j
             where not w.wrapped and j.kind = w.kind and j.status = 'Pending'
             order by j.lane, j.run_at limit 1)
            limit 1
        ) as next
        where (not next.wrapped or next.lane <= w.cursor) and w.due < w.room and w.step < $5
    ),
    total as materialized (
        select w.kind, max(w.room) as room, max(w.due) as lanes, max(w.step) as steps from walk w group by w.kind
    ),
    lanes as (
        select w.kind, w.lane, w.due as turn, w.room / total.lanes + (w.due <= w.room % total.lanes)::integer as share
        from walk w join total on total.kind = w.kind
        where w.run_at <= now()
    ),
    fair as (
        select l.turn, l.share, picked.id, picked.place
        from lanes l
        cross join lateral (
            select j.id, j.ctid as place from apalis.jobs j
            where j.kind = l.kind and j.lane = l.lane and j.status = 'Pending' and j.run_at <= now()
            order by j.run_at limit l.share for update skip locked
        ) as picked
    ),
    oldest as (
        select 0 as turn, 1 as share, picked.id, picked.place
        from total w
        cross join lateral (
            select j.id, j.ctid as place from apalis.jobs j
            where j.kind = w.kind and j.status = 'Pending' and j.orphaned >= 0 and j.run_at <= now()
            order by j.run_at limit greatest(1, w.room / 2) for update skip locked
        ) as picked
        where w.steps >= $5 and w.lanes <= w.room / 2
    ),
    claimed as (
        update apalis.jobs j set status = 'Running', lock_by = $4, lock_at = now()
        where j.ctid = any (array(select place from fair union all select place from oldest))
        returning j.id, j.kind, j.lane, j.job, j.attempts, j.max_attempts, j.orphaned, j.run_at,
                  j.metadata -> 'traceparent' as traceparent
    )
    select c.id, c.kind, c.lane, c.job, c.attempts, c.max_attempts, c.orphaned, c.run_at, c.traceparent, now() as now,
           coalesce(f.turn, 0) as turn, coalesce(f.share, 1) as share
    from claimed c left join fair f on f.id = c.id";

struct ClaimedRow {
    id: String,
    kind: String,
    lane: String,
    job: Vec<u8>,
    attempts: i32,
    max_attempts: i32,
    orphaned: i32,
    run_at: DateTime<Utc>,
    traceparent: Option<String>,
    now: DateTime<Utc>,
    turn: i32,
    share: i32,
}

by_position!(ClaimedRow {
    id,
    kind,
    lane,
    job,
    attempts,
    max_attempts,
    orphaned,
    run_at,
    traceparent,
    now,
    turn,
    share
});

/// Claims what is due, of all kinds that are wanted.
pub(super) async fn claim(
    pool: &PgPool,
    worker: &Arc<str>,
    wanted: &[Wanted],
) -> Result<HashMap<&'static str, Brought>, sqlx::Error> {
    let kinds: Vec<&str> = wanted.iter().map(|wanted| wanted.kind).collect();
    let rooms: Vec<i32> =
        wanted.iter().map(|wanted| i32::try_from(wanted.room).unwrap_or(i32::MAX)).collect();
    let cursors: Vec<&str> = wanted.iter().map(|wanted| &*wanted.cursor).collect();
    let mut tx = database::begin_relaxed(pool).await?;
    let rows: Vec<ClaimedRow> = sqlx::query_as(CLAIM)
        .bind(kinds)
        .bind(rooms)
        .bind(cursors)
        .bind(&**worker)
        .bind(STEPS)
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    let mut of_kinds: HashMap<String, Vec<ClaimedRow>> = HashMap::new();
    for row in rows {
        of_kinds.entry(row.kind.clone()).or_default().push(row);
    }
    Ok(wanted
        .iter()
        .map(|wanted| (wanted.kind, brought(of_kinds.remove(wanted.kind).unwrap_or_default(), wanted.room)))
        .collect())
}

/// Puts the rows of a kind in the order of turns.
fn brought(mut rows: Vec<ClaimedRow>, room: usize) -> Brought {
    rows.sort_by(|a, b| (a.turn, &a.lane, a.run_at, &a.id).cmp(&(b.turn, &b.lane, b.run_at, &b.id)));
    // Where the last of the larger shares went, the next claim goes on: who got less now comes first then.
    let largest = rows.iter().map(|row| row.share).max().unwrap_or_default();
    let last = rows.iter().filter(|row| row.share == largest && row.turn > 0).max_by_key(|row| row.turn);
    let cursor = last.map(|row| row.lane.clone());
    let mut more = rows.len() >= room;
    let mut rounds: Vec<(usize, ClaimedRow)> = Vec::with_capacity(rows.len());
    let mut in_lane = 0;
    for row in rows {
        in_lane = match rounds.last() {
            Some((_, before)) if before.lane == row.lane && before.turn == row.turn => in_lane + 1,
            _ => 0,
        };
        more |= i32::try_from(in_lane + 1).is_ok_and(|taken| taken >= row.share);
        rounds.push((in_lane, row));
    }
    rounds.sort_by_key(|(round, _)| *round);
    Brought { rows: rounds.into_iter().map(|(_, row)| row.into()).collect(), cursor, more }
}

impl From<ClaimedRow> for Row {
    fn from(row: ClaimedRow) -> Self {
        Self {
            id: row.id,
            lane: row.lane,
            payload: row.job,
            attempts: row.attempts,
            max_attempts: row.max_attempts,
            orphaned: row.orphaned,
            run_at: row.run_at,
            now: row.now,
            traceparent: row.traceparent,
        }
    }
}
