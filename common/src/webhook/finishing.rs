//! What is written when attempts have ended: for many deliveries of many tenants by one definer function's call.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::id::{EventId, TenantId, WebhookId};
use crate::webhook::delivery::DeliverWebhook;

/// The end of a job's turn.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The job.
    pub job_id: String,
    /// Its delivery.
    pub delivery: DeliverWebhook,
    /// The attempt, if there was one.
    pub attempt: Option<Attempted>,
    /// The delivery's status from now on.
    pub status: &'static str,
    /// When the job runs again; none ends it.
    pub next: Option<Duration>,
    /// Whether a job that ends is kept as `Killed`, for a person to look at.
    pub killed: bool,
    /// What is wrong where there was no attempt.
    pub error: Option<String>,
}

/// An attempt that has ended.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration: Duration,
    /// `success`, `http_5xx`, …
    pub outcome: &'static str,
    /// The answer's status.
    pub status_code: Option<u16>,
    /// Why it failed.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response: Option<String>,
}

/// Writes attempts, the deliveries' state and the jobs' acknowledgement, of what `worker` still holds: one statement for what was delivered,
/// one for the rest; others for what two jobs have done for the same delivery. Answers how many jobs those were.
pub async fn finish(
    connection: &mut sqlx::PgConnection,
    worker: &str,
    finished: &[Finished],
) -> Result<i64, sqlx::Error> {
    let mut held = 0;
    for turns in each_delivery_once(finished) {
        let (delivered, others): (Vec<_>, Vec<_>) = turns.into_iter().partition(|turn| turn.is_delivered());
        if !delivered.is_empty() {
            held += finish_delivered(&mut *connection, worker, &delivered).await?;
        }
        if !others.is_empty() {
            held += finish_each(&mut *connection, worker, &others).await?;
        }
    }
    Ok(held)
}

impl Finished {
    /// Whether the receiver has taken it, and nothing else is to be written.
    fn is_delivered(&self) -> bool {
        let success = self
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.outcome == "success" && attempt.error.is_none());
        success && self.status == "delivered" && self.next.is_none() && !self.killed
    }
}

/// The turns in the order of their deliveries, in as many parts as it takes to have a delivery once in each: one, as a rule.
fn each_delivery_once(finished: &[Finished]) -> Vec<Vec<&Finished>> {
    let key = |finished: &Finished| {
        let DeliverWebhook { tenant_id, webhook_id, event_id } = &finished.delivery;
        (tenant_id.0, webhook_id.0, event_id.0)
    };
    let mut sorted: Vec<&Finished> = finished.iter().collect();
    sorted.sort_by_key(|finished| key(finished));
    let mut parts: Vec<Vec<&Finished>> = Vec::new();
    let mut repeated = 0;
    let mut before = None;
    for finished in sorted {
        repeated = if before == Some(key(finished)) { repeated + 1 } else { 0 };
        before = Some(key(finished));
        if parts.len() <= repeated {
            parts.push(Vec::new());
        }
        parts[repeated].push(finished);
    }
    parts
}

