//! Claiming by age alone: what nearly every claim is, for nearly always few jobs wait.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::fair::integer;
use super::{Brought, Row, Wanted};
use crate::db::record::by_position;

/// So many of a kind at most: with more of them, whose turn it is begins to matter.
const FEW: usize = 64;

struct Found {
    kind: String,
    id: Option<String>,
    lane: Option<String>,
    job: Option<Vec<u8>>,
    attempts: Option<i32>,
    max_attempts: Option<i32>,
    orphaned: Option<i32>,
    run_at: Option<DateTime<Utc>>,
    traceparent: Option<String>,
    now: DateTime<Utc>,
}

by_position!(Found { kind, id, lane, job, attempts, max_attempts, orphaned, run_at, traceparent, now });

impl Found {
    /// The row; none where it only says that something of the kind is due.
    fn row(self) -> Option<Row> {
        Some(Row {
            id: self.id?,
            lane: self.lane?.into(),
            payload: self.job?,
            attempts: self.attempts?,
            max_attempts: self.max_attempts?,
            orphaned: self.orphaned?,
            run_at: self.run_at?,
            now: self.now,
            traceparent: self.traceparent,
            begins_in: None,
            is_most: false,
        })
    }
}

/// Claims the oldest of the kinds whose lanes have no limits; of the others it only looks whether anything is due: the second answer.
pub(super) async fn claim(
    pool: &PgPool,
    worker: &Arc<str>,
    wanted: &[Wanted],
) -> Result<(HashMap<&'static str, Brought>, HashSet<String>), sqlx::Error> {
    let (limited, claimed): (Vec<_>, Vec<_>) = wanted.iter().partition(|wanted| wanted.has_limits);
    let kinds: Vec<&str> = claimed.iter().map(|wanted| wanted.kind).collect();
    let rooms: Vec<i32> = claimed.iter().map(|wanted| integer(wanted.room.min(FEW))).collect();
    let asked_about: Vec<&str> = limited.iter().map(|wanted| wanted.kind).collect();
    let found: Vec<Found> = sqlx::query_as("select * from apalis.claim_oldest($1, $2, $3, $4)")
        .bind(&**worker)
        .bind(kinds)
        .bind(rooms)
        .bind(asked_about)
        .fetch_all(pool)
        .await?;
    let mut due = HashSet::new();
    let mut rows: HashMap<String, Vec<Row>> = HashMap::new();
    for found in found {
        let kind = found.kind.clone();
        match found.row() {
            Some(row) => rows.entry(kind).or_default().push(row),
            None => drop(due.insert(kind)),
        }
    }
    let brought = claimed.into_iter().map(|wanted| {
        let mut rows = rows.remove(wanted.kind).unwrap_or_default();
        rows.sort_by(|a, b| (a.run_at, &a.id).cmp(&(b.run_at, &b.id)));
        let more = rows.len() >= wanted.room.min(FEW);
        (wanted.kind, Brought { rows, cursor: None, more })
    });
    Ok((brought.collect(), due))
}
