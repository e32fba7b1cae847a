//! The queue's metrics, and the line that a failure leaves in the log.

use std::sync::Arc;
use std::time::Instant;

use metrics::{Counter, Histogram};

use super::ack::JobRef;
use super::outcome::{Outcome, Settled};
use super::registry::Kind;

/// A kind's series, looked up once.
pub(super) struct Meters {
    ok: Counter,
    retry: Counter,
    dead: Counter,
    cancelled: Counter,
    duration: Histogram,
    wait: Histogram,
}

impl Meters {
    pub(super) fn new(kind: &Kind) -> Self {
        let (queue, name) = (kind.queue.name(), kind.name);
        let count = |outcome: &'static str| metrics::counter!("tenon_jobs_total", "queue" => queue, "kind" => name, "outcome" => outcome);
        Self {
            ok: count("ok"),
            retry: count("retry"),
            dead: count("dead"),
            cancelled: count("cancelled"),
            duration: metrics::histogram!("tenon_job_duration_seconds", "queue" => queue, "kind" => name),
            wait: metrics::histogram!("tenon_job_wait_seconds", "queue" => queue, "kind" => name),
        }
    }

    /// A handler begins with the job.
    pub(super) fn started(&self, job: &JobRef, at: Instant) {
        self.wait.record(job.waited + at.saturating_duration_since(job.claimed_at));
    }

    /// A handler has ended with a job.
    pub(super) fn ended(&self, started: Instant) {
        self.duration.record(started.elapsed());
    }

    /// What became of a job.
    pub(super) fn settled(&self, job: &Arc<JobRef>, outcome: &Outcome, settled: &Settled) {
        let JobRef { id, kind, attempt, .. } = &**job;
        match (settled, outcome) {
            (Settled::Gone, Outcome::Discard { reason }) => {
                self.cancelled.increment(1);
                tracing::info!(kind, job_id = %id, reason, "job discarded");
            }
            (Settled::Gone | Settled::Untouched, _) => self.ok.increment(1),
            (Settled::Again { counted: true, error, .. }, _) => {
                self.retry.increment(1);
                tracing::info!(kind, job_id = %id, attempt, error, "job failed and will be tried again");
            }
            (Settled::Again { counted: false, .. }, _) => {}
            (Settled::Killed { error, .. }, _) => {
                self.dead.increment(1);
                tracing::warn!(kind, job_id = %id, attempt, error, "job killed");
            }
        }
    }
}

/// What Prometheus shows beside the queue's series.
pub(super) fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!("tenon_jobs_total", "Attempts of jobs that have ended, by what became of the job");
    describe_histogram!("tenon_job_duration_seconds", Unit::Seconds, "How long handlers ran");
    describe_histogram!(
        "tenon_job_wait_seconds",
        Unit::Seconds,
        "From the time a job was due to the start of its handler"
    );
    describe_counter!("tenon_job_lease_expirations_total", "Jobs taken back from workers that had died");
    describe_gauge!("tenon_worker_slots", "Handlers of this worker that are busy, and that are idle");
    describe_gauge!(
        "tenon_worker_draining",
        "1 while this worker finishes what it has and takes nothing more"
    );
    describe_gauge!(
        "tenon_worker_last_claim_timestamp_seconds",
        Unit::Seconds,
        "When this worker last asked for jobs"
    );
    describe_gauge!(
        "tenon_queue_jobs",
        "Jobs in the queue, counted to 10001 a kind; from one worker, the leader"
    );
    describe_gauge!(
        "tenon_changes_watermark_age_seconds",
        Unit::Seconds,
        "Age of the oldest event that readers of the change feed must not see yet; from the leader"
    );
    describe_gauge!("tenon_imports", "Imports that have not ended, by state; from the leader");
    describe_gauge!(
        "tenon_queue_oldest_ready_age_seconds",
        Unit::Seconds,
        "How long the oldest due job has been due; from the leader"
    );
}
