//! Replays, as they are asked for and shown.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::webhook::matching::Meant;
use tenon_common::webhook::replay::{Progress, Replay, ReplayDraft, State};
use uuid::Uuid;

use crate::http::actor::ActorBody;
use crate::http::timestamp::Timestamp;

/// Which events are to be sent, and how fast.
#[derive(Object, Debug)]
#[oai(rename = "WebhookReplayInput", rename_all = "camelCase", example)]
pub struct ReplayInput {
    /// Events not older than this; in the past.
    pub since: Timestamp,
    /// Events older than this; now if absent, and where it is later.
    pub until: Option<Timestamp>,
    /// Names of `GET /api/v1/event-types`, `contact.*` for all of an object; all if absent.
    #[oai(validator(min_items = 1, max_items = 100))]
    pub events: Option<Vec<String>>,
    /// Of things of this type, such as `contact`.
    pub object_type: Option<String>,
    /// Of this thing.
    pub object_id: Option<Uuid>,
    /// Only what was not delivered and is not on its way; true if absent.
    pub only_failed: Option<bool>,
    /// Those too that there is no delivery for, and that the webhook wants as it is now; false if absent.
    pub include_never_attempted: Option<bool>,
    /// Deliveries that begin within a second, 1 to 1,000; 100 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub rate_per_second: Option<i32>,
}

impl Example for ReplayInput {
    fn example() -> Self {
        let since = chrono::DateTime::from_timestamp(1_735_689_600, 0).unwrap_or_default();
        Self {
            since: since.into(),
            until: None,
            events: Some(vec!["contact.*".to_owned()]),
            object_type: None,
            object_id: None,
            only_failed: None,
            include_never_attempted: None,
            rate_per_second: Some(50),
        }
    }
}

impl ReplayInput {
    pub(super) fn draft(self) -> ReplayDraft {
        ReplayDraft {
            meant: Meant {
                events: self.events,
                object_type: self.object_type,
                object_id: self.object_id,
                since: Some(self.since.0),
                until: self.until.map(|until| until.0),
            },
            only_failed: self.only_failed,
            include_never_attempted: self.include_never_attempted,
            rate_per_second: self.rate_per_second,
        }
    }
}

/// Where a replay stands.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ReplayState {
    /// It waits for a worker.
    Ready,
    /// Its deliveries are brought, or have not all ended.
    Running,
    /// All that it sent was delivered.
    Succeeded,
    /// Some of it was delivered, and some has failed again.
    Partial,
    /// All of it has failed again, or it was given up; `failure` says which.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl From<State> for ReplayState {
    fn from(state: State) -> Self {
        match state {
            State::Ready => Self::Ready,
            State::Running => Self::Running,
            State::Succeeded => Self::Succeeded,
            State::Partial => Self::Partial,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

/// Events that are sent to a webhook again.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "WebhookReplay", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ReplayBody {
    /// The replay's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// The webhook's id.
    pub webhook_id: Uuid,
    /// Where it stands.
    pub state: ReplayState,
    /// Of events not older than this.
    pub since: Timestamp,
    /// Of events older than this.
    pub until: Timestamp,
    /// Of these types, as they were named; null for all.
    #[oai(nullable)]
    pub events: Option<Vec<String>>,
    /// Of things of this type.
    #[oai(nullable)]
    pub object_type: Option<String>,
    /// Of this thing.
    #[oai(nullable)]
    pub object_id: Option<Uuid>,
    /// Whether only what was not delivered.
    pub only_failed: bool,
    /// Whether those too that there was no delivery for.
    pub include_never_attempted: bool,
    /// Deliveries that begin within a second.
    pub rate_per_second: i32,
    /// Events that were chosen when it was made.
    pub selected: i64,
    /// Those of them that are sent so far, and were not taken back.
    pub enqueued: i64,
    /// Those that were sent otherwise before their turn came.
    pub skipped: i64,
    /// Those that are kept no longer, and those that matched and were kept no longer when it was made.
    pub gone: i64,
    /// Of those that are sent: delivered.
    pub delivered: i64,
    /// Of those that are sent: given up again.
    pub failed: i64,
    /// Of those that are sent: waiting for their time or for another attempt, under way, or paused with their webhook.
    pub pending: i64,
    /// Why it failed: a code, `EVERY_DELIVERY_FAILED` or `GIVEN_UP`; why it was cancelled, where nobody did that: `WEBHOOK_DELETED`.
    #[oai(nullable)]
    pub failure: Option<String>,
    /// The same in words.
    #[oai(nullable)]
    pub failure_message: Option<String>,
    /// When a worker first was at it.
    #[oai(nullable)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[oai(nullable)]
    pub finished_at: Option<Timestamp>,
    /// Counts changes of its state, from 1.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Who asked for it.
    pub created_by: ActorBody,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
}

impl From<(Replay, Progress)> for ReplayBody {
    fn from((replay, progress): (Replay, Progress)) -> Self {
        Self {
            state: replay.state().into(),
            id: replay.id.0,
            tenant_id: replay.tenant_id.0,
            webhook_id: replay.webhook_id.0,
            since: replay.since.into(),
            until: replay.until.into(),
            events: replay.events,
            object_type: replay.object_type,
            object_id: replay.object_id,
            only_failed: replay.only_failed,
            include_never_attempted: replay.include_never_attempted,
            rate_per_second: replay.rate_per_second,
            selected: replay.selected,
            enqueued: replay.enqueued,
            skipped: replay.skipped,
            gone: replay.gone,
            delivered: progress.delivered,
            failed: progress.failed,
            pending: progress.pending,
            failure: replay.failure,
            failure_message: replay.failure_message,
            started_at: replay.started_at.map(Timestamp),
            finished_at: replay.finished_at.map(Timestamp),
            version: replay.version,
            created_at: replay.created_at.into(),
            created_by: replay.created_by.into(),
            updated_at: replay.updated_at.into(),
            updated_by: replay.updated_by.into(),
        }
    }
}
