//! Turns of a replay: who may go on with it, the next page of deliveries, and its end.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::control::end;
use super::progress::{self, Progress};
use super::state::State;
use super::store::{self, Replay};
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::{DeliveryId, EventId, WebhookReplayId};
use crate::webhook::delivery::{Due, enqueue};

/// Deliveries are brought so long before they are due: then a worker that dies costs no time, and one that is stopped little.
const AHEAD: Duration = Duration::from_secs(5);
/// Deliveries of one transaction, at most.
const PAGE: i64 = 500;
/// A look at what has not ended comes so late at the earliest, and at the latest.
const LOOK: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(30));

/// The right to go on with a replay: nothing of an earlier turn is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    replay: WebhookReplayId,
    fence: i64,
}

/// Whether a turn can begin.
#[derive(Clone, Copy, Debug)]
pub enum Begun {
    /// It has.
    Turn(Turn),
    /// There is nothing to do: it was cancelled, or has ended.
    Nothing,
}

/// What a step came to.
#[derive(Debug)]
pub enum Step {
    /// So many deliveries were brought, and more follow.
    Brought(usize),
    /// There is nothing to do for so long: what is brought is not due, or has not ended.
    Wait(Duration),
    /// The webhook is disabled, or its tenant deleted: it goes on when that is over.
    Waits,
    /// It has ended.
    Ended(Box<Replay>),
    /// Somebody stopped it, or another turn has begun: nothing was done.
    Superseded,
}

/// Begins a turn. Whatever the one before still does is refused from here on.
pub async fn begin(tx: &mut TenantTx<'_>, id: WebhookReplayId) -> Result<Begun> {
    if !store::lock(tx, id).await?.state().is_at_work() {
        return Ok(Begun::Nothing);
    }
    let begun = "update tenon.webhook_replays
                 set version = version + (state = 'ready')::integer, state = 'running', started_at = coalesce(started_at, now()),
                     fence = fence + 1, updated_at = now(), updated_by = $3
                 where tenant_id = $1 and id = $2 returning fence";
    let by = tx.actor().principal.reference().to_string();
    let begun = sqlx::query_scalar(begun).bind(tx.actor().tenant).bind(id).bind(by);
    let fence = begun.fetch_one(tx.conn()).await?;
    Ok(Begun::Turn(Turn { replay: id, fence }))
}

/// Goes on by a page, or by a look at what became of those before. In a transaction of
/// [`switching::write_beside_none`](crate::webhook::switching).
pub async fn step(tx: &mut TenantTx<'_>, turn: &Turn) -> Result<Step> {
    let replay = store::lock(tx, turn.replay).await?;
    if replay.fence != turn.fence || replay.state() != State::Running {
        return Ok(Step::Superseded);
    }
    if !is_sent_to(tx, &replay).await? {
        return Ok(Step::Waits);
    }
    let now = Utc::now();
    let next_at = replay.next_at.map_or(now, |at| at.max(now));
    let ahead = (next_at - now).to_std().unwrap_or_default();
    if ahead > AHEAD {
        return Ok(Step::Wait(ahead.saturating_sub(AHEAD / 2)));
    }
    let page = page(tx, &replay).await?;
    if page.is_empty() {
        return watch(tx, replay, now).await;
    }
    let brought = bring(tx, &replay, &page, next_at).await?;
    Ok(Step::Brought(brought))
}

/// Whether deliveries of the webhook are sent. It stays so until the end of the transaction.
///
/// A replay's events were all written a moment ago, and there are no statistics of them: with bitmaps each page would read and sort them all.
async fn is_sent_to(tx: &mut TenantTx<'_>, replay: &Replay) -> Result<bool> {
    let statement = "select w.active and w.deleted_at is null and t.deleted_at is null, set_config('enable_bitmapscan', 'off', true)
                     from tenon.webhooks w join tenon.tenants t on t.id = w.tenant_id where w.tenant_id = $1 and w.id = $2";
    let sent = sqlx::query_as(statement).bind(replay.tenant_id).bind(replay.webhook_id);
    let (is_sent_to, _): (bool, String) = sent.fetch_one(tx.conn()).await?;
    Ok(is_sent_to)
}

/// An event whose turn it is; its type where it is still kept.
#[derive(FromRow)]
struct Chosen {
    event_id: EventId,
    former: String,
    event_type: Option<String>,
}

impl Chosen {
    fn is_new(&self) -> bool {
        self.former == "none"
    }
}

async fn page(tx: &mut TenantTx<'_>, replay: &Replay) -> Result<Vec<Chosen>> {
    let statement = "select c.event_id, c.former, e.type as event_type
                     from (select event_id, former from tenon.webhook_replay_events
                           where tenant_id = $1 and replay_id = $2 and event_id > $3
                           order by event_id limit $4) c
                     left join tenon.events e on e.tenant_id = $1 and e.id = c.event_id
                     order by c.event_id";
    let of_time = i64::from(replay.rate_per_second) * i64::try_from(AHEAD.as_secs()).unwrap_or(1);
    let page = sqlx::query_as(statement)
        .bind(replay.tenant_id)
        .bind(replay.id)
        .bind(replay.position.map_or(Uuid::nil(), |position| position.0))
        .bind(of_time.clamp(1, PAGE));
    Ok(page.fetch_all(tx.conn()).await?)
}