async fn finish_delivered(
    connection: &mut sqlx::PgConnection,
    worker: &str,
    finished: &[&Finished],
) -> Result<i64, sqlx::Error> {
    let mut columns = Columns::default();
    finished.iter().for_each(|finished| columns.push(finished));
    sqlx::query_scalar("select tenon.finish_delivered($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(worker)
        .bind(columns.jobs)
        .bind(columns.tenants)
        .bind(columns.webhooks)
        .bind(columns.events)
        .bind(columns.started_at)
        .bind(columns.duration_ms)
        .bind(columns.status_codes)
        .bind(columns.responses)
        .fetch_one(connection)
        .await
}

async fn finish_each(
    connection: &mut sqlx::PgConnection,
    worker: &str,
    finished: &[&Finished],
) -> Result<i64, sqlx::Error> {
    let mut columns = Columns::default();
    finished.iter().for_each(|finished| columns.push(finished));
    sqlx::query_scalar(
        "select tenon.finish_deliveries($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(worker)
    .bind(columns.jobs)
    .bind(columns.tenants)
    .bind(columns.webhooks)
    .bind(columns.events)
    .bind(columns.attempted)
    .bind(columns.started_at)
    .bind(columns.duration_ms)
    .bind(columns.outcomes)
    .bind(columns.status_codes)
    .bind(columns.errors)
    .bind(columns.responses)
    .bind(columns.statuses)
    .bind(columns.next)
    .bind(columns.killed)
    .fetch_one(connection)
    .await
}

/// A delivery whose worker died, or was stopped, while it held its job.
#[derive(Clone, Debug)]
pub struct Interrupted {
    /// Which.
    pub delivery: DeliverWebhook,
    /// Since when that worker held or sent it.
    pub since: DateTime<Utc>,
}

/// Lists an attempt for each, with the reason: nobody knows whether the receiver got it. They are no step of the schedule.
pub async fn interrupt(
    connection: &mut sqlx::PgConnection,
    interrupted: &[Interrupted],
    why: &str,
) -> Result<(), sqlx::Error> {
    let (mut tenants, mut webhooks, mut events, mut since) = (vec![], vec![], vec![], vec![]);
    for Interrupted { delivery, since: held_since } in interrupted {
        tenants.push(delivery.tenant_id);
        webhooks.push(delivery.webhook_id);
        events.push(delivery.event_id);
        since.push(*held_since);
    }
    sqlx::query("select tenon.interrupt_deliveries($1, $2, $3, $4, $5)")
        .bind(tenants)
        .bind(webhooks)
        .bind(events)
        .bind(since)
        .bind(why)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes what attempts say of their webhooks' health: tenant, webhook, and whether it succeeded.
pub async fn note_health(
    connection: &mut sqlx::PgConnection,
    attempts: impl IntoIterator<Item = (TenantId, WebhookId, bool)>,
) -> Result<(), sqlx::Error> {
    let (mut tenants, mut webhooks, mut succeeded) = (vec![], vec![], vec![]);
    for (tenant, webhook, success) in attempts {
        tenants.push(tenant);
        webhooks.push(webhook);
        succeeded.push(success);
    }
    sqlx::query("select tenon.note_webhook_health($1, $2, $3)")
        .bind(tenants)
        .bind(webhooks)
        .bind(succeeded)
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(Default)]
struct Columns {
    jobs: Vec<String>,
    tenants: Vec<TenantId>,
    webhooks: Vec<WebhookId>,
    events: Vec<EventId>,
    attempted: Vec<bool>,
    started_at: Vec<Option<DateTime<Utc>>>,
    duration_ms: Vec<Option<i32>>,
    outcomes: Vec<Option<&'static str>>,
    status_codes: Vec<Option<i32>>,
    errors: Vec<Option<String>>,
    responses: Vec<Option<String>>,
    statuses: Vec<&'static str>,
    next: Vec<Option<f64>>,
    killed: Vec<bool>,
}

impl Columns {
    fn push(&mut self, finished: &Finished) {
        let attempt = finished.attempt.as_ref();
        self.jobs.push(finished.job_id.clone());
        self.tenants.push(finished.delivery.tenant_id);
        self.webhooks.push(finished.delivery.webhook_id);
        self.events.push(finished.delivery.event_id);
        self.attempted.push(attempt.is_some());
        self.started_at.push(attempt.map(|a| a.started_at));
        self.duration_ms.push(attempt.map(|a| i32::try_from(a.duration.as_millis()).unwrap_or(i32::MAX)));
        self.outcomes.push(attempt.map(|a| a.outcome));
        self.status_codes.push(attempt.and_then(|a| a.status_code).map(i32::from));
        self.errors.push(attempt.map_or_else(|| finished.error.clone(), |a| a.error.clone()));
        self.responses.push(attempt.and_then(|a| a.response.clone()));
        self.statuses.push(finished.status);
        self.next.push(finished.next.map(|delay| delay.as_secs_f64()));
        self.killed.push(finished.killed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_jobs_did_for_one_delivery_is_written_one_after_the_other() {
        let (tenant_id, webhook_id) = (TenantId::new(), WebhookId::new());
        let [one, other] = [EventId::new(), EventId::new()];
        let turn = |event_id| Finished {
            job_id: String::new(),
            delivery: DeliverWebhook { tenant_id, webhook_id, event_id },
            attempt: None,
            status: "pending",
            next: None,
            killed: false,
            error: None,
        };
        let turns = [turn(other), turn(one), turn(other)];
        let parts = each_delivery_once(&turns);
        let events =
            |part: &Vec<&Finished>| part.iter().map(|turn| turn.delivery.event_id).collect::<Vec<_>>();
        assert_eq!(parts.iter().map(events).collect::<Vec<_>>(), [vec![one, other], vec![other]]);
    }
}
