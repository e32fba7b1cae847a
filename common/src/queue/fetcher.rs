//! The task that claims.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ack::JobRef;
use super::claim::{Brought, Row, Wanted, claim};
use super::database::{self, Backoff};
use super::handler::{Prepared, Slot};
use super::local::{Local, Shared};
use super::outcome::Outcome;
use crate::error::Error;

/// How soon a lane that keeps a pace is asked again: before those that were claimed have all begun.
const PACE: Duration = Duration::from_millis(125);

/// Between claims that find little, so that many small inserts are claimed together.
const GAP: Duration = Duration::from_millis(2);

pub(super) struct Fetcher {
    shared: Arc<Shared>,
    pool: PgPool,
    /// After which lane of a kind the next turn begins; it outlives a run of the task.
    cursors: Mutex<HashMap<&'static str, String>>,
}

impl Fetcher {
    pub(super) fn new(shared: &Arc<Shared>, pool: &PgPool) -> Self {
        Self { shared: Arc::clone(shared), pool: pool.clone(), cursors: Mutex::default() }
    }

    pub(super) async fn run(&self, stop: CancellationToken) {
        // An earlier run may have ended between forgetting and asking.
        self.shared.expect_more(None);
        let mut backoff = Backoff::default();
        let mut polled = Instant::now();
        let mut claimed = Instant::now();
        while !stop.is_cancelled() {
            let wanted = self.wanted();
            if wanted.is_empty() {
                if !self.shared.has_room() {
                    self.shared.pulse.beats();
                }
                let poll_at = polled + self.shared.settings.poll_every;
                let until = self.shared.soonest().map_or(poll_at, |soonest| soonest.min(poll_at));
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = self.shared.fetch.notified() => {}
                    () = tokio::time::sleep_until(until.into()) => {
                        self.shared.soonest_passed();
                        if Instant::now() >= poll_at {
                            polled = Instant::now();
                            self.shared.pulse.asks(self.poll()).await;
                        }
                        self.shared.expect_more(None);
                    }
                }
                continue;
            }
            self.measure(claimed.elapsed());
            claimed = Instant::now();
            match self.shared.pulse.asks(self.claim(wanted)).await {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    let pause = backoff.next();
                    if backoff.is_news() {
                        tracing::warn!(%error, pause_ms = pause.as_millis(), "jobs cannot be claimed; will try again");
                    }
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(pause) => self.shared.expect_more(None),
                    }
                }
            }
            let quiet = self.shared.locals.values().all(|local| !local.more.load(Relaxed));
            let gap = GAP.saturating_sub(claimed.elapsed());
            if quiet && !gap.is_zero() {
                tokio::time::sleep(gap).await;
            }
        }
    }

    /// The kinds that may have more and have room for it.
    fn wanted(&self) -> Vec<Wanted> {
        if !self.shared.keeps_up() {
            return Vec::new();
        }
        let mut wanted = Vec::new();
        let cursors = self.cursors();
        for (kind, local) in &self.shared.locals {
            if local.more.load(Relaxed) && local.wants() > 0 {
                // Not taken yet: a handler may inject meanwhile, and a few too many wait here for a moment.
                let room = local.wants();
                // Before the claim: what is inserted while it runs sets it again.
                local.more.store(false, Relaxed);
                let cursor = cursors.get(kind).cloned().unwrap_or_default();
                let in_turns = local.crowded.load(Relaxed);
                let (limited, of_a_lane) = local.lanes.limits(room);
                let has_limits = local.lanes.has_limits();
                wanted.push(Wanted { kind, room, cursor, in_turns, has_limits, limited, of_a_lane });
            }
        }
        wanted
    }

    async fn claim(&self, wanted: Vec<Wanted>) -> Result<(), sqlx::Error> {
        let name = self.shared.name();
        self.shared.claiming.store(true, Relaxed);
        let asked_at = Instant::now();
        metrics::gauge!("tenon_worker_last_claim_timestamp_seconds")
            .set(chrono::Utc::now().timestamp() as f64);
        let kinds: Vec<&'static str> = wanted.iter().map(|wanted| wanted.kind).collect();
        let asked: usize = wanted.iter().map(|wanted| wanted.room).sum();
        let answer = claim(&self.pool, &name, wanted).await;
        if let Ok(brought) = &answer {
            let ids =
                brought.values().flat_map(|brought| &brought.rows).map(|row| Arc::from(row.id.as_str()));
            self.shared.hold(ids);
        }
        self.shared.claiming.store(false, Relaxed);
        let mut brought = answer?;
        if tracing::enabled!(tracing::Level::TRACE) {
            let got: usize = brought.values().map(|brought| brought.rows.len()).sum();
            tracing::trace!(asked, got, elapsed_us = asked_at.elapsed().as_micros(), "claimed");
        }
        for kind in kinds {
            let local = Arc::clone(&self.shared.locals[kind]);
            let Brought { rows, cursor, more } = brought.remove(kind).unwrap_or_default();
            local.took(rows.len());
            local.crowded.store(more, Relaxed);
            if more {
                local.more.store(true, Relaxed);
            }
            if let Some(cursor) = cursor {
                self.cursors().insert(kind, cursor);
            }
            local.lanes.remember(rows.iter().filter(|row| row.is_most).map(|row| &row.lane));
            if rows.iter().any(|row| row.begins_in.is_some()) {
                self.shared.expect_in(PACE);
            }
            if !rows.is_empty() {
                hand_over(&self.shared, &local, &name, rows);
            }
        }
        Ok(())
    }

    fn cursors(&self) -> MutexGuard<'_, HashMap<&'static str, String>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes due before the next poll, and the gauges of slots.
    async fn poll(&self) {
        let kinds: Vec<&str> = self.shared.locals.keys().copied().collect();
        let horizon = self.shared.settings.poll_every.as_secs_f64();
        // Where it fails, the claim that follows says what is wrong.
        if let Ok(Some(seconds)) = next_due(&self.pool, &kinds, horizon).await {
            self.shared.expect_in(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        }
        for queue in self.shared.queues() {
            let locals = self.shared.locals.values().filter(|local| local.kind.queue == queue);
            let (busy, slots) = locals.fold((0, 0), |(busy, slots), local| {
                (busy + local.running(), slots + local.kind.concurrency)
            });
            metrics::gauge!("tenon_worker_slots", "queue" => queue.name(), "state" => "busy")
                .set(busy as f64);
            let idle = slots.saturating_sub(busy);
            metrics::gauge!("tenon_worker_slots", "queue" => queue.name(), "state" => "idle")
                .set(idle as f64);
        }
    }

    fn measure(&self, elapsed: Duration) {
        for local in self.shared.locals.values() {
            local.measure(elapsed, self.shared.settings.max_ahead);
        }
    }
}

