//! `fan-out-event`: from events to their deliveries, all that wait of one tenant in one transaction.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tenon_common::change::FanOutEvent;
use tenon_common::queue::{BatchHandler, Claimed, Outcome};
use tenon_common::webhook::fan_out::{self, Waiting};
use tenon_common::webhook::switching;
use tenon_common::{Actor, Error, TenantTx};

use crate::context::Context;

/// Fans out.
pub struct FanOut(pub Context);

/// How long an outage of the database puts a fan-out off.
const PUT_OFF: Duration = Duration::from_secs(1);
/// How long a fan-out waits for another one that has earlier events of the same objects, for webhooks that get them in order.
const IN_ORDER: Duration = Duration::from_millis(50);
/// Events of one transaction at most: an import writes thousands at once.
const EVENTS: usize = 1_000;

impl BatchHandler<FanOutEvent> for FanOut {
    async fn run(&self, batch: Vec<Claimed<FanOutEvent>>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut rest = &batch[..];
        while !rest.is_empty() {
            let (part, later) = rest.split_at(jobs_together(rest));
            outcomes.append(&mut self.part(part).await);
            rest = later;
        }
        outcomes
    }
}

/// How many of the jobs are fanned out in one transaction: as many as have so few events, and one at least.
fn jobs_together(jobs: &[Claimed<FanOutEvent>]) -> usize {
    let mut events = 0;
    let fits = |job: &&Claimed<FanOutEvent>| {
        events += job.args.event_ids.len();
        events <= EVENTS
    };
    jobs.iter().take_while(fits).count().max(1)
}

/// What became of a job, of those of which these are put off.
fn outcome(job: &Claimed<FanOutEvent>, result: &tenon_common::Result<HashSet<String>>) -> Outcome {
    match result {
        Ok(put_off) if put_off.contains(&*job.job.id) => {
            Outcome::snooze(IN_ORDER.mul_f64(1.0 + rand::random::<f64>()))
        }
        // The jobs' rows went in the transaction that made the deliveries.
        Ok(_) => Outcome::AlreadyDone,
        // No attempt is counted: there is nothing wrong with the event.
        Err(error) if passes(error) => Outcome::snooze(PUT_OFF),
        Err(error) => Outcome::retry(error),
    }
}

/// Whether it is the database that is away or slow, and not the event.
fn passes(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Timeout)
}

impl FanOut {
    async fn part(&self, batch: &[Claimed<FanOutEvent>]) -> Vec<Outcome> {
        let together = self.fan_out(batch).await;
        match together {
            // One event that cannot be fanned out is nobody else's concern.
            Err(error) if batch.len() > 1 && !passes(&error) => {
                tracing::warn!(%error, count = batch.len(), "events cannot be fanned out together; one by one");
                let mut outcomes = Vec::with_capacity(batch.len());
                for job in batch {
                    outcomes.push(outcome(job, &self.fan_out(std::slice::from_ref(job)).await));
                }
                outcomes
            }
            together => batch.iter().map(|job| outcome(job, &together)).collect(),
        }
    }

    /// Answers the jobs that have to wait for others.
    async fn fan_out(&self, batch: &[Claimed<FanOutEvent>]) -> tenon_common::Result<HashSet<String>> {
        // A batch is of one lane: one tenant, one worker.
        let Some(first) = batch.first() else { return Ok(HashSet::new()) };
        let waiting: Vec<Waiting> = batch.iter().flat_map(waiting).collect();
        let actor = Actor::system(first.args.tenant_id);
        let work = async |tx: &mut TenantTx<'_>| {
            fan_out::fan_out(tx, &first.job.worker, &self.0.injector, &waiting).await
        };
        let made = switching::write_beside_none(&self.0.db, &actor, work).await?;
        for sending in made.claimed() {
            self.0.fresh.put(Arc::new(sending.clone()));
        }
        let put_off = made.put_off().clone();
        made.inject();
        Ok(put_off)
    }
}

fn waiting(claimed: &Claimed<FanOutEvent>) -> impl Iterator<Item = Waiting> {
    claimed.args.event_ids.iter().map(|event| Waiting {
        job: claimed.job.id.to_string(),
        event: *event,
        traceparent: claimed.job.traceparent.clone(),
    })
}
