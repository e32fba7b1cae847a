//! Sending deliveries again, one or many, under the same `webhook-id`; and those sooner that wait for their next attempt.

use sqlx::{FromRow, QueryBuilder};

use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::id::{EventId, WebhookId};
use crate::job::Job;
use crate::webhook::delivery::{self, DeliverWebhook, Delivery, Due};
use crate::webhook::endpoint::{self, Webhook};
use crate::webhook::matching::{Matching, push_status};
use crate::webhook::switching;

/// Deliveries that are sent again by one request, at most: of more a replay keeps a rate, and tells how far it is.
pub const MOST: usize = 1_000;

const UNDER_WAY: &str = "An attempt of the delivery is under way, or it waits for an earlier one";

/// Sends a delivery again, now, with the schedule from its beginning. One that is pending has its next attempt now, by the job that it has.
/// Refused while an attempt is under way.
pub async fn resend(tx: &mut TenantTx<'_>, webhook: WebhookId, event: EventId) -> Result<Delivery> {
    let endpoint = begin(tx, webhook).await?;
    let before = delivery::get(tx, webhook, event).await?;
    refuse_disabled(&endpoint)?;
    if before.body.is_none() {
        return Err(Error::state("The event of this delivery is kept no longer"));
    }
    let resent = match before.status.as_str() {
        "pending" => bring_forward(tx, webhook, &[event]).await?,
        _ => send_anew(tx, webhook, &[event]).await?,
    };
    if resent == 0 {
        return Err(Error::state(UNDER_WAY));
    }
    delivery::get(tx, webhook, event).await
}

/// A delivery that is meant.
#[derive(FromRow)]
struct Chosen {
    event_id: EventId,
    event_type: String,
    status: String,
    is_kept: bool,
}

/// What was sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resent {
    /// How many deliveries.
    pub count: usize,
    /// The types of their events, each once.
    pub types: Vec<String>,
}

/// As [`resend`], of all deliveries that are meant: all of them, or none.
///
/// # Errors
/// `Conflict` where they are more than [`MOST`], or where one of them cannot be sent.
pub async fn resend_all(
    tx: &mut TenantTx<'_>,
    webhook: WebhookId,
    status: Option<&str>,
    matching: &Matching,
) -> Result<Resent> {
    let endpoint = begin(tx, webhook).await?;
    refuse_disabled(&endpoint)?;
    let chosen = choose(tx, webhook, status, matching).await?;
    if chosen.len() > MOST {
        return Err(Error::state(format!(
            "More than {MOST} deliveries match; say more of which you mean, or use a replay"
        )));
    }
    if chosen.iter().any(|chosen| !chosen.is_kept) {
        return Err(Error::state(
            "The events of some of these deliveries are kept no longer; say since when",
        ));
    }
    let (waiting, ended): (Vec<_>, Vec<_>) = chosen.iter().partition(|chosen| chosen.status == "pending");
    let events = |some: Vec<&Chosen>| some.into_iter().map(|chosen| chosen.event_id).collect::<Vec<_>>();
    // Jobs before deliveries, as the ends of attempts lock them.
    let brought = bring_forward(tx, webhook, &events(waiting)).await?;
    let count = brought + send_anew(tx, webhook, &events(ended)).await?;
    if count < chosen.len() {
        return Err(Error::state(format!(
            "{} of {} deliveries cannot be sent now: {UNDER_WAY}",
            chosen.len() - count,
            chosen.len()
        )));
    }
    let mut types: Vec<String> = chosen.into_iter().map(|chosen| chosen.event_type).collect();
    types.sort_unstable();
    types.dedup();
    Ok(Resent { count, types })
}

async fn begin(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<Webhook> {
    switching::beside_none(tx).await?;
    endpoint::get(tx, webhook).await
}

pub(super) fn refuse_disabled(webhook: &Webhook) -> Result<()> {
    match webhook.active {
        true => Ok(()),
        false => Err(Error::state("The webhook is disabled; enable it first")),
    }
}

async fn choose(
    tx: &mut TenantTx<'_>,
    webhook: WebhookId,
    status: Option<&str>,
    matching: &Matching,
) -> Result<Vec<Chosen>> {
    let mut query = QueryBuilder::new(
        "select d.event_id, d.event_type, d.status,
                exists (select from tenon.events k where k.tenant_id = d.tenant_id and k.id = d.event_id) as is_kept",
    );
    matching.push(&mut query, tx.actor().tenant, webhook);
    push_status(&mut query, status);
    let most = i64::try_from(MOST).map_err(Error::internal)?;
    query.push(" order by d.event_id limit ").push_bind(most + 1);
    Ok(query.build_query_as().fetch_all(tx.conn()).await?)
}

/// Of those that wait for an attempt, the next one is now; of how many.
async fn bring_forward(tx: &mut TenantTx<'_>, webhook: WebhookId, events: &[EventId]) -> Result<usize> {
    if events.is_empty() {
        return Ok(0);
    }
    let brought: Vec<EventId> =
        sqlx::query_scalar("select event_id from tenon.bring_deliveries_forward($1, $2, $3) as b (event_id)")
            .bind(tx.actor().tenant)
            .bind(webhook)
            .bind(events)
            .fetch_all(tx.conn())
            .await?;
    tx.enqueued(DeliverWebhook::QUEUE);
    Ok(brought.len())
}

/// Those that are not pending begin their schedule anew; how many. They are no replay's any more.
async fn send_anew(tx: &mut TenantTx<'_>, webhook: WebhookId, events: &[EventId]) -> Result<usize> {
    if events.is_empty() {
        return Ok(0);
    }
    let begun: Vec<EventId> = sqlx::query_scalar(
        "update tenon.deliveries set status = 'pending', schedule_attempts = 0, next_attempt_at = now(), replay = false
         where tenant_id = $1 and webhook_id = $2 and event_id = any ($3) and status <> 'pending' returning event_id",
    )
    .bind(tx.actor().tenant)
    .bind(webhook)
    .bind(events)
    .fetch_all(tx.conn())
    .await?;
    let due: Vec<Due> = begun.iter().copied().map(Due::now).collect();
    delivery::enqueue(tx, webhook, &due).await?;
    Ok(due.len())
}
