//! Webhooks that fail and fail: their owners are warned at 50 and 90 percent of the way, then they are disabled. Nothing is
//! deleted: what is pending is paused, and enabling the webhook sends it.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::actor::Actor;
use crate::change::{self, Change};
use crate::db::{Db, TenantTx};
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::{TenantId, WebhookId};
use crate::kept::Kept;
use crate::webhook::delivery;
use crate::webhook::endpoint::{self, Webhook};
use crate::webhook::sending::{self, Sending};
use crate::webhook::switching;
use crate::wire;

/// When a webhook is disabled.
#[derive(Clone, Copy, Debug)]
pub struct DisableRule {
    /// After so long without a success; none never disables.
    pub after: Option<Duration>,
    /// And after so many failures.
    pub failures: i32,
}

/// Why a webhook was disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// No success for as long, and as many failures, as the rule says.
    Failing,
    /// The receiver answered 410, or `webhook-delivery: disable`.
    ReceiverAsked,
}

impl DisabledReason {
    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::ReceiverAsked => "receiver_asked",
        }
    }
}

/// Looks at all webhooks that fail, of all tenants: warns, disables. Takes no input, so that a run that was missed costs time
/// and nothing else. Answers how many were disabled.
pub async fn review(db: &Db, rule: DisableRule) -> Result<u32> {
    let Some(after) = rule.after else { return Ok(0) };
    let mut disabled = 0;
    for (tenant, id) in failing(db, after / 2, rule.failures / 2).await? {
        let review = || async move |tx: &mut TenantTx<'_>| review_one(tx, id, rule, after).await;
        if db.write_again(&Actor::system(tenant), review).await? {
            disabled += 1;
        }
    }
    Ok(disabled)
}

async fn failing(db: &Db, after: Duration, failures: i32) -> Result<Vec<(TenantId, WebhookId)>> {
    let mut connection = db.lookup().await?;
    sqlx::query_as("select * from tenon.failing_webhooks(make_interval(secs => $1), $2)")
        .bind(after.as_secs_f64())
        .bind(failures)
        .fetch_all(&mut *connection)
        .await
        .map_err(Error::from)
}

#[derive(sqlx::FromRow)]
struct Failing {
    failing_since: Option<DateTime<Utc>>,
    failures: i32,
    warned: i16,
    active: bool,
}

async fn review_one(
    tx: &mut TenantTx<'_>,
    id: WebhookId,
    rule: DisableRule,
    after: Duration,
) -> Result<bool> {
    switching::alone(tx).await?;
    let state: Option<Failing> = sqlx::query_as(
        "select failing_since, failures, warned, active from tenon.webhooks
         where tenant_id = $1 and id = $2 and deleted_at is null for no key update",
    )
    .bind(tx.actor().tenant)
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    let Some(Failing { failing_since: Some(since), failures, warned, active: true }) = state else {
        return Ok(false);
    };
    let percent = progress(since, failures, after, rule.failures);
    if percent >= 100 {
        switch_off(tx, id, DisabledReason::Failing).await?;
        return Ok(true);
    }
    let due = if percent >= 90 { 90 } else { 50 };
    if percent >= due && warned < due {
        let statement = "update tenon.webhooks set warned = $3 where tenant_id = $1 and id = $2";
        sqlx::query(statement).bind(tx.actor().tenant).bind(id).bind(due).execute(tx.conn()).await?;
        let webhook = endpoint::get(tx, id).await?;
        tell(tx, EventType::WEBHOOK_ENDPOINT_FAILING, &webhook).await?;
    }
    Ok(false)
}

/// How far a webhook is on the way to being disabled: both conditions must hold, so the smaller share counts.
fn progress(since: DateTime<Utc>, failures: i32, after: Duration, at_failures: i32) -> i16 {
    let elapsed = (Utc::now() - since).to_std().unwrap_or_default();
    let time = elapsed.as_secs_f64() / after.as_secs_f64().max(f64::EPSILON);
    let count = f64::from(failures) / f64::from(at_failures.max(1));
    // At most 100, which fits.
    (time.min(count) * 100.0).clamp(0.0, 100.0) as i16
}

/// Disables a webhook whose receiver asked for that: what is pending is paused. One that is disabled already stays as it is, and so does
/// one that has had another address, or was enabled, since it was `sending`: that receiver has no say in it.
pub async fn disable(db: &Db, sending: &Sending) -> Result<()> {
    let Sending { tenant_id, webhook_id, .. } = *sending;
    let address_version = sending.receiver.address_version;
    let disable = || {
        async move |tx: &mut TenantTx<'_>| {
            switching::alone(tx).await?;
            match sending::address_version(tx, webhook_id).await? {
                Some(version) if version == address_version => {
                    switch_off(tx, webhook_id, DisabledReason::ReceiverAsked).await
                }
                _ => Ok(()),
            }
        }
    };
    db.write_again(&Actor::system(tenant_id), disable).await
}

async fn switch_off(tx: &mut TenantTx<'_>, id: WebhookId, reason: DisabledReason) -> Result<()> {
    let changed = sqlx::query(
        "update tenon.webhooks set active = false, disabled_reason = $3, disabled_at = now(), version = version + 1, updated_at = $4, updated_by = $5
         where tenant_id = $1 and id = $2 and active and deleted_at is null",
    )
    .bind(tx.actor().tenant)
    .bind(id)
    .bind(reason.name())
    .bind(wire::now())
    .bind(tx.actor().principal.reference().to_string())
    .execute(tx.conn())
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(());
    }
    delivery::pause(tx, id).await?;
    metrics::counter!("tenon_webhook_endpoint_disabled_total", "reason" => reason.name()).increment(1);
    let webhook = endpoint::get(tx, id).await?;
    tell(tx, EventType::WEBHOOK_ENDPOINT_DISABLED, &webhook).await
}

/// An event about a webhook, for the tenant's other webhooks.
async fn tell(tx: &mut TenantTx<'_>, event: EventType, webhook: &Webhook) -> Result<()> {
    let (object, version, after) = (webhook.id.0, webhook.version, webhook.shown()?);
    change::record(tx, &[Change { event, object, version, at: wire::now(), before: None, after }]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_conditions_must_hold() {
        let day = Duration::from_secs(86_400);
        let since = Utc::now() - chrono::Duration::hours(12);
        assert_eq!(progress(since, 100, day, 20), 50);
        assert_eq!(progress(since, 2, day, 20), 10);
        assert_eq!(progress(Utc::now() - chrono::Duration::days(9), 20, day, 20), 100);
    }
}
