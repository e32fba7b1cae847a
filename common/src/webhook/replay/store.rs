//! The rows of `tenon.webhook_replays`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::draft::NewReplay;
use super::progress::Progress;
use super::state::State;
use crate::actor::ActorReference;
use crate::change::{self, Change};
use crate::db::TenantTx;
use crate::db::record::record;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::{EventId, TenantId, WebhookId, WebhookReplayId};
use crate::page::{Page, SortKey, Window};
use crate::wire;

/// A replay.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Its id.
    pub id: WebhookReplayId,
    /// Whose.
    pub tenant_id: TenantId,
    /// To whom.
    pub webhook_id: WebhookId,
    state: String,
    /// Of events not older than this.
    pub since: DateTime<Utc>,
    /// Of events older than this.
    pub until: DateTime<Utc>,
    /// Of these types; none for all.
    pub events: Option<Vec<String>>,
    /// Of things of this kind.
    pub object_type: Option<String>,
    /// Of this thing.
    pub object_id: Option<Uuid>,
    /// Only what was not delivered.
    pub only_failed: bool,
    /// What there was no delivery for, too.
    pub include_never_attempted: bool,
    /// Deliveries that begin within a second.
    pub rate_per_second: i32,
    /// Events that were chosen when it was made.
    pub selected: i64,
    /// Those of them that are sent.
    pub enqueued: i64,
    /// Those that were sent otherwise before their turn.
    pub skipped: i64,
    /// Those that are kept no longer, and those that were not when it was made.
    pub gone: i64,
    delivered: i64,
    failed: i64,
    pub(super) position: Option<EventId>,
    pub(super) next_at: Option<DateTime<Utc>>,
    pub(super) fence: i64,
    /// Why it failed: a code.
    pub failure: Option<String>,
    /// The same in words.
    pub failure_message: Option<String>,
    /// When a worker first was at it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Counts changes of its state, from 1.
    pub version: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: ActorReference,
}

record!(Replay {
    id,
    tenant_id,
    webhook_id,
    state,
    since,
    until,
    events,
    object_type,
    object_id,
    only_failed,
    include_never_attempted,
    rate_per_second,
    selected,
    enqueued,
    skipped,
    gone,
    delivered,
    failed,
    position,
    next_at,
    fence,
    failure,
    failure_message,
    started_at,
    finished_at,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
});

impl Replay {
    /// Where it stands.
    pub fn state(&self) -> State {
        State::parse(&self.state).unwrap_or(State::Failed)
    }

    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.id.0 }
    }

    /// What had become of its deliveries when it ended; nothing before.
    pub(super) fn ended(&self) -> Progress {
        Progress { delivered: self.delivered, failed: self.failed, pending: 0 }
    }

    /// As the API shows it.
    fn shown(&self) -> Value {
        let Progress { delivered, failed, pending } = self.ended();
        let instant = |at: Option<DateTime<Utc>>| at.map(wire::instant);
        json!({
            "id": self.id, "tenantId": self.tenant_id, "webhookId": self.webhook_id, "state": self.state,
            "since": wire::instant(self.since), "until": wire::instant(self.until), "events": self.events,
            "objectType": self.object_type, "objectId": self.object_id, "onlyFailed": self.only_failed,
            "includeNeverAttempted": self.include_never_attempted, "ratePerSecond": self.rate_per_second,
            "selected": self.selected, "enqueued": self.enqueued, "skipped": self.skipped, "gone": self.gone,
            "delivered": delivered, "failed": failed, "pending": pending, "failure": self.failure,
            "failureMessage": self.failure_message, "startedAt": instant(self.started_at),
            "finishedAt": instant(self.finished_at), "version": self.version,
            "createdAt": wire::instant(self.created_at), "createdBy": self.created_by,
            "updatedAt": wire::instant(self.updated_at), "updatedBy": self.updated_by,
        })
    }

    /// Writes an event of its affairs.
    pub(super) async fn tell(&self, tx: &mut TenantTx<'_>, event: EventType) -> Result<()> {
        let (object, version, after) = (self.id.0, self.version, self.shown());
        change::record(tx, &[Change { event, object, version, at: self.updated_at, before: None, after }])
            .await
    }
}

