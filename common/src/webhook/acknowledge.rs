//! How the end of a delivery's job is written: the attempt, the delivery's state and the job's row, for a batch of jobs at once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use crate::id::{TenantId, WebhookId};
use crate::queue::{Acked, Acknowledge, Due, Outcome, Settled, TakenBack, ack, is_about_data};
use crate::webhook::delivery::DeliverWebhook;
use crate::webhook::finishing::{self, Attempted, Finished, Interrupted};

/// What a handler says of a delivery. Handed over before it begins, so that a panic does not lose whose turn it was.
#[derive(Clone, Debug)]
pub struct Turn {
    delivery: DeliverWebhook,
    /// Since when it is sent.
    sent_at: Arc<OnceLock<DateTime<Utc>>>,
    verdict: Arc<OnceLock<Verdict>>,
}

/// What a turn came to.
#[derive(Debug)]
struct Verdict {
    attempt: Option<Attempted>,
    status: &'static str,
    /// What it says of the webhook's health, where that is news: a failure, or the success that ends a row of failures.
    succeeded: Option<bool>,
}

impl Turn {
    /// The turn of a delivery, before anything has come of it.
    pub fn of(delivery: DeliverWebhook) -> Self {
        Self { delivery, sent_at: Arc::default(), verdict: Arc::default() }
    }

    /// An attempt begins: it is listed whatever comes of it.
    pub fn begins(&self, at: DateTime<Utc>) {
        let _ = self.sent_at.set(at);
    }

    /// An attempt has ended, and the delivery's status is this now. `was_failing`: whether the webhook was before.
    pub fn attempted(&self, attempt: Attempted, status: &'static str, was_failing: bool) {
        let succeeded = attempt.outcome == "success";
        let succeeded = (!succeeded || was_failing).then_some(succeeded);
        let _ = self.verdict.set(Verdict { attempt: Some(attempt), status, succeeded });
    }

    /// The same of an attempt at an address that is not the webhook's any more: it says nothing of the one that it has now.
    pub fn attempted_elsewhere(&self, attempt: Attempted, status: &'static str) {
        let _ = self.verdict.set(Verdict { attempt: Some(attempt), status, succeeded: None });
    }

    /// Nothing was sent, and the delivery's status is this now.
    pub fn decided(&self, status: &'static str) {
        let _ = self.verdict.set(Verdict { attempt: None, status, succeeded: None });
    }

    /// The attempt that was cut off because the worker stopped: whether the receiver got it, nobody knows. It is no step of the schedule.
    fn cut_off(&self, acked: &Acked<'_, Self>) -> Option<Interrupted> {
        let since = *self.sent_at.get()?;
        let is_cut = *acked.outcome == Outcome::Release && self.verdict.get().is_none();
        is_cut.then(|| Interrupted { delivery: self.delivery.clone(), since })
    }

    /// What it says of the webhook's health.
    fn health(&self) -> Option<(TenantId, WebhookId, bool)> {
        let succeeded = self.verdict.get()?.succeeded?;
        Some((self.delivery.tenant_id, self.delivery.webhook_id, succeeded))
    }

    /// What is written in place of a verdict that the database refuses: the delivery has failed, whatever came of the attempt.
    fn refused(&self, acked: &Acked<'_, Self>, error: &sqlx::Error) -> Finished {
        let attempt = Attempted {
            started_at: Utc::now(),
            duration: Duration::ZERO,
            outcome: "interrupted",
            status_code: None,
            error: Some(
                format!("what came of the attempt cannot be written: {error}").replace('\0', "\u{fffd}"),
            ),
            response: None,
        };
        Finished {
            job_id: acked.job.id.to_string(),
            delivery: self.delivery.clone(),
            attempt: Some(attempt),
            status: "failed",
            next: None,
            killed: true,
            error: None,
        }
    }

    fn finished(&self, acked: &Acked<'_, Self>) -> Finished {
        let verdict = self.verdict.get();
        let (next, killed, counted, error) = match acked.settled {
            Settled::Gone | Settled::Untouched => (None, false, false, None),
            Settled::Again { due, counted, error } => (Some(wait(due)), false, *counted, error.clone()),
            Settled::Killed { error, counted } => (None, true, *counted, Some(error.clone())),
        };
        // A panic, a stop in the middle: an attempt of which nothing is known but that it was made.
        let interrupted = |error| Attempted {
            started_at: self.sent_at.get().copied().unwrap_or_else(Utc::now),
            duration: Duration::ZERO,
            outcome: "interrupted",
            status_code: None,
            error,
            response: None,
        };
        let attempt = verdict.and_then(|verdict| verdict.attempt.clone());
        Finished {
            job_id: acked.job.id.to_string(),
            delivery: self.delivery.clone(),
            attempt: attempt.or_else(|| (counted && verdict.is_none()).then(|| interrupted(error.clone()))),
            status: if killed { "failed" } else { verdict.map_or("pending", |verdict| verdict.status) },
            next,
            killed,
            error,
        }
    }
}

