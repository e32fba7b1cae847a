//! What people ask of replays: to make one, to see how far it is, to stop it.

use super::choice::{self, Preview};
use super::draft::NewReplay;
use super::job::ReplayWebhook;
use super::progress::{self, Progress};
use super::state::State;
use super::store::{self, Replay};
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::{WebhookId, WebhookReplayId};
use crate::job::{self, Job};
use crate::page::{Page, Window};
use crate::webhook::delivery::DeliverWebhook;
use crate::webhook::resends::refuse_disabled;
use crate::webhook::{endpoint, switching};

/// Makes a replay, with the events that it is to bring, and its job; answers what they are too.
///
/// # Errors
/// `Conflict` where the webhook is disabled, or another replay of it has not ended; `Invalid` where too many events match.
pub async fn create(tx: &mut TenantTx<'_>, webhook: WebhookId, new: &NewReplay) -> Result<(Replay, Preview)> {
    choice::be_patient(tx).await?;
    switching::beside_none(tx).await?;
    let endpoint = endpoint::get(tx, webhook).await?;
    refuse_disabled(&endpoint)?;
    let Some(id) = store::insert(tx, webhook, new).await? else {
        return Err(Error::state("Another replay of this webhook has not ended; wait for it, or cancel it"));
    };
    let chosen = choice::choose(tx, &endpoint, new, Some(id)).await?;
    let tenant = tx.actor().tenant;
    let counted =
        "update tenon.webhook_replays set selected = $3, gone = $4 where tenant_id = $1 and id = $2";
    let counted = sqlx::query(counted).bind(tenant).bind(id).bind(chosen.events()).bind(chosen.gone);
    counted.execute(tx.conn()).await?;
    let job = ReplayWebhook { tenant_id: tenant, replay_id: id };
    job::enqueue(tx.conn(), Some(tenant.0), &job).await?;
    tx.enqueued(ReplayWebhook::QUEUE);
    let replay = store::get(tx, webhook, id).await?;
    replay.tell(tx, EventType::WEBHOOK_REPLAY_STARTED).await?;
    Ok((replay, chosen))
}

/// A replay, with what has become of its deliveries.
pub async fn get(
    tx: &mut TenantTx<'_>,
    webhook: WebhookId,
    id: WebhookReplayId,
) -> Result<(Replay, Progress)> {
    endpoint::get(tx, webhook).await?;
    let replay = store::get(tx, webhook, id).await?;
    let progress = progress::of(tx, &replay).await?;
    Ok((replay, progress))
}

/// The replays of a webhook, newest first.
pub async fn list(
    tx: &mut TenantTx<'_>,
    webhook: WebhookId,
    window: &Window,
) -> Result<Page<(Replay, Progress)>> {
    endpoint::get(tx, webhook).await?;
    let Page { items: replays, total, has_more } = store::list(tx, webhook, window).await?;
    let mut items = Vec::with_capacity(replays.len());
    for replay in replays {
        // One at most is at work, and asks the database.
        let progress = progress::of(tx, &replay).await?;
        items.push((replay, progress));
    }
    Ok(Page { items, total, has_more })
}

/// Stops a replay. What it has brought and what has not ended is taken back to what it was before; what it had no delivery for is
/// cancelled. What is being sent just now arrives, or does not.
pub async fn cancel(
    tx: &mut TenantTx<'_>,
    webhook: WebhookId,
    id: WebhookReplayId,
) -> Result<(Replay, Progress)> {
    choice::be_patient(tx).await?;
    switching::beside_none(tx).await?;
    endpoint::get(tx, webhook).await?;
    store::get(tx, webhook, id).await?;
    let replay = store::lock(tx, id).await?;
    match replay.state() {
        State::Ready | State::Running => {}
        State::Cancelled => {
            let progress = replay.ended();
            return Ok((replay, progress));
        }
        other => return Err(Error::state(format!("A replay that is {} cannot be cancelled", other.name()))),
    }
    let taken_back = take_back(tx, &replay).await?;
    let replay = end(tx, replay, taken_back, "state = 'cancelled', finished_at = now()").await?;
    replay.tell(tx, EventType::WEBHOOK_REPLAY_CANCELLED).await?;
    let progress = replay.ended();
    Ok((replay, progress))
}

/// The webhook is deleted, which cancels its deliveries; and the replay that has not ended. In a transaction that switches.
pub(in crate::webhook) async fn end_of_webhook(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<()> {
    let Some(id) = store::at_work(tx, webhook).await? else { return Ok(()) };
    let replay = store::lock(tx, id).await?;
    let set = "state = 'cancelled', finished_at = now(), failure = 'WEBHOOK_DELETED', failure_message = 'The webhook was deleted'";
    let replay = end(tx, replay, 0, set).await?;
    replay.tell(tx, EventType::WEBHOOK_REPLAY_CANCELLED).await
}

/// Ends a replay that no job is left for.
pub async fn give_up(tx: &mut TenantTx<'_>, id: WebhookReplayId, message: &str) -> Result<()> {
    let replay = store::lock(tx, id).await?;
    if !replay.state().is_at_work() {
        return Ok(());
    }
    let words = "update tenon.webhook_replays set failure_message = $3 where tenant_id = $1 and id = $2";
    sqlx::query(words).bind(tx.actor().tenant).bind(id).bind(message).execute(tx.conn()).await?;
    let set = "state = 'failed', finished_at = now(), failure = 'GIVEN_UP'";
    let replay = end(tx, replay, 0, set).await?;
    replay.tell(tx, EventType::WEBHOOK_REPLAY_ENDED).await
}

/// Ends a replay that is locked, and writes down what has become of its deliveries. Of those that were taken back it says nothing.
pub(super) async fn end(
    tx: &mut TenantTx<'_>,
    replay: Replay,
    taken_back: i64,
    set: &'static str,
) -> Result<Replay> {
    let Progress { delivered, failed, .. } = progress::of(tx, &replay).await?;
    // Those that were taken back have failed, or were delivered, before; not by this replay.
    let counts = "update tenon.webhook_replays set delivered = $3, failed = $4, enqueued = enqueued - $5
                  where tenant_id = $1 and id = $2";
    sqlx::query(counts)
        .bind(replay.tenant_id)
        .bind(replay.id)
        .bind(delivered)
        .bind(failed)
        .bind(taken_back)
        .execute(tx.conn())
        .await?;
    store::set_state(tx, replay.id, set).await
}

/// How many were taken back. Those that somebody has sent again meanwhile are not the replay's any more.
async fn take_back(tx: &mut TenantTx<'_>, replay: &Replay) -> Result<i64> {
    let taken = sqlx::query_scalar("select tenon.take_back_replay($1, $2)");
    let taken = taken.bind(replay.tenant_id).bind(replay.id).fetch_one(tx.conn()).await?;
    // What waited for them in an order is due.
    tx.enqueued(DeliverWebhook::QUEUE);
    Ok(taken)
}
