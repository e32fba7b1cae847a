//! What has become of a replay's deliveries.

use sqlx::FromRow;

use super::store::Replay;
use crate::db::TenantTx;
use crate::error::Result;

/// What has become of the deliveries that a replay has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Progress {
    /// Delivered.
    pub delivered: i64,
    /// Given up again, or cancelled with the webhook.
    pub failed: i64,
    /// Waiting for their time or their next attempt, under way, or paused.
    pub pending: i64,
}

/// Asked of the deliveries while the replay is at work; as it was counted at its end afterwards.
pub(super) async fn of(tx: &mut TenantTx<'_>, replay: &Replay) -> Result<Progress> {
    if !replay.state().is_at_work() || replay.enqueued == 0 {
        return Ok(replay.ended());
    }
    let counted = sqlx::query_as(
        "select count(*) filter (where d.status = 'delivered') as delivered,
                count(*) filter (where d.status in ('failed', 'cancelled')) as failed,
                count(*) filter (where d.status in ('pending', 'paused')) as pending
         from tenon.webhook_replay_events e
         join tenon.deliveries d on d.tenant_id = e.tenant_id and d.webhook_id = $3 and d.event_id = e.event_id
         where e.tenant_id = $1 and e.replay_id = $2 and e.outcome = 'enqueued'",
    );
    let counted = counted.bind(replay.tenant_id).bind(replay.id).bind(replay.webhook_id);
    Ok(counted.fetch_one(tx.conn()).await?)
}
