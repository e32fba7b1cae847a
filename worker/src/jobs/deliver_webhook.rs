//! `deliver-webhook`: one attempt to send one event to one webhook.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tenon_common::queue::{Claimed, Handler, Outcome, Prepare};
use tenon_common::webhook::acknowledge::Turn;
use tenon_common::webhook::delivery::DeliverWebhook;
use tenon_common::webhook::finishing::Attempted;
use tenon_common::webhook::health;
use tenon_common::webhook::schedule::RetrySchedule;
use tenon_common::webhook::sending::{self, Sending};

use crate::context::{Context, Target};
use crate::webhook::breaker::Decision;
use crate::webhook::concurrency::{Address, Full, Wanted};
use crate::webhook::message::Attempt;
use crate::webhook::{AttemptResult, Request};

/// How long a delivery is put off for which its tenant, or this process, has no slot.
const PUT_OFF: Duration = Duration::from_secs(1);

/// A delivery that is to wait longer than this for a pause looks first whether the pause is still about its webhook's address.
const LONG: Duration = Duration::from_secs(5);

/// Sends.
pub struct Deliver(pub Context);

/// Reads bodies, addresses and secrets for a whole claim at once.
pub struct ReadDeliveries(pub Context);

impl Prepare<DeliverWebhook> for ReadDeliveries {
    async fn prepare(
        &self,
        claim: &mut [Claimed<DeliverWebhook>],
    ) -> tenon_common::Result<Vec<(usize, Outcome)>> {
        let mut unknown = Vec::new();
        for (at, claimed) in claim.iter_mut().enumerate() {
            match self.0.fresh.take(claimed.args.webhook_id, claimed.args.event_id) {
                Some(sending) => drop(claimed.extensions.insert(sending)),
                None => unknown.push(at),
            }
        }
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<_> = unknown.iter().map(|at| claim[*at].args.clone()).collect();
        let found = sending::load(&self.0.db, &wanted).await?;
        let found: HashMap<_, _> =
            found.into_iter().map(|s| ((s.tenant_id, s.webhook_id, s.event_id), Arc::new(s))).collect();
        let mut gone = Vec::new();
        for at in unknown {
            let args = &claim[at].args;
            // Not taken out: a job that was left behind and the one that counts may come together.
            match found.get(&(args.tenant_id, args.webhook_id, args.event_id)).cloned() {
                Some(sending) => drop(claim[at].extensions.insert(sending)),
                None => gone.push((at, Outcome::Discard { reason: "the delivery is gone".to_owned() })),
            }
        }
        Ok(gone)
    }
}

impl Handler<DeliverWebhook> for Deliver {
    async fn run(&self, job: Claimed<DeliverWebhook>) -> Outcome {
        let turn = Turn::of(job.args.clone());
        job.record(turn.clone());
        let Some(sending) = job.extension::<Arc<Sending>>() else {
            return Outcome::kill("the delivery was not read");
        };
        match unwanted(sending, &job.job.id) {
            Some(status) => {
                turn.decided(status);
                Outcome::Done
            }
            None => self.deliver(sending, &turn, job.job.traceparent.as_deref()).await,
        }
    }
}

/// The status of a delivery that is not to be sent (any more).
fn unwanted(sending: &Sending, job: &str) -> Option<&'static str> {
    if sending.job_id.as_deref() != Some(job) || sending.status != "pending" {
        // Superseded, paused, cancelled or done: its row says what it is, and keeps it.
        return Some("pending");
    }
    if sending.deleted {
        return Some("cancelled");
    }
    (!sending.active).then_some("paused")
}

impl Deliver {
    async fn deliver(&self, sending: &Sending, turn: &Turn, traceparent: Option<&str>) -> Outcome {
        let target = match self.0.target(sending) {
            Ok(target) => target,
            Err(error) => return Outcome::kill(error),
        };
        if let Some(until) =
            first_attempt(sending.event_created_at, sending.schedule_attempts, &target.schedule)
        {
            return Outcome::snooze((until - Utc::now()).to_std().unwrap_or_default());
        }
        let receiver = &sending.receiver;
        let address = Address { webhook: sending.webhook_id.0, version: receiver.address_version };
        let wanted = Wanted {
            tenant: sending.tenant_id.0,
            address,
            max_concurrency: receiver.max_concurrency.and_then(|most| u32::try_from(most).ok()),
            is_retry: sending.schedule_attempts > 0,
        };
        self.0.lanes.meet(wanted);
        if let Decision::SnoozeUntil(until) = self.0.breaker.may_send(address) {
            self.0.lanes.put_off(wanted);
            let wait = until.saturating_duration_since(Instant::now());
            let read_anew = wait > LONG && !self.is_same_address(sending).await;
            return Outcome::snooze(if read_anew { Duration::ZERO } else { wait });
        }
        let slot = match self.0.turns.take(wanted).await {
            Ok(slot) => slot,
            Err(Full::Webhook) => {
                self.0.lanes.put_off(wanted);
                let put_off = self.0.turns.come_back_in(address);
                return Outcome::snooze(put_off.mul_f64(0.5 + rand::random::<f64>() / 2.0));
            }
            Err(Full::Tenant | Full::Process) => {
                self.0.lanes.put_off(wanted);
                return Outcome::snooze(PUT_OFF.mul_f64(0.2 + rand::random::<f64>() / 5.0));
            }
        };
        let started_at = Utc::now();
        turn.begins(started_at);
        let mut result = match send(&self.0, sending, &target, traceparent, self.0.timeout).await {
            Ok(result) => result,
            Err(error) => return Outcome::kill(error),
        };
        slot.took(result.duration);
        drop(slot);
        self.0.breaker.record(address, &result);
        let asks = !result.is_success() || result.disable_requested;
        let outdated = asks && !self.is_same_address(sending).await;
        if outdated {
            result.retry_after = None;
            result.disable_requested = false;
        }
        if result.disable_requested {
            self.disable(sending).await;
        }
        self.decide(sending, &target.schedule, turn, started_at, &result, outdated)
    }

