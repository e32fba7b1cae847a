//! From an event to its deliveries and its entry in the audit trail: in one tenant transaction, for as many events of the tenant as wait together.

mod candidate;
mod insert;
mod matches;
mod wanted;

use std::collections::{HashMap, HashSet};

use crate::audit::Written;
use crate::db::TenantTx;
use crate::error::Result;
use crate::id::EventId;
use crate::job::EncodedJob;
use crate::queue::{Injector, Reservation};
use crate::webhook::delivery::DeliverWebhook;
use crate::webhook::order::{Places, Told};
use crate::webhook::sending::Sending;
use crate::webhook::wish::Verdict;

use candidate::{Candidate, Order};
use insert::{Made, insert};
use matches::{Match, Matches, matches};
use wanted::Verdicts;

/// An event that waits, with the job that says so.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The fan-out job's id.
    pub job: String,
    /// The event's.
    pub event: EventId,
    /// The trace that the change belongs to.
    pub traceparent: Option<String>,
}

/// What a fan-out made, to be told to the worker once it is committed.
pub struct FannedOut {
    /// The deliveries' jobs, of which the worker claims as many as it has room for.
    reservation: Reservation,
    /// The ids of the jobs that are new.
    inserted: HashSet<String>,
    /// The deliveries, with everything that sending them takes.
    sendings: Vec<Sending>,
    /// The entries of the audit trail that are new.
    entries: Vec<Written>,
    /// The fan-out jobs that have to wait for another one's events.
    put_off: HashSet<String>,
    /// What the webhooks' wishes have said.
    verdicts: Verdicts,
}

impl FannedOut {
    /// The fan-out jobs of which nothing was made: another one has earlier events of the same objects, for a webhook that gets them in
    /// order. They are to be run again in a moment.
    pub fn put_off(&self) -> &HashSet<String> {
        &self.put_off
    }

    /// What was claimed, to be sent without reading it again.
    pub fn claimed(&self) -> impl Iterator<Item = &Sending> {
        let jobs = self.reservation.jobs().iter().zip(self.reservation.claimed());
        jobs.zip(&self.sendings)
            .filter(|((job, claimed), _)| *claimed && self.inserted.contains(&job.id))
            .map(|(_, sending)| sending)
    }

    /// After the commit: the claimed jobs run here, without a second hop through the database.
    pub fn inject(self) {
        self.entries.into_iter().for_each(Written::count);
        self.verdicts.count();
        self.reservation.inject(&self.inserted);
    }
}

/// Makes the deliveries of the events and their jobs, writes the entries of the audit trail, and deletes the fan-out jobs that `worker`
/// still holds. Done twice it makes nothing twice. In a transaction of [`switching::write_beside_none`](crate::webhook::switching).
pub async fn fan_out(
    tx: &mut TenantTx<'_>,
    worker: &str,
    injector: &Injector,
    waiting: &[Waiting],
) -> Result<FannedOut> {
    let found = find(tx, worker, waiting).await?;
    let ordered = found.matches.ordered();
    if ordered.is_empty() {
        return make(tx, worker, injector, waiting, found, &Places::default()).await;
    }
    let told: Vec<Told<'_>> = waiting.iter().map(|w| Told { job: &w.job, event: w.event }).collect();
    let (places, put_off) = Places::read(tx, &ordered, &told).await?;
    if put_off.is_empty() {
        return make(tx, worker, injector, waiting, found, &places).await;
    }
    let now: Vec<Waiting> = waiting.iter().filter(|w| !put_off.contains(&w.job)).cloned().collect();
    let found = find(tx, worker, &now).await?;
    let made = make(tx, worker, injector, &now, found, &places).await?;
    Ok(FannedOut { put_off, ..made })
}

/// What matches, and what the webhooks' wishes have left of it.
struct Found {
    matches: Matches,
    verdicts: Verdicts,
}

async fn find(tx: &mut TenantTx<'_>, worker: &str, waiting: &[Waiting]) -> Result<Found> {
    let mut matches = matches(tx, worker, waiting).await?;
    let verdicts = wanted::keep_wanted(tx, &mut matches).await?;
    Ok(Found { matches, verdicts })
}

async fn make(
    tx: &mut TenantTx<'_>,
    worker: &str,
    injector: &Injector,
    waiting: &[Waiting],
    found: Found,
    places: &Places,
) -> Result<FannedOut> {
    let Found { matches, verdicts } = found;
    let (sent, paused): (Vec<_>, Vec<_>) = matches.pairs.iter().partition(|found| found.is_sent);
    let tenant = tx.actor().tenant;
    let traces: HashMap<_, _> = waiting.iter().map(|w| (w.event, w.traceparent.as_deref())).collect();
    let mut candidates = Vec::with_capacity(sent.len());
    let mut unjudged = Vec::new();
    for found in sent {
        let args =
            DeliverWebhook { tenant_id: tenant, webhook_id: found.webhook_id, event_id: found.event_id };
        let job = args.encoded(traces.get(&found.event_id).copied().flatten())?;
        if let Some(sending) = matches.sending(tenant, found, &job) {
            unjudged.extend(Some(sending.id).filter(|_| found.verdict == Verdict::Unjudged));
            let job = EncodedJob { paced: is_paced(&sending), ..job };
            let place = sending.receiver.is_ordered().then(|| places.of(found.event_id)).flatten();
            candidates.push(Candidate { job, sending, place });
        }
    }
    let order = Order::of(&mut candidates);
    let (jobs, sendings): (Vec<_>, Vec<_>) =
        candidates.into_iter().map(|candidate| (candidate.job, candidate.sending)).unzip();
    let reservation = injector.reserve(jobs);
    let made = Made {
        reservation: &reservation,
        sendings: &sendings,
        paused: &paused,
        entries: &matches.entries,
        order: &order,
    };
    let (mut inserted, entries) = insert(tx, worker, waiting, made, unjudged).await?;
    for held in order.settle(tx, reservation.jobs()).await? {
        inserted.remove(&held);
    }
    let entries = matches.entries.written(&entries);
    Ok(FannedOut { reservation, inserted, sendings, entries, verdicts, put_off: HashSet::new() })
}

fn is_paced(sending: &Sending) -> bool {
    sending.receiver.max_per_second.is_some() || sending.receiver.max_concurrency.is_some()
}