async fn next_due(pool: &PgPool, kinds: &[&str], horizon: f64) -> Result<Option<f64>, sqlx::Error> {
    let mut tx = database::begin_relaxed(pool).await?;
    let seconds = sqlx::query_scalar(
        "select extract(epoch from min(next.run_at) - clock_timestamp())::float8
         from unnest($1::text[]) as k (kind)
         cross join lateral (
             select j.run_at from apalis.jobs j
             where j.kind = k.kind collate \"C\" and j.status = 'Pending' and j.orphaned >= 0
               and j.run_at > now() and j.run_at <= now() + $2 * interval '1 second'
             order by j.run_at limit 1
         ) as next",
    )
    .bind(kinds)
    .bind(horizon)
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(seconds)
}

/// Makes jobs of rows and brings them to the local queue, by way of the kind's [`Prepare`](super::Prepare).
pub(super) fn hand_over(shared: &Arc<Shared>, local: &Arc<Local>, worker: &Arc<str>, rows: Vec<Row>) {
    let claimed_at = Instant::now();
    let mut unfits = HashMap::new();
    let mut jobs = Vec::with_capacity(rows.len());
    let mut later = HashMap::new();
    local.lanes.hold(rows.iter().map(|row| &row.lane));
    for row in rows {
        if let Some(begins_in) = row.begins_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            later.insert(row.id.clone(), claimed_at + begins_in);
        }
        if let Some(outcome) = unfit(&row, shared.settings.orphan_limit) {
            unfits.insert(row.id.clone(), outcome);
        }
        let job = Arc::new(JobRef {
            id: row.id.into(),
            worker: Arc::clone(worker),
            kind: local.kind.name,
            queue: local.kind.queue,
            lane: tenant_of(&row.lane),
            lane_name: row.lane,
            attempt: row.attempts.saturating_add(1),
            max_attempts: row.max_attempts,
            run_at: row.run_at,
            traceparent: row.traceparent,
            waited: (row.now - row.run_at).to_std().unwrap_or_default(),
            claimed_at,
            record: std::sync::OnceLock::new(),
        });
        jobs.push((job, row.payload));
    }
    let mut prepared = local.kind.handler.decode(jobs);
    if !unfits.is_empty() {
        prepared = without_unfit(local, prepared, unfits);
    }
    if local.kind.prepare.is_some() && !prepared.slots.is_empty() {
        let (shared, local) = (Arc::clone(shared), Arc::clone(local));
        let tracker = shared.preparing.clone();
        tracker.spawn(async move {
            let slots = std::mem::take(&mut prepared.slots);
            let jobs: Vec<Arc<JobRef>> = slots.iter().map(|slot| Arc::clone(&slot.job)).collect();
            let preparing = shared.prepares.piece(prepare(&shared, &local, slots)).await;
            // A panic takes the slots with it.
            let mut ready = preparing.unwrap_or_else(|panic| {
                let outcome = Outcome::retry(super::backend::Panicked(panic));
                all(jobs, &outcome)
            });
            ready.finished.append(&mut prepared.finished);
            shared.deliver_in_time(&local, ready, &later).await;
        });
    } else if later.is_empty() {
        shared.deliver(local, prepared);
    } else {
        let (shared, local) = (Arc::clone(shared), Arc::clone(local));
        let tracker = shared.preparing.clone();
        tracker.spawn(async move { shared.deliver_in_time(&local, prepared, &later).await });
    }
}