    /// Whether what the address says still counts. Where the database does not say, it does.
    async fn is_same_address(&self, sending: &Sending) -> bool {
        sending::is_same_address(&self.0.db, sending).await.unwrap_or(true)
    }

    /// The receiver wants no more: the webhook is disabled, and what is pending for it is paused, this delivery too unless it has taken it.
    async fn disable(&self, sending: &Sending) {
        if let Err(error) = health::disable(&self.0.db, sending).await {
            // The next attempt gets the same answer.
            tracing::warn!(%error, webhook_id = %sending.webhook_id, "a webhook could not be disabled");
        }
    }

    /// What the result means for the delivery: done, tried again by the schedule, or given up. A failure at an address that is `outdated`
    /// is no reason to wait: the webhook has another one by now, or was enabled.
    fn decide(
        &self,
        sending: &Sending,
        schedule: &RetrySchedule,
        turn: &Turn,
        started_at: DateTime<Utc>,
        result: &AttemptResult,
        outdated: bool,
    ) -> Outcome {
        let number = number(sending);
        result.count(number);
        let attempted = Attempted {
            started_at,
            duration: result.duration,
            outcome: result.outcome.label(),
            status_code: result.status,
            error: result.error.clone(),
            response: result.response_excerpt.clone(),
        };
        if result.is_success() {
            let latency = (Utc::now() - sending.event_created_at).to_std().unwrap_or_default();
            let first = if number == 1 { "true" } else { "false" };
            metrics::histogram!("tenon_webhook_delivery_latency_seconds", "first_attempt" => first)
                .record(latency);
            turn.attempted(attempted, "delivered", sending.receiver.failing);
            return Outcome::Done;
        }
        let next = schedule.delay_before(number + 1, rand::random());
        let next = next.filter(|_| !result.abort_requested);
        let status = if next.is_some() { "pending" } else { "failed" };
        let error = attempted.error.clone().unwrap_or_default();
        match outdated {
            true => turn.attempted_elsewhere(attempted, status),
            false => turn.attempted(attempted, status, sending.receiver.failing),
        }
        match next {
            Some(_) if outdated => Outcome::retry_in(Duration::ZERO, error),
            Some(delay) => Outcome::retry_in(delay.max(result.retry_after.unwrap_or_default()), error),
            None => {
                metrics::counter!("tenon_webhook_exhausted_total").increment(1);
                Outcome::Done
            }
        }
    }
}

/// One attempt: signed, sent, and what came of it.
pub(super) async fn send(
    context: &Context,
    sending: &Sending,
    target: &Target,
    traceparent: Option<&str>,
    deadline: Duration,
) -> Result<AttemptResult, String> {
    let body = context.body(sending)?;
    let attempt = Attempt {
        event_id: &sending.event_id.wire(),
        event_type: &sending.event_type,
        delivery: sending.id.0,
        attempt: number(sending),
        timestamp: Utc::now().timestamp(),
        traceparent,
        replay: sending.replay,
        body: &body,
    };
    let headers = target
        .endpoint
        .headers(&attempt)
        .map_err(|error| format!("no header can carry this event: {error}"))?;
    Ok(context.sender.send(Request { url: &target.url, headers, body, deadline }).await)
}

/// When the first attempt is due, where its schedule has it wait and that is not over: counted from the change. What is sent again has
/// waited.
fn first_attempt(
    changed_at: DateTime<Utc>,
    attempts: i32,
    schedule: &RetrySchedule,
) -> Option<DateTime<Utc>> {
    let wait = schedule.first();
    if wait.is_zero() || attempts > 0 {
        return None;
    }
    Some(changed_at + wait).filter(|due| *due > Utc::now())
}

/// The number of this attempt in its schedule, from 1.
fn number(sending: &Sending) -> u32 {
    u32::try_from(sending.schedule_attempts).unwrap_or_default() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_first_attempt_waits_and_only_until_its_schedule_says() {
        let schedule: RetrySchedule = "60,1".parse().expect("valid");
        let (now, long_ago) = (Utc::now(), Utc::now() - Duration::from_secs(61));
        assert_eq!(first_attempt(now, 0, &schedule), Some(now + Duration::from_secs(60)));
        assert_eq!(first_attempt(now, 1, &schedule), None);
        assert_eq!(first_attempt(long_ago, 0, &schedule), None, "it is sent again, or late");
        assert_eq!(first_attempt(now, 0, &RetrySchedule::plan()), None);
    }
}
