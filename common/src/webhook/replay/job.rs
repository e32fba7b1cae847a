//! The jobs of replays.

use serde::{Deserialize, Serialize};

use crate::id::{TenantId, WebhookReplayId};
use crate::job::{Job, Queue};
use crate::queue::Ends;

/// Brings the deliveries of a replay.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayWebhook {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub replay_id: WebhookReplayId,
}

impl Job for ReplayWebhook {
    const KIND: &'static str = "replay-webhook";
    const QUEUE: Queue = Queue::Webhooks;
    const MAX_ATTEMPTS: i32 = 10;
}

/// Ends a replay whose job was given up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndReplay {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub replay_id: WebhookReplayId,
}

impl Job for EndReplay {
    const KIND: &'static str = "end-replay";
    const QUEUE: Queue = Queue::Webhooks;
    const MAX_ATTEMPTS: i32 = 10;
}

impl Ends for ReplayWebhook {
    type End = EndReplay;

    fn end(&self) -> EndReplay {
        EndReplay { tenant_id: self.tenant_id, replay_id: self.replay_id }
    }
}
