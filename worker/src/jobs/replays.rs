//! `replay-webhook`: deliveries of a replay are brought page by page, and waited for. Each page commits by itself: a worker that dies has
//! brought it or has not.

use std::time::{Duration, Instant};

use tenon_common::id::{TenantId, WebhookReplayId};
use tenon_common::queue::{self, Claimed, Ends, Handler, Outcome};
use tenon_common::webhook::replay::{self, Begun, Replay, ReplayWebhook, Step};
use tenon_common::webhook::switching;
use tenon_common::{Actor, Error, Result, TenantTx};

use crate::context::Context;

/// How long a replay goes on before others have their turn.
const TURN: Duration = Duration::from_secs(20);
/// How long it waits for a webhook that is disabled.
const DISABLED: Duration = Duration::from_secs(2);
/// How long an outage of the database puts it off.
const PUT_OFF: Duration = Duration::from_secs(1);

/// Brings deliveries.
pub struct Bring(pub Context);

impl Handler<ReplayWebhook> for Bring {
    async fn run(&self, job: Claimed<ReplayWebhook>) -> Outcome {
        job.record(job.args.end());
        match self.turn(job.args.tenant_id, job.args.replay_id, &job.job.id).await {
            Ok(outcome) => outcome,
            Err(Error::Unavailable(_) | Error::Timeout) => Outcome::snooze(PUT_OFF),
            Err(Error::NotFound(_)) => Outcome::Done,
            Err(error) => Outcome::retry(error),
        }
    }
}

impl Bring {
    /// Goes on until all that is to be brought now is brought, or the turn is over.
    async fn turn(&self, tenant: TenantId, replay: WebhookReplayId, job: &str) -> Result<Outcome> {
        let actor = Actor::system(tenant);
        let begin = async |tx: &mut TenantTx<'_>| replay::begin(tx, replay).await;
        let turn = match self.0.db.write(&actor, begin).await? {
            Begun::Turn(turn) => turn,
            Begun::Nothing => return Ok(Outcome::Done),
        };
        let until = Instant::now() + TURN;
        let mut is_first = true;
        while Instant::now() < until {
            let step = async |tx: &mut TenantTx<'_>| {
                if is_first {
                    queue::has_progressed(tx, job).await?;
                }
                replay::step(tx, &turn).await
            };
            let done = switching::write_beside_none(&self.0.db, &actor, step).await?;
            is_first = false;
            match done {
                Step::Brought(deliveries) => count(deliveries),
                Step::Wait(pause) => return Ok(Outcome::snooze(pause)),
                Step::Waits => return Ok(Outcome::snooze(DISABLED)),
                Step::Ended(replay) => {
                    tell(&replay);
                    return Ok(Outcome::Done);
                }
                Step::Superseded => return Ok(Outcome::Done),
            }
        }
        Ok(Outcome::snooze(Duration::ZERO))
    }
}

fn count(deliveries: usize) {
    metrics::counter!("tenon_webhook_replayed_total")
        .increment(u64::try_from(deliveries).unwrap_or_default());
}

fn tell(replay: &Replay) {
    let Replay { id, enqueued, .. } = replay;
    tracing::info!(replay_id = %id, enqueued, state = replay.state().name(), "a replay has ended");
}