/// Inserts a replay that waits, without any events; none where another one of the webhook has not ended.
pub(super) async fn insert(
    tx: &mut TenantTx<'_>,
    webhook: WebhookId,
    new: &NewReplay,
) -> Result<Option<WebhookReplayId>> {
    let inserted = sqlx::query_scalar(
        "insert into tenon.webhook_replays (tenant_id, id, webhook_id, state, since, until, events, object_type, object_id, only_failed,
                                            include_never_attempted, rate_per_second, created_at, created_by, updated_at, updated_by)
         values ($1, $2, $3, 'ready', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12, $13)
         on conflict (tenant_id, webhook_id) where state in ('ready', 'running') do nothing
         returning id",
    );
    let inserted = inserted
        .bind(tx.actor().tenant)
        .bind(WebhookReplayId::new())
        .bind(webhook)
        .bind(new.since)
        .bind(new.until)
        .bind(&new.events)
        .bind(&new.object_type)
        .bind(new.object_id)
        .bind(new.only_failed)
        .bind(new.include_never_attempted)
        .bind(new.rate_per_second)
        .bind(wire::now())
        .bind(tx.actor().principal.reference().to_string());
    Ok(inserted.fetch_optional(tx.conn()).await?)
}

/// A replay of a webhook.
pub(super) async fn get(tx: &mut TenantTx<'_>, webhook: WebhookId, id: WebhookReplayId) -> Result<Replay> {
    let found = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.webhook_replays where tenant_id = $1 and id = $2 and webhook_id = $3"
    ));
    let found = found.bind(tx.actor().tenant).bind(id).bind(webhook).fetch_optional(tx.conn()).await?;
    found.ok_or(Error::NotFound(EntityKind::WebhookReplay))
}

/// A replay, which nobody else changes meanwhile.
pub(super) async fn lock(tx: &mut TenantTx<'_>, id: WebhookReplayId) -> Result<Replay> {
    let found = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.webhook_replays where tenant_id = $1 and id = $2 for no key update"
    ));
    let found = found.bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    found.ok_or(Error::NotFound(EntityKind::WebhookReplay))
}

/// The replay of a webhook that has not ended, if there is one.
pub(super) async fn at_work(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<Option<WebhookReplayId>> {
    let found = "select id from tenon.webhook_replays where tenant_id = $1 and webhook_id = $2 and state in ('ready', 'running')";
    Ok(sqlx::query_scalar(found).bind(tx.actor().tenant).bind(webhook).fetch_optional(tx.conn()).await?)
}

/// The replays of a webhook, newest first.
pub(super) async fn list(tx: &mut TenantTx<'_>, webhook: WebhookId, window: &Window) -> Result<Page<Replay>> {
    let items = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.webhook_replays
         where tenant_id = $1 and webhook_id = $2 and ($3::uuid is null or id < $3)
         order by id desc limit $4 offset $5"
    ))
    .bind(tx.actor().tenant)
    .bind(webhook)
    .bind(window.last().map(|last| last.id))
    .bind(window.fetch())
    .bind(window.offset())
    .fetch_all(tx.conn())
    .await?;
    let count = "select count(*) from tenon.webhook_replays where tenant_id = $1 and webhook_id = $2";
    let total = match window.counts() {
        true => {
            let count = sqlx::query_scalar(count).bind(tx.actor().tenant).bind(webhook);
            Some(count.fetch_one(tx.conn()).await?)
        }
        false => None,
    };
    Ok(Page::of(items, total, window))
}

/// Changes a replay that is locked. `set` is one of the texts of this module.
pub(super) async fn set_state(
    tx: &mut TenantTx<'_>,
    id: WebhookReplayId,
    set: &'static str,
) -> Result<Replay> {
    let statement = format!(
        "update tenon.webhook_replays set {set}, version = version + 1, updated_at = now(), updated_by = $3
         where tenant_id = $1 and id = $2 returning {}",
        columns!()
    );
    let by = tx.actor().principal.reference().to_string();
    let changed = sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(tx.actor().tenant).bind(id).bind(by);
    Ok(changed.fetch_one(tx.conn()).await?)
}
