//! `fan-out-event`: from events to their deliveries, all that wait of one tenant in one transaction.

use std::sync::Arc;

use tenon_common::change::FanOutEvent;
use tenon_common::queue::{BatchHandler, Claimed, Outcome};
use tenon_common::webhook::fan_out::{self, Waiting};
use tenon_common::{Actor, TenantTx};

use crate::context::Context;

/// Fans out.
pub struct FanOut(pub Context);

impl BatchHandler<FanOutEvent> for FanOut {
    async fn run(&self, batch: Vec<Claimed<FanOutEvent>>) -> Vec<Outcome> {
        let result = self.fan_out(&batch).await;
        let outcome = |_: &Claimed<FanOutEvent>| match &result {
            // The jobs' rows went in the transaction that made the deliveries.
            Ok(()) => Outcome::AlreadyDone,
            Err(error) => Outcome::retry(error),
        };
        batch.iter().map(outcome).collect()
    }
}

impl FanOut {
    async fn fan_out(&self, batch: &[Claimed<FanOutEvent>]) -> tenon_common::Result<()> {
        // A batch is of one lane: one tenant, one worker.
        let Some(first) = batch.first() else { return Ok(()) };
        let waiting: Vec<Waiting> = batch.iter().flat_map(waiting).collect();
        let actor = Actor::system(first.args.tenant_id);
        let work = async |tx: &mut TenantTx<'_>| {
            fan_out::fan_out(tx, &first.job.worker, &self.0.injector, &waiting).await
        };
        let made = self.0.db.write(&actor, work).await?;
        for sending in made.claimed() {
            self.0.fresh.put(Arc::new(sending.clone()));
        }
        made.inject();
        Ok(())
    }
}

fn waiting(claimed: &Claimed<FanOutEvent>) -> impl Iterator<Item = Waiting> {
    claimed.args.event_ids.iter().map(|event| Waiting {
        job: claimed.job.id.to_string(),
        event: *event,
        traceparent: claimed.job.traceparent.clone(),
    })
}
