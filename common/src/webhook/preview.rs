//! What a webhook would have got of the last events, and how: before a filter is set, or to see what one does.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::db::TenantTx;
use crate::error::{Error, FieldError, Result};
use crate::event::EventType;
use crate::id::{EventId, WebhookId};
use crate::version::{ApiVersion, Versions};
use crate::webhook::endpoint::{self, check_events, check_filter, filter_field};
use crate::webhook::payload::{self, FULL, THIN};
use crate::webhook::wish::{Event, Judge, Lineages, Owner, Verdict, Wish, actor_of, own_key};

/// The last events of the webhook's types that are judged.
pub const MOST: i64 = 100;
/// Among so many of the last events of all types they are looked for: what a second is enough for.
const LOOKED_AT: i64 = 5_000;
/// Of the first so many that the webhook would get, the bodies are shown.
const SHOWN: usize = 5;

/// What is to be tried in the place of what the webhook has.
#[derive(Clone, Debug, Default)]
pub struct PreviewDraft {
    /// Subscriptions.
    pub events: Option<Vec<String>>,
    /// A filter; none of `Some` tries none.
    pub filter: Option<Option<String>>,
    /// Whether changes of its own are left out.
    pub skip_own: Option<bool>,
    /// `full` or `thin`.
    pub payload: Option<String>,
}

/// What is tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The subscriptions: who sees the answer must be allowed to read what these events tell of.
    pub events: Vec<String>,
    wish: Wish,
    owner: Owner,
    version: ApiVersion,
    payload: String,
}

/// What would have become of an event.
#[derive(Clone, Debug)]
pub struct Previewed {
    /// Which.
    pub id: EventId,
    /// `contact.created`.
    pub event_type: String,
    /// When it was committed, nearly.
    pub created_at: DateTime<Utc>,
    /// What is decided of it.
    pub verdict: Verdict,
    /// The field for whose sake it cannot be judged.
    pub unjudged: Option<String>,
    /// The body as it would be sent; of the first few.
    pub body: Option<Bytes>,
}

impl Tried {
    /// Whether the webhook gets all events of its types.
    pub fn is_for_all(&self) -> bool {
        self.wish.is_for_all()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: EventId,
    r#type: String,
    created_at: DateTime<Utc>,
    body: String,
}

/// What is to be tried: of what is not said, what the webhook has.
///
/// # Errors
/// As for setting it.
pub async fn of(tx: &mut TenantTx<'_>, webhook: WebhookId, draft: PreviewDraft) -> Result<Tried> {
    let has = endpoint::get(tx, webhook).await?;
    let is_new = draft.events.is_some() || draft.filter.is_some();
    let events = draft.events.unwrap_or(has.events);
    let filter = draft.filter.unwrap_or(has.shape.filter);
    let payload = draft.payload.unwrap_or(has.shape.payload);
    let mut errors = Vec::new();
    check_events(&events, &mut errors);
    if payload != FULL && payload != THIN {
        errors.push(FieldError::new("payload", "INVALID_VALUE", "Payload is full or thin"));
    }
    match filter.as_deref().filter(|_| is_new).and_then(|filter| check_filter(filter, &events).err()) {
        Some(error) if errors.is_empty() => return Err(Error::Filter(error)),
        error => errors.extend(error.map(filter_field)),
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let wish = Wish { filter: filter.map(Arc::from), skip_own: draft.skip_own.unwrap_or(has.shape.skip_own) };
    let owner = Owner { creator: has.created_by, lineage: own_key(tx, webhook).await? };
    Ok(Tried { events, wish, owner, version: has.signing.api_version, payload })
}

/// Judges the last events of those types, newest first, `most` of them.
pub async fn judge(
    tx: &mut TenantTx<'_>,
    tried: &Tried,
    versions: &Versions,
    most: i64,
) -> Result<Vec<Previewed>> {
    let Tried { events, wish, owner, version, payload } = tried;
    let types: Vec<&str> = EventType::subscribed(events).map(|event| event.name).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "select id, type, created_at, body
         from (select id, type, created_at, body from tenon.events where tenant_id = $1 order by id desc limit $3) e
         where type = any ($2) order by id desc limit $4",
    )
    .bind(tx.actor().tenant)
    .bind(types)
    .bind(LOOKED_AT)
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    let mut keys = Vec::new();
    if wish.skip_own {
        let actors = rows.iter().filter_map(|row| actor_of(row.body.as_bytes()));
        keys.extend(actors.filter_map(|actor| owner.asks_for(actor)));
    }
    let mut judge = Judge::new(Lineages::of(tx, &keys).await?);
    let mut shown = 0;
    let mut previewed = Vec::with_capacity(rows.len());
    for row in rows {
        let event = Event::new(row.body.as_bytes());
        let verdict = judge.judge(wish, Some(owner), &event);
        let unjudged = match verdict {
            Verdict::Unjudged => judge.unjudged(wish, &event),
            Verdict::Matches | Verdict::LeftOut | Verdict::Own => None,
        };
        drop(event);
        let body = (verdict.delivers() && shown < SHOWN)
            .then(|| payload::sent(versions, *version, &row.body.into(), payload));
        shown += usize::from(body.is_some());
        previewed.push(Previewed {
            id: row.id,
            event_type: row.r#type,
            created_at: row.created_at,
            verdict,
            unjudged,
            body: body.transpose().map_err(Error::internal)?,
        });
    }
    Ok(previewed)
}
