//! What a webhook's deliveries came to.

use chrono::{DateTime, Utc};

use crate::db::TenantTx;
use crate::error::Result;
use crate::id::WebhookId;
use crate::webhook::endpoint;

/// Figures of the deliveries whose events are not older than `since`.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub struct Stats {
    /// Deliveries that wait or are under way.
    pub pending: i64,
    /// Delivered.
    pub delivered: i64,
    /// Given up.
    pub failed: i64,
    /// Cancelled.
    pub cancelled: i64,
    /// Paused.
    pub paused: i64,
    /// Deliveries of events that the webhook's filter could not judge.
    pub unjudged: i64,
    /// Attempts that have ended.
    pub attempts: i64,
    /// Those of them that succeeded.
    pub succeeded: i64,
    /// The median of the attempts' durations, in milliseconds.
    pub duration_p50_ms: Option<f64>,
    /// The 95th percentile of the attempts' durations, in milliseconds.
    pub duration_p95_ms: Option<f64>,
    /// The last success.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Since when every attempt has failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// Failures since then.
    pub failures: i32,
}

/// The figures of a webhook. Event ids sort by time, so a span of time is a range of the keys.
pub async fn stats(tx: &mut TenantTx<'_>, webhook: WebhookId, since: DateTime<Utc>) -> Result<Stats> {
    endpoint::get(tx, webhook).await?;
    let figures = sqlx::query_as(
        "with d as (
             select count(*) filter (where status = 'pending') as pending, count(*) filter (where status = 'delivered') as delivered,
                    count(*) filter (where status = 'failed') as failed, count(*) filter (where status = 'cancelled') as cancelled,
                    count(*) filter (where status = 'paused') as paused, count(*) filter (where unjudged) as unjudged,
                    max(delivered_at) as last_success_at
             from tenon.deliveries
             where tenant_id = $1 and webhook_id = $2 and event_id >= tenon.first_event_id($3)
         ), a as (
             select count(*) as attempts, count(*) filter (where outcome = 'success') as succeeded,
                    percentile_cont(0.5) within group (order by duration_ms) filter (where outcome <> 'interrupted') as duration_p50_ms,
                    percentile_cont(0.95) within group (order by duration_ms) filter (where outcome <> 'interrupted') as duration_p95_ms
             from tenon.delivery_attempts
             where tenant_id = $1 and webhook_id = $2 and event_id >= tenon.first_event_id($3)
         )
         select d.*, a.*, w.failing_since, w.failures
         from d, a, tenon.webhooks w where w.tenant_id = $1 and w.id = $2",
    )
    .bind(tx.actor().tenant)
    .bind(webhook)
    .bind(since)
    .fetch_one(tx.conn())
    .await?;
    Ok(figures)
}
