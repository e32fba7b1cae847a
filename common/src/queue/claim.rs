//! Claiming: the oldest of kinds of which few wait, in one round trip; of others in fair turns.

mod fair;
mod oldest;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

/// How many of a kind are wanted, and after which lane its turn begins.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) kind: &'static str,
    pub(super) room: usize,
    pub(super) cursor: String,
    /// Whether turns matter: many wait, or lanes have limits.
    pub(super) in_turns: bool,
    /// Whether lanes of the kind have limits.
    pub(super) has_limits: bool,
    /// Lanes that may not have as many as one of which nothing is known, or may have more.
    pub(super) limited: Vec<(Arc<str>, usize)>,
    /// How many of any other lane.
    pub(super) of_a_lane: usize,
}

/// A claimed row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) lane: Arc<str>,
    pub(super) payload: Vec<u8>,
    pub(super) attempts: i32,
    pub(super) max_attempts: i32,
    pub(super) orphaned: i32,
    pub(super) run_at: DateTime<Utc>,
    /// The database's clock at the claim.
    pub(super) now: DateTime<Utc>,
    pub(super) traceparent: Option<String>,
    /// In how many seconds its time comes, where its lane keeps a pace.
    pub(super) begins_in: Option<f64>,
    /// Whether its lane got all that it may have now.
    pub(super) is_most: bool,
}

/// What a claim brought of one kind.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// In the order in which they should run: a row of each lane in turn.
    pub(super) rows: Vec<Row>,
    /// The lane after which the next claim's turn begins.
    pub(super) cursor: Option<String>,
    /// There may be more: a lane had as many as it was asked for.
    pub(super) more: bool,
}

/// Claims what is due, of all kinds that are wanted.
pub(super) async fn claim(
    pool: &PgPool,
    worker: &Arc<str>,
    wanted: Vec<Wanted>,
) -> Result<HashMap<&'static str, Brought>, sqlx::Error> {
    let (mut in_turns, others): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|wanted| wanted.in_turns);
    let mut brought = HashMap::new();
    if !others.is_empty() {
        let (found, due) = oldest::claim(pool, worker, &others).await?;
        brought = found;
        in_turns.extend(others.into_iter().filter(|wanted| due.contains(wanted.kind)));
    }
    if !in_turns.is_empty() {
        brought.extend(fair::claim(pool, worker, &in_turns).await?);
    }
    Ok(brought)
}
