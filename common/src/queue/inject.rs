//! Saving the second hop: a handler inserts further jobs already claimed by its own worker, and hands them straight to the
//! local queue.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use chrono::Utc;
use sqlx::PgConnection;

use super::claim::Row;
use super::fetcher::hand_over;
use super::lanes::Lanes;
use super::local::{Local, Shared};
use crate::job::{EncodedJob, JobColumns};

/// The way into the local queues of the worker that runs a handler: [`Registry::injector`](super::Registry::injector).
#[derive(Clone, Default)]
pub struct Injector {
    pub(super) shared: Arc<OnceLock<Arc<Shared>>>,
}

impl std::fmt::Debug for Injector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Injector")
    }
}

impl Injector {
    /// Reserves room for jobs of one kind that are due, as far as there is any, here and in their lanes. The rest is inserted to wait as
    /// usual.
    pub fn reserve(&self, jobs: Vec<EncodedJob>) -> Reservation {
        let place = jobs.first().and_then(|job| self.local(job.kind)).and_then(|(shared, local)| {
            let mut claimed = claimable(&jobs, &local.lanes);
            let count = local.take(claimed.iter().filter(|claimed| **claimed).count());
            keep_first(&mut claimed, count);
            (count > 0).then(|| {
                let ids = jobs.iter().zip(&claimed).filter(|(_, claimed)| **claimed);
                shared.hold(ids.map(|(job, _)| Arc::from(job.id.as_str())));
                Place { worker: shared.name(), shared, local, claimed }
            })
        });
        Reservation { jobs, place }
    }

    fn local(&self, kind: &str) -> Option<(Arc<Shared>, Arc<Local>)> {
        let shared = self.shared.get().filter(|shared| !shared.is_draining() && shared.keeps_up())?;
        let local = shared.locals.get(kind)?;
        Some((Arc::clone(shared), Arc::clone(local)))
    }
}

/// Which of the jobs this worker could take: of the first one's kind, due, and of lanes that it may hold more of.
fn claimable(jobs: &[EncodedJob], lanes: &Lanes) -> Vec<bool> {
    let now = Utc::now();
    let mut rooms: HashMap<&str, usize> = HashMap::new();
    let mut claimable = Vec::with_capacity(jobs.len());
    for job in jobs {
        let is_due = job.kind == jobs[0].kind && !job.paced && job.run_at.is_none_or(|at| at <= now);
        let room = rooms.entry(job.lane_name()).or_insert_with_key(|lane| lanes.room(lane));
        let is_claimable = is_due && *room > 0;
        *room -= usize::from(is_claimable);
        claimable.push(is_claimable);
    }
    claimable
}

/// Leaves only so many of the chosen.
fn keep_first(chosen: &mut [bool], mut count: usize) {
    for chosen in chosen.iter_mut().filter(|chosen| **chosen) {
        *chosen = count > 0;
        count = count.saturating_sub(1);
    }
}

/// Jobs about to be inserted, some of them claimed. Dropped without [`Reservation::inject`], after a rollback, it gives
/// its room back; where the transaction was committed all the same, the rows are found and handed back within a minute.
#[must_use = "jobs that are inserted as claimed and not injected are run only when they are missed"]
pub struct Reservation {
    jobs: Vec<EncodedJob>,
    place: Option<Place>,
}

struct Place {
    shared: Arc<Shared>,
    local: Arc<Local>,
    worker: Arc<str>,
    /// Which of the jobs.
    claimed: Vec<bool>,
}

/// [`INSERT_JOBS`](crate::job::INSERT_JOBS) for a reservation: $1 to $7 as there, $8 the worker, $9 which it claims.
/// Returns the ids that were inserted.
pub const INSERT_RESERVED: &str = "
    insert into apalis.jobs (id, job_type, job, max_attempts, metadata, run_at, idempotency_key, status, lock_by, lock_at)
    select j.id, j.job_type, j.job, j.max_attempts, j.metadata, coalesce(j.run_at, now()), j.idempotency_key,
           case when j.claimed then 'Running' else 'Pending' end,
           case when j.claimed then $8 end,
           case when j.claimed then now() end
    from unnest($1::text[], $2::text[], $3::bytea[], $4::integer[], $5::hstore[], $6::timestamptz[], $7::text[],
                $9::boolean[]) as j (id, job_type, job, max_attempts, metadata, run_at, idempotency_key, claimed)
    on conflict do nothing
    returning id";

impl Reservation {
    /// All of its jobs, in order.
    pub fn jobs(&self) -> &[EncodedJob] {
        &self.jobs
    }

    /// Which of them are to be inserted as claimed: `status = 'Running'`, `lock_by` the worker, `lock_at` now.
    pub fn claimed(&self) -> Vec<bool> {
        self.place.as_ref().map_or_else(|| vec![false; self.jobs.len()], |place| place.claimed.clone())
    }

    /// The worker that claims them.
    pub fn worker(&self) -> Option<&str> {
        self.place.as_ref().map(|place| &*place.worker)
    }

    /// Inserts all of them in one statement; the ids that were inserted.
    pub async fn insert(&self, connection: &mut PgConnection) -> Result<HashSet<String>, sqlx::Error> {
        let columns: JobColumns = self.jobs.iter().cloned().collect();
        let inserted: Vec<String> = sqlx::query_scalar(INSERT_RESERVED)
            .bind(columns.ids)
            .bind(columns.queues)
            .bind(columns.payloads)
            .bind(columns.max_attempts)
            .bind(columns.metadata)
            .bind(columns.run_at)
            .bind(columns.idempotency_keys)
            .bind(self.worker())
            .bind(self.claimed())
            .fetch_all(connection)
            .await?;
        Ok(inserted.into_iter().collect())
    }

    /// After the commit: hands the claimed jobs that were inserted to the local queue.
    pub fn inject(mut self, inserted: &HashSet<String>) {
        let Some(place) = self.place.take() else { return };
        let now = Utc::now();
        let jobs = place.of_mine(std::mem::take(&mut self.jobs));
        let (rows, missing): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| inserted.contains(&job.id));
        place.forget(&missing);
        if rows.is_empty() {
            return;
        }
        let rows = rows
            .into_iter()
            .map(|job| Row {
                traceparent: job.metadata.get("traceparent").cloned().flatten(),
                lane: job.lane_name().into(),
                id: job.id,
                payload: job.payload,
                attempts: 0,
                max_attempts: job.max_attempts,
                orphaned: 0,
                run_at: now,
                now,
                begins_in: None,
                is_most: false,
            })
            .collect();
        hand_over(&place.shared, &place.local, &place.worker, rows);
    }
}

impl Place {
    /// Those of the jobs that it claims.
    fn of_mine(&self, jobs: Vec<EncodedJob>) -> Vec<EncodedJob> {
        jobs.into_iter().zip(&self.claimed).filter(|(_, claimed)| **claimed).map(|(job, _)| job).collect()
    }

    fn forget(&self, jobs: &[EncodedJob]) {
        self.local.give_back(jobs.len());
        let ids: Vec<Arc<str>> = jobs.iter().map(|job| Arc::from(job.id.as_str())).collect();
        self.shared.forget(&ids);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            place.forget(&place.of_mine(std::mem::take(&mut self.jobs)));
        }
    }
}
