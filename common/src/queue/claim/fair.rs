//! Claiming in fair turns: one statement, that deals the room out over tenants, and a tenant's share over its lanes.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::types::PgHstore;

use super::super::database;
use super::{Brought, Row, Wanted};
use crate::db::record::by_position;

/// Steps of the walk over lanes, beside those over lanes that have a limit: so that many lanes that only wait for a later time cost a
/// bounded time; what is due behind them is found by its age.
const STEPS: usize = 256;

/// How far ahead of its time a job is claimed whose lane keeps a pace, in seconds.
const AHEAD: f64 = 0.25;

/// $1 kinds, $2 room, $3 cursors, $4 this worker, $5 steps, $6 lanes that may not have as many as there is room for, with how many, $7 how
/// many of a kind's other lanes, $8 chance, $9 seconds.
///
/// `walk` steps from lane to lane by the index (a loose scan), from the cursor to the end and on from the beginning, until it
/// has as many lanes with something due as there is room; lanes that may have none are passed by. The room is dealt out over the tenants
/// that they are of, one more to the first, and what a tenant gets over its lanes. Lanes that keep a pace have a row, which is locked for so
/// long: of one that another worker is just claiming from, nothing is claimed, nor of one of whose last claim this statement cannot see
/// what it holds. Rows that another worker is just claiming are skipped. The rows are locked by then, so that their place (ctid) stays
/// theirs.
const CLAIM: &str = "
    with recursive wanted as (
        select w.kind collate \"C\" as kind, w.room, w.cursor collate \"C\" as cursor, w.usual
        from unnest($1::text[], $2::integer[], $3::text[], $7::integer[]) as w (kind, room, cursor, usual)
    ),
    walk as (
        select w.kind, w.room, w.cursor, w.usual, w.cursor as lane, 'infinity'::timestamptz as run_at, false as wrapped, 0 as step, 0 as due,
               0 as most
        from wanted w
        union all
        select w.kind, w.room, w.cursor, w.usual, next.lane, next.run_at, next.wrapped, w.step + 1,
               w.due + (next.run_at <= now() and may.have > 0)::integer, may.have
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
        cross join lateral (select coalesce(($6::hstore -> next.lane)::integer, w.usual) as have) as may
        where (not next.wrapped or next.lane <= w.cursor) and w.due < w.room and w.step < $5
    ),
    total as materialized (
        select w.kind, max(w.room) as room, max(w.due) as lanes, max(w.step) as steps from walk w group by w.kind
    ),
    lanes as (
        select w.kind, w.room, w.lane, w.due as turn, w.most,
               min(w.due) over tenant as tenant_turn, count(*) over tenant as siblings,
               row_number() over (partition by w.kind, split_part(w.lane, '/', 1) order by hashtextextended(w.lane, $8)) as place
        from walk w
        where w.run_at <= now() and w.most > 0
        window tenant as (partition by w.kind, split_part(w.lane, '/', 1))
    ),
    tenants as (
        select l.*, dense_rank() over (partition by l.kind order by l.tenant_turn) as number from lanes l
    ),
    dealt as (
        select t.*, t.room / all_of.tenants + (t.number <= t.room % all_of.tenants)::integer as share
        from tenants t
        join (select x.kind, max(x.number) as tenants from tenants x group by x.kind) as all_of on all_of.kind = t.kind
    ),
    shares as materialized (
        select d.kind, d.lane, d.turn, d.share, d.most,
               least(d.most, d.share / d.siblings + (d.place <= d.share % d.siblings)::integer) as part
        from dealt d
    ),
    paced as materialized (
        select p.lane, p.max_per_second, p.max_concurrency, greatest(p.next_at, now()) as next_at
        from apalis.lanes p
        where p.lane = any (array(select s.lane from shares s)) and pg_visible_in_snapshot(p.claimed_by, pg_current_snapshot())
        for update skip locked
    ),
    allowed as materialized (
        select s.kind, s.lane, s.turn, s.share, s.most, s.part,
               case when keeps.lane is null then s.part
                    when p.lane is null then 0
                    else least(s.part,
                               coalesce(p.max_concurrency - (
                                   select count(*) from apalis.jobs h
                                   where h.lock_by = any (array(select w.id from apalis.workers w)) and h.lane = s.lane
                                     and h.lock_by is not null and h.orphaned >= 0), s.part),
                               coalesce(ceil(extract(epoch from now() - p.next_at + make_interval(secs => $9)) * p.max_per_second), s.part))
               end::integer as got
        from shares s
        left join apalis.lanes keeps on keeps.lane = s.lane
        left join paced p on p.lane = s.lane
    ),
    fair as (
        select a.turn, a.share, a.got as part, a.got < a.part or a.got = a.most as is_most, picked.id, picked.place
        from allowed a
        cross join lateral (
            select j.id, j.ctid as place from apalis.jobs j
            where j.kind = a.kind and j.lane = a.lane and j.status = 'Pending' and j.run_at <= now()
            order by j.run_at limit greatest(a.got, 0) for update skip locked
        ) as picked
    ),
    oldest as (
        select 0 as turn, 1 as share, 1 as part, false as is_most, picked.id, picked.place
        from total w
        cross join lateral (
            select j.id, j.ctid as place from apalis.jobs j
            where j.kind = w.kind and j.status = 'Pending' and j.orphaned >= 0 and j.run_at <= now()
              and coalesce(($6::hstore -> j.lane)::integer, 1) > 0 and not exists (select from apalis.lanes p where p.lane = j.lane)
            order by j.run_at limit greatest(1, w.room / 2) for update skip locked
        ) as picked
        where w.steps >= $5 and w.lanes <= w.room / 2
    ),
    claimed as (
        update apalis.jobs j set status = 'Running', lock_by = $4, lock_at = now()
        where j.ctid = any (array(select place from fair union all select place from oldest))
        returning j.id, j.kind, j.lane, j.job, j.attempts, j.max_attempts, j.orphaned, j.run_at,
                  j.metadata -> 'traceparent' as traceparent
    ),
    going as (
        update apalis.lanes l set
            next_at = case when l.max_per_second is null then l.next_at else p.next_at + make_interval(secs => c.claimed / p.max_per_second::float8) end,
            claimed_by = pg_current_xact_id()
        from (select lane, count(*) as claimed from claimed group by lane) c join paced p on p.lane = c.lane
        where l.lane = c.lane
    )
    select c.id, c.kind, c.lane, c.job, c.attempts, c.max_attempts, c.orphaned, c.run_at, c.traceparent, now() as now,
           coalesce(f.turn, 0) as turn, coalesce(f.share, 1)::integer as share, coalesce(f.part, 1) as part, coalesce(f.is_most, false) as is_most,
           extract(epoch from p.next_at - now())::float8
               + (row_number() over (partition by c.lane order by c.run_at, c.id) - 1) / p.max_per_second::float8 as begins_in
    from claimed c left join fair f on f.id = c.id left join paced p on p.lane = c.lane and p.max_per_second is not null";

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
    part: i32,
    is_most: bool,
    begins_in: Option<f64>,
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
    share,
    part,
    is_most,
    begins_in
});

