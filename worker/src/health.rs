//! Looks at the webhooks that fail, and warns of them or disables them. Every worker does; the row's lock lets one of them act.

use std::time::Duration;

use tenon_common::Db;
use tenon_common::webhook::health::{self, DisableRule};

/// Reviews them for as long as the worker runs.
pub async fn review(db: Db, rule: DisableRule, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        match health::review(&db, rule).await {
            Ok(0) => {}
            Ok(disabled) => tracing::warn!(disabled, "webhooks were disabled: they failed for too long"),
            Err(error) => {
                tracing::warn!(%error, "the failing webhooks could not be looked at; will try again");
            }
        }
    }
}
