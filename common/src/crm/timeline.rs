//! Timelines: what was done with a contact, company or lead, and what happened to it; newest first. Activities and events are each
//! read from an index of their own and put together here.

mod place;
mod types;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::actor::ActorReference;
use crate::crm::activity::{self, Activity, ActivityKind};
use crate::crm::linked::{self, Linked, LinkedKind};
use crate::crm::record::Record;
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::id::EventId;
use crate::page::{Page, SortKey, Window};

pub use types::Types;

/// Something in a timeline.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When: what the timeline is sorted by.
    pub at: DateTime<Utc>,
    /// What.
    pub what: What,
}

/// What a timeline tells of.
#[derive(Clone, Debug)]
pub enum What {
    /// An activity that the record is linked with.
    Activity(Box<Activity>),
    /// Something that happened to the record.
    Event(Happened),
}

/// Something that happened to a record.
#[derive(Clone, Debug)]
pub struct Happened {
    /// The event's id.
    pub id: EventId,
    /// Its type: `contact.updated`.
    pub r#type: String,
    /// The fields that changed.
    pub changed_fields: Vec<String>,
    /// Who did it.
    pub actor: ActorReference,
}

impl Entry {
    /// Its place in the timeline.
    pub fn sort_key(&self) -> SortKey {
        let id = match &self.what {
            What::Activity(activity) => activity.id.0,
            What::Event(happened) => happened.id.0,
        };
        SortKey { at: self.at, id }
    }
}

/// The part of a record's timeline that a window shows: activities and events of these types that the caller may see.
pub async fn list(tx: &mut TenantTx<'_>, of: Linked, types: &Types, window: &Window) -> Result<Page<Entry>> {
    linked::name(tx, of).await?;
    let before = window.last().unwrap_or_else(place::beginning);
    let mut entries = match types.activities() {
        Some(kinds) => activities(tx, of, kinds, before, window.fetch()).await?,
        None => Vec::new(),
    };
    if let Some(names) = types.events() {
        entries.extend(events(tx, of.id, names, before, window.fetch()).await?);
    }
    entries.sort_unstable_by_key(|entry| {
        let key = entry.sort_key();
        std::cmp::Reverse((key.at, key.id))
    });
    Ok(Page::of(entries, None, window))
}

macro_rules! activities_of {
    ($column:literal) => {
        concat!(
            "select ",
            activity::columns!(),
            " from (select l.activity_id, l.at from tenon.activity_links l
                   where l.tenant_id = $1 and l.",
            $column,
            " = $2 and l.deleted_at is null and (l.at, l.activity_id) < ($4, $5)) as linked
             join tenon.activities on tenant_id = $1 and id = linked.activity_id
             where deleted_at is null and kind = any ($3)
             order by linked.at desc, linked.activity_id desc limit $6"
        )
    };
}

async fn activities(
    tx: &mut TenantTx<'_>,
    of: Linked,
    kinds: &[ActivityKind],
    before: SortKey,
    limit: i64,
) -> Result<Vec<Entry>> {
    let statement = match of.kind {
        LinkedKind::Contact => activities_of!("contact_id"),
        LinkedKind::Company => activities_of!("company_id"),
        LinkedKind::Lead => activities_of!("lead_id"),
    };
    let mut found: Vec<Activity> = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(of.id)
        .bind(kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>())
        .bind(before.at)
        .bind(before.id)
        .bind(limit)
        .fetch_all(tx.conn())
        .await?;
    Activity::fill(tx, &mut found).await?;
    let entry = |activity: Activity| Entry { at: activity.at(), what: What::Activity(Box::new(activity)) };
    Ok(found.into_iter().map(entry).collect())
}

/// What is read of an event's body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    actor: ActorReference,
    changed_fields: Vec<String>,
}

async fn events(
    tx: &mut TenantTx<'_>,
    object: Uuid,
    names: &[String],
    before: SortKey,
    limit: i64,
) -> Result<Vec<Entry>> {
    let found: Vec<(EventId, String, String)> = sqlx::query_as(
        "select id, type, body from tenon.events
         where tenant_id = $1 and object_id = $2 and (cardinality($3::text[]) = 0 or type = any ($3)) and id < $4
         order by id desc limit $5",
    )
    .bind(tx.actor().tenant)
    .bind(object)
    .bind(names)
    .bind(place::first_id_not_before(before))
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    found.into_iter().map(|(id, r#type, body)| event(id, r#type, &body)).collect()
}

fn event(id: EventId, r#type: String, body: &str) -> Result<Entry> {
    let Body { actor, changed_fields } = serde_json::from_str(body).map_err(Error::internal)?;
    let at = place::time_of(id.0);
    Ok(Entry { at, what: What::Event(Happened { id, r#type, changed_fields, actor }) })
}