fn wait(due: &Due) -> Duration {
    match due {
        Due::In(delay) => *delay,
        Due::At(at) => (*at - Utc::now()).to_std().unwrap_or_default(),
        Due::Unchanged => Duration::ZERO,
    }
}

/// Why attempts are listed of which nothing else is known.
const DIED: &str =
    "The worker died or lost its connection while it held the delivery; whether it was sent is not known";
const STOPPED: &str = "The worker stopped while it sent the delivery; whether it was received is not known";

/// Writes the turns of a batch in one statement, whatever their tenants.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcknowledgeDeliveries;

impl Acknowledge<DeliverWebhook> for AcknowledgeDeliveries {
    type Record = Turn;

    /// The attempts that its workers died over are listed already.
    fn given_up(&self, job: &DeliverWebhook) -> Option<Turn> {
        let turn = Turn::of(job.clone());
        turn.decided("failed");
        Some(turn)
    }

    async fn taken_back(
        &self,
        connection: &mut PgConnection,
        jobs: &[TakenBack<DeliverWebhook>],
    ) -> Result<(), sqlx::Error> {
        let interrupted = |job: &TakenBack<DeliverWebhook>| Interrupted {
            delivery: job.args.clone(),
            since: job.held_since,
        };
        let interrupted: Vec<Interrupted> = jobs.iter().map(interrupted).collect();
        finishing::interrupt(connection, &interrupted, DIED).await
    }

    async fn acknowledge(
        &self,
        connection: &mut PgConnection,
        worker: &str,
        acked: &[Acked<'_, Turn>],
    ) -> Result<(), sqlx::Error> {
        let written = write(connection, worker, acked).await;
        // Of one alone the queue could only kill the job: the delivery would be pending for ever.
        if let (Err(error), [acked]) = (&written, acked)
            && let Some(turn) = acked.record
            && is_about_data(error)
        {
            let refused = turn.refused(acked, error);
            tracing::error!(job_id = %acked.job.id, %error, "what came of an attempt cannot be written");
            if finishing::finish(connection, worker, &[refused]).await? > 0 {
                return Ok(());
            }
        }
        written
    }
}

async fn write(
    connection: &mut PgConnection,
    worker: &str,
    acked: &[Acked<'_, Turn>],
) -> Result<(), sqlx::Error> {
    let finished: Vec<Finished> =
        acked.iter().filter_map(|acked| acked.record.map(|turn| turn.finished(acked))).collect();
    let health: Vec<_> = acked.iter().filter_map(|acked| acked.record.and_then(Turn::health)).collect();
    let cut_off: Vec<_> =
        acked.iter().filter_map(|acked| Some((&*acked.job.id, acked.record?.cut_off(acked)?))).collect();
    if finished.len() == acked.len() && health.is_empty() && cut_off.is_empty() {
        finishing::finish(connection, worker, &finished).await?;
        return Ok(());
    }
    // Jobs whose payload could not be read, or whose delivery is gone, have no delivery to write to.
    let others = acked.iter().filter(|acked| acked.record.is_none()).map(|acked| (acked.job, acked.settled));
    let mut tx = connection.begin().await?;
    ack::write(&mut tx, worker, others).await?;
    // Webhooks before deliveries, as everything locks them that changes both.
    if !health.is_empty() {
        finishing::note_health(&mut tx, health).await?;
    }
    if !cut_off.is_empty() {
        interrupt(&mut tx, worker, cut_off).await?;
    }
    finishing::finish(&mut tx, worker, &finished).await?;
    tx.commit().await
}

/// Lists attempts that were cut off, of the jobs that the worker still holds: those of the others are listed by who has taken them back.
async fn interrupt(
    connection: &mut PgConnection,
    worker: &str,
    cut_off: Vec<(&str, Interrupted)>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<&str> = cut_off.iter().map(|(id, _)| *id).collect();
    let held = ack::held(connection, worker, &ids).await?;
    let interrupted: Vec<Interrupted> = cut_off
        .into_iter()
        .filter(|(id, _)| held.iter().any(|held| held == id))
        .map(|(_, interrupted)| interrupted)
        .collect();
    finishing::interrupt(connection, &interrupted, STOPPED).await
}