/// Brings a page of deliveries, from `first` on as the rate has it, and says how far the replay is; how many. What stands otherwise than
/// when it was chosen was sent by somebody else, and is passed over.
async fn bring(
    tx: &mut TenantTx<'_>,
    replay: &Replay,
    page: &[Chosen],
    first: DateTime<Utc>,
) -> Result<usize> {
    let mut brought = begin_again(tx, replay, page).await?;
    brought.append(&mut make(tx, replay, page).await?);
    brought.sort_unstable();
    let gap = TimeDelta::microseconds(1_000_000 / i64::from(replay.rate_per_second.max(1)));
    let at = |number: usize| first + gap * i32::try_from(number).unwrap_or(i32::MAX);
    let due: Vec<Due> = brought
        .iter()
        .enumerate()
        .map(|(number, event)| Due { event: *event, at: Some(at(number)) })
        .collect();
    enqueue(tx, replay.webhook_id, &due).await?;
    advance(tx, replay, page, &brought, at(brought.len())).await?;
    Ok(brought.len())
}

/// Of deliveries that are there, the schedule begins again.
async fn begin_again(tx: &mut TenantTx<'_>, replay: &Replay, page: &[Chosen]) -> Result<Vec<EventId>> {
    let kept = page.iter().filter(|chosen| !chosen.is_new() && chosen.event_type.is_some());
    let (events, former): (Vec<_>, Vec<_>) =
        kept.map(|chosen| (chosen.event_id, chosen.former.as_str())).unzip();
    let statement =
        "update tenon.deliveries d set status = 'pending', schedule_attempts = 0, next_attempt_at = now(), replay = true
         from unnest($3::uuid[], $4::text[]) as c (event_id, former)
         where d.tenant_id = $1 and d.webhook_id = $2 and d.event_id = c.event_id and d.status = c.former
         returning d.event_id";
    let begun = sqlx::query_scalar(statement)
        .bind(replay.tenant_id)
        .bind(replay.webhook_id)
        .bind(events)
        .bind(former);
    Ok(begun.fetch_all(tx.conn()).await?)
}

/// Of events that have none, deliveries are made.
async fn make(tx: &mut TenantTx<'_>, replay: &Replay, page: &[Chosen]) -> Result<Vec<EventId>> {
    let (mut events, mut ids, mut types) = (Vec::new(), Vec::new(), Vec::new());
    for chosen in page.iter().filter(|chosen| chosen.is_new()) {
        if let Some(event_type) = &chosen.event_type {
            events.push(chosen.event_id);
            ids.push(DeliveryId::new());
            types.push(event_type.as_str());
        }
    }
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let statement = "insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, next_attempt_at, replay)
                     select $1, $2, c.event_id, c.id, c.event_type, now(), true
                     from unnest($3::uuid[], $4::uuid[], $5::text[]) as c (event_id, id, event_type)
                     on conflict do nothing returning event_id";
    let made = sqlx::query_scalar(statement)
        .bind(replay.tenant_id)
        .bind(replay.webhook_id)
        .bind(events)
        .bind(ids)
        .bind(types);
    Ok(made.fetch_all(tx.conn()).await?)
}

/// Writes down what became of a page, whose next delivery is due then.
async fn advance(
    tx: &mut TenantTx<'_>,
    replay: &Replay,
    page: &[Chosen],
    brought: &[EventId],
    next_at: DateTime<Utc>,
) -> Result<()> {
    let outcome = |chosen: &Chosen| match (&chosen.event_type, brought.binary_search(&chosen.event_id)) {
        (None, _) => "gone",
        (Some(_), Ok(_)) => "enqueued",
        (Some(_), Err(_)) => "skipped",
    };
    let (events, outcomes): (Vec<_>, Vec<_>) =
        page.iter().map(|chosen| (chosen.event_id, outcome(chosen))).unzip();
    let position = events.last().copied();
    let count = |wanted: &str| {
        i64::try_from(outcomes.iter().filter(|outcome| **outcome == wanted).count()).map_err(Error::internal)
    };
    let (enqueued, skipped, gone) = (count("enqueued")?, count("skipped")?, count("gone")?);
    let statement = "with told as (
                         update tenon.webhook_replay_events e set outcome = o.outcome
                         from unnest($3::uuid[], $4::text[]) as o (event_id, outcome)
                         where e.tenant_id = $1 and e.replay_id = $2 and e.event_id = o.event_id
                     )
                     update tenon.webhook_replays set
                         enqueued = enqueued + $5, skipped = skipped + $6, gone = gone + $7, position = $8, next_at = $9, updated_at = now()
                     where tenant_id = $1 and id = $2";
    sqlx::query(statement)
        .bind(replay.tenant_id)
        .bind(replay.id)
        .bind(events)
        .bind(outcomes)
        .bind(enqueued)
        .bind(skipped)
        .bind(gone)
        .bind(position)
        .bind(next_at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// All are brought: the replay ends when their deliveries have. The longer that takes, the rarer it is looked at.
async fn watch(tx: &mut TenantTx<'_>, replay: Replay, now: DateTime<Utc>) -> Result<Step> {
    let Progress { delivered, failed, pending } = progress::of(tx, &replay).await?;
    if pending > 0 {
        let since = replay.next_at.map(|at| (now - at).to_std().unwrap_or_default()).unwrap_or_default();
        return Ok(Step::Wait((since / 10).clamp(LOOK.0, LOOK.1)));
    }
    let set = match (delivered, failed) {
        (_, 0) => "state = 'succeeded', finished_at = now()",
        (0, _) => {
            "state = 'failed', finished_at = now(), failure = 'EVERY_DELIVERY_FAILED', failure_message = 'Every delivery has failed again'"
        }
        _ => "state = 'partial', finished_at = now()",
    };
    let replay = end(tx, replay, 0, set).await?;
    replay.tell(tx, EventType::WEBHOOK_REPLAY_ENDED).await?;
    Ok(Step::Ended(Box::new(replay)))
}