/// Lanes are `tenant`, or `tenant/part`.
fn tenant_of(lane: &str) -> Option<Uuid> {
    Uuid::parse_str(lane.split('/').next().unwrap_or_default()).ok()
}

/// A job that is not run again: it has had its attempts, or workers die of it.
fn unfit(row: &Row, orphan_limit: i32) -> Option<Outcome> {
    if row.orphaned >= orphan_limit {
        return Some(Outcome::kill(format!("{} workers died while they held it", row.orphaned)));
    }
    (row.attempts >= row.max_attempts)
        .then(|| Outcome::kill(format!("all of its {} attempts are spent", row.max_attempts)))
}

/// Those jobs end here, with what their kind records of them.
fn without_unfit(local: &Local, prepared: Prepared, mut unfits: HashMap<String, Outcome>) -> Prepared {
    let Prepared { slots, finished } = prepared;
    let mut left = Prepared { slots: Vec::with_capacity(slots.len()), finished };
    for slot in slots {
        match unfits.remove(&*slot.job.id) {
            Some(outcome) => {
                if let Some(acknowledge) = &local.kind.acknowledge {
                    acknowledge.given_up(&slot);
                }
                left.finished.push((slot.job, outcome));
            }
            None => left.slots.push(slot),
        }
    }
    left
}

/// All of them end so, without a handler.
fn all(jobs: impl IntoIterator<Item = Arc<JobRef>>, outcome: &Outcome) -> Prepared {
    let finished = jobs.into_iter().map(|job| (job, outcome.clone())).collect();
    Prepared { slots: Vec::new(), finished }
}

async fn prepare(shared: &Shared, local: &Local, mut slots: Vec<Slot>) -> Prepared {
    let Some(hook) = &local.kind.prepare else { return Prepared { slots, finished: Vec::new() } };
    let mut backoff = Backoff::default();
    let jobs = |slots: Vec<Slot>| slots.into_iter().map(|slot| slot.job);
    loop {
        match hook.prepare(&mut slots).await {
            Ok(answers) => return with_answers(slots, answers),
            Err(error @ (Error::Unavailable(_) | Error::Timeout)) => {
                let pause = backoff.next();
                if backoff.is_news() {
                    tracing::warn!(kind = local.kind.name, %error, "a claim cannot be prepared; will try again");
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = shared.abort.cancelled() => return all(jobs(slots), &Outcome::Release),
                }
                if shared.is_draining() {
                    return all(jobs(slots), &Outcome::Release);
                }
            }
            Err(error) => return all(jobs(slots), &Outcome::retry(error)),
        }
    }
}

fn with_answers(slots: Vec<Slot>, answers: Vec<(usize, Outcome)>) -> Prepared {
    let mut answers: HashMap<usize, Outcome> = answers.into_iter().collect();
    let mut prepared = Prepared::default();
    for (position, slot) in slots.into_iter().enumerate() {
        match answers.remove(&position) {
            Some(outcome) => prepared.finished.push((slot.job, outcome)),
            None => prepared.slots.push(slot),
        }
    }
    prepared
}
