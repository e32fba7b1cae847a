//! `/connection/{contacts,companies,leads}/{id}/timeline`.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;
use tenon_common::TenantTx;
use tenon_common::crm::linked::Linked;
use tenon_common::crm::timeline::{self, Entry, Happened, Types, What};
use tenon_common::page::{DEFAULT_PAGE, PageQuery};
use tenon_common::role::Permission;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::Caller;
use crate::crm::activities::ActivityBody;
use crate::crm::linked::LinkedResource;
use crate::http::actor::ActorBody;
use crate::http::error::ApiError;
use crate::http::response::{Listed, Paging};
use crate::http::timestamp::Timestamp;

/// What an entry of a timeline is.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub enum TimelineEntryType {
    /// An activity that the record is linked with.
    Activity,
    /// Something that happened to the record.
    Event,
}

/// Something in a record's timeline.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "TimelineEntry", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct EntryBody {
    /// The activity's id, or the event's.
    pub id: String,
    /// What it is.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: TimelineEntryType,
    /// When: an activity's `occurredAt`, or `createdAt` where it has none; of an event when it was written.
    pub at: Timestamp,
    /// The activity; null for an event.
    #[oai(nullable)]
    pub activity: Option<ActivityBody>,
    /// What happened; null for an activity.
    #[oai(nullable)]
    pub event: Option<EventBody>,
}

/// What happened to a record.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "TimelineEvent", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct EventBody {
    /// The event's type, such as `contact.updated`.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// The fields that changed; none where the record is new.
    pub changed_fields: Vec<String>,
    /// Who did it.
    pub actor: ActorBody,
}

impl From<Happened> for EventBody {
    fn from(happened: Happened) -> Self {
        Self { kind: happened.r#type, changed_fields: happened.changed_fields, actor: happened.actor.into() }
    }
}

impl From<Entry> for EntryBody {
    fn from(entry: Entry) -> Self {
        let at = entry.at.into();
        match entry.what {
            What::Activity(activity) => Self {
                id: activity.id.to_string(),
                kind: TimelineEntryType::Activity,
                at,
                activity: Some((*activity).into()),
                event: None,
            },
            What::Event(happened) => Self {
                id: happened.id.wire(),
                kind: TimelineEntryType::Event,
                at,
                activity: None,
                event: Some(happened.into()),
            },
        }
    }
}

/// The operations.
#[derive(Debug, Default)]
pub struct TimelinesApi<R>(PhantomData<R>);

#[OpenApi(prefix_path = R::PATH)]
impl<R: LinkedResource> TimelinesApi<R> {
    /// Get a {record}'s timeline
    ///
    /// The activities that it is linked with and what happened to the {record} itself, newest first. Activities are those that you
    /// may see, and need `activities:read`: without it there are none. Events are there for as long as events are kept. Pages
    /// by cursor, without a total. Needs `{read}`.
    #[oai(path = "/:id/timeline", method = "get", operation_id = "get_{record}_timeline")]
    async fn get(
        &self,
        caller: Caller<R::Read>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
        id: Path<Uuid>,
        /// What to show, parted by commas: `activity`, `event`, kinds of activities such as `call`, types of the {record}'s events
        /// such as `{record}.updated`. All if absent.
        types: Query<Option<String>>,
        /// Entries at most, 1 to 200; 20 if absent.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before, with the same types.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<EntryBody>, ApiError> {
        let of = Linked::new(R::KIND, id.0);
        let named = types.0.as_deref();
        let types = named.map_or_else(|| Ok(Types::all()), |named| Types::parse(R::KIND, named))?;
        let types = match caller.require(Permission::ACTIVITIES_READ) {
            Ok(()) => types,
            Err(_) => types.without_activities(),
        };
        let query = format!("timeline {} {} {types:?}", of.kind.name(), of.id);
        let limit = Some(limit.0.unwrap_or(DEFAULT_PAGE));
        let asked = PageQuery { limit, cursor: cursor.0, ..PageQuery::default() };
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let list = async |tx: &mut TenantTx<'_>| timeline::list(tx, of, &types, &window).await;
        let page = app.db.read(&caller.actor, list).await?;
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        let kept = named.map(kept).unwrap_or_default();
        Ok(paging.list(page, Entry::sort_key, EntryBody::from).linked(kept))
    }
}

/// What the link to the next page keeps.
fn kept(types: &str) -> String {
    let types: String = url::form_urlencoded::byte_serialize(types.as_bytes()).collect();
    format!("types={types}&")
}
