//! What every change writes beside itself, in its own transaction: one event a changed record, and one fan-out job for all of
//! them. Webhooks, audit, feed and analytics read what is written here, so an event exists if and only if its change was
//! committed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::event::{API_VERSION, Body, EventType, ObjectReference};
use crate::id::{EventId, TenantId};
use crate::job::{EncodedJob, Job, JobColumns, Queue};
use crate::wire;

/// One record's change.
#[derive(Debug)]
pub struct Change {
    /// What happened.
    pub event: EventType,
    /// The record.
    pub object: Uuid,
    /// Its version after the change.
    pub version: i64,
    /// When; the record's `updatedAt`.
    pub at: DateTime<Utc>,
    /// As the API showed it before; none for a new record.
    pub before: Option<Value>,
    /// As the API shows it now; the last state of a deleted one.
    pub after: Value,
}

/// Tells the event's readers. Holds ids only: the handler reads the events again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FanOutEvent {
    /// Whose.
    pub tenant_id: TenantId,
    /// All of one change.
    pub event_ids: Vec<EventId>,
}

impl Job for FanOutEvent {
    const KIND: &'static str = "fan-out-event";
    const QUEUE: Queue = Queue::Webhooks;
    /// It writes to the database only: what fails is the database's outage, which passes.
    const MAX_ATTEMPTS: i32 = 25;
}

/// Events of a fan-out job at most: a request's go together.
const EVENTS_OF_A_JOB: usize = 500;
/// The same of an import. A worker claims jobs by the hundred: what it holds of an import's events stays small, and others have their
/// share.
const EVENTS_OF_AN_IMPORTS_JOB: usize = 100;

/// Writes the changes' events and their fan-out jobs, one as a rule: one statement, whatever their number. An empty list writes
/// nothing, and neither do changes of an import that tells of all of them at its end.
pub async fn record(tx: &mut TenantTx<'_>, changes: &[Change]) -> Result<()> {
    if changes.is_empty() || !tx.tells_each() {
        return Ok(());
    }
    let bulk = tx.bulk().map(|bulk| json!({"importId": bulk.import}));
    let actor = tx.actor().clone();
    let context = serde_json::to_string(&actor.origin).map_err(Error::internal)?;
    let mut events = Columns::default();
    for change in changes {
        let id = EventId::new();
        let (changed_fields, previous) = difference(change.before.as_ref(), &change.after);
        let body = Body {
            id: id.wire(),
            r#type: change.event.name,
            event: change.event.name,
            timestamp: wire::instant(change.at),
            tenant_id: actor.tenant,
            api_version: API_VERSION,
            sequence: id.sequence(),
            object: ObjectReference {
                r#type: change.event.object.name(),
                id: change.object,
                version: change.version,
            },
            actor: actor.principal.reference(),
            changed_fields: &changed_fields,
            previous: &previous,
            bulk: bulk.as_ref(),
            data: &change.after,
        };
        events.push(id, change, serde_json::to_string(&body).map_err(Error::internal)?);
    }
    let together = if bulk.is_some() { EVENTS_OF_AN_IMPORTS_JOB } else { EVENTS_OF_A_JOB };
    let jobs = events.ids.chunks(together).map(|ids| {
        let job = FanOutEvent { tenant_id: actor.tenant, event_ids: ids.to_vec() };
        EncodedJob::new(&job, Some(actor.tenant.0), actor.origin.traceparent.as_deref())
    });
    let jobs: JobColumns = jobs.collect::<Result<Vec<_>>>()?.into_iter().collect();
    sqlx::query(
        "with event as (
             insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
             select $1, e.id, e.type, e.object_type, e.object_id, e.object_version, e.body, $8
             from unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[])
                 as e (id, type, object_type, object_id, object_version, body)
         )
         insert into apalis.jobs (id, job_type, job, max_attempts, metadata)
         select j.id, j.job_type, j.job, j.max_attempts, j.metadata
         from unnest($9::text[], $10::text[], $11::bytea[], $12::integer[], $13::hstore[])
             as j (id, job_type, job, max_attempts, metadata)",
    )
    .bind(actor.tenant)
    .bind(events.ids)
    .bind(events.types)
    .bind(events.object_types)
    .bind(events.objects)
    .bind(events.versions)
    .bind(events.bodies)
    .bind(context)
    .bind(jobs.ids)
    .bind(jobs.queues)
    .bind(jobs.payloads)
    .bind(jobs.max_attempts)
    .bind(jobs.metadata)
    .execute(tx.conn())
    .await?;
    tx.enqueued(FanOutEvent::QUEUE);
    Ok(())
}

#[derive(Default)]
struct Columns {
    ids: Vec<EventId>,
    types: Vec<&'static str>,
    object_types: Vec<&'static str>,
    objects: Vec<Uuid>,
    versions: Vec<i64>,
    bodies: Vec<String>,
}

impl Columns {
    fn push(&mut self, id: EventId, change: &Change, body: String) {
        self.ids.push(id);
        self.types.push(change.event.name);
        self.object_types.push(change.event.object.name());
        self.objects.push(change.object);
        self.versions.push(change.version);
        self.bodies.push(body);
    }
}

/// Fields that change with every change and say nothing.
const ALWAYS: [&str; 3] = ["version", "updatedAt", "updatedBy"];

/// The names of the fields that differ, and their values before.
fn difference(before: Option<&Value>, after: &Value) -> (Vec<String>, Value) {
    let (Some(Value::Object(before)), Value::Object(after)) = (before, after) else {
        return (Vec::new(), Value::Null);
    };
    let mut previous = Map::new();
    for (field, value) in after {
        let earlier = before.get(field).unwrap_or(&Value::Null);
        if earlier != value && !ALWAYS.contains(&field.as_str()) {
            previous.insert(field.clone(), earlier.clone());
        }
    }
    (previous.keys().cloned().collect(), Value::Object(previous))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_difference_names_what_changed_and_what_it_was() {
        let before = json!({"email": "old@example.com", "name": "Ada", "version": 1, "updatedAt": "a"});
        let after = json!({"email": "new@example.com", "name": "Ada", "version": 2, "updatedAt": "b"});
        assert_eq!(
            difference(Some(&before), &after),
            (vec!["email".to_owned()], json!({"email": "old@example.com"}))
        );
        assert_eq!(difference(None, &after), (Vec::new(), Value::Null));
    }
}
