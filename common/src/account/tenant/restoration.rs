//! What is taken up again when a tenant comes back.

use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::db::TenantTx;
use crate::error::Result;
use crate::id::TenantId;
use crate::job::{self, Job, Queue};

/// Workers that read a delivery while the tenant was deleted have paused it by then.
const AFTER: TimeDelta = TimeDelta::seconds(5);

/// Sends the deliveries that were paused while the tenant was deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumeTenant {
    /// The tenant that was restored.
    pub tenant_id: TenantId,
}

impl Job for ResumeTenant {
    const KIND: &'static str = "resume-tenant";
    const QUEUE: Queue = Queue::Webhooks;
    const MAX_ATTEMPTS: i32 = 25;
}

pub(super) async fn enqueue(tx: &mut TenantTx<'_>) -> Result<()> {
    let tenant_id = tx.actor().tenant;
    let job = ResumeTenant { tenant_id };
    job::enqueue_many(tx.conn(), Some(tenant_id.0), &[job], Some(Utc::now() + AFTER)).await
}