/// Claims what is due, of all kinds that are wanted.
pub(in super::super) async fn claim(
    pool: &PgPool,
    worker: &Arc<str>,
    wanted: &[Wanted],
) -> Result<HashMap<&'static str, Brought>, sqlx::Error> {
    let kinds: Vec<&str> = wanted.iter().map(|wanted| wanted.kind).collect();
    let rooms: Vec<i32> = wanted.iter().map(|wanted| integer(wanted.room)).collect();
    let cursors: Vec<&str> = wanted.iter().map(|wanted| &*wanted.cursor).collect();
    let usual: Vec<i32> = wanted.iter().map(|wanted| integer(wanted.of_a_lane)).collect();
    let limited = || wanted.iter().flat_map(|wanted| &wanted.limited);
    let lanes: PgHstore =
        limited().map(|(lane, most)| (lane.to_string(), Some(integer(*most).to_string()))).collect();
    let steps = integer(STEPS + limited().count());
    let mut tx = database::begin_relaxed(pool).await?;
    let rows: Vec<ClaimedRow> = sqlx::query_as(CLAIM)
        .bind(kinds)
        .bind(rooms)
        .bind(cursors)
        .bind(&**worker)
        .bind(steps)
        .bind(lanes)
        .bind(usual)
        .bind(rand::random::<i64>())
        .bind(AHEAD)
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

pub(super) fn integer(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
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
        // A lane that got all that it may have is asked again when one of its jobs has ended.
        more |= !row.is_most && i32::try_from(in_lane + 1).is_ok_and(|taken| taken >= row.part);
        rounds.push((in_lane, row));
    }
    rounds.sort_by_key(|(round, _)| *round);
    Brought { rows: rounds.into_iter().map(|(_, row)| row.into()).collect(), cursor, more }
}

impl From<ClaimedRow> for Row {
    fn from(row: ClaimedRow) -> Self {
        Self {
            id: row.id,
            lane: row.lane.into(),
            payload: row.job,
            attempts: row.attempts,
            max_attempts: row.max_attempts,
            orphaned: row.orphaned,
            run_at: row.run_at,
            now: row.now,
            traceparent: row.traceparent,
            begins_in: row.begins_in,
            is_most: row.is_most,
        }
    }
}
