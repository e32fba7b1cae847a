//! What all records of the CRM have in common: one implementation of creating, reading, listing, changing, deleting, restoring
//! and purging, one by one, by a unique value, and in batches. A resource declares what is its own ([`Record`]): columns, unique
//! values, what it names of other records, events. Statements are put together from what is declared, once for each resource;
//! everything else is bound.

pub mod batch;
mod changes;
mod column;
mod create;
mod key;
mod link;
mod plan;
mod purge;
mod read;
mod reference;
mod rewrite;
mod settle;
mod statements;
mod store;
mod unique;
mod values;

use std::future::{Future, ready};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::actor::ActorReference;
use crate::change::Change;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, FieldError, Result};
use crate::event::EventType;
use crate::id::{TenantId, UserId};
use crate::list::Listing;

pub use changes::{delete, delete_locked, restore, update, update_locked};
pub use column::Column;
pub use create::{create, create_many};
pub use key::{Key, Precondition, Upserted, find_by, lock_by, upsert};
pub use link::Link;
pub use plan::Plan;
pub use purge::purge;
pub use read::{find, get, list, lock};
pub use reference::{Reference, Target};
pub use rewrite::Rows;
pub use statements::Statements;
pub use unique::Unique;

pub(crate) use plan::changed;
pub(crate) use purge::purge_each;
pub(crate) use read::lock_expected;
pub(crate) use reference::unknown;
pub(crate) use rewrite::{rewrite, save};
pub(crate) use store::{put, tell};

/// What a caller says of a record, not checked yet.
pub trait Draft: Clone + Default + Send + Sync + 'static {
    /// The same, checked.
    type Fields: Clone + Send + Sync + 'static;

    /// Checks all fields; answers all that is wrong.
    fn check(self) -> Result<Self::Fields, Vec<FieldError>>;

    /// What replaces a record: what it leaves out that must not be taken for the default is told by its check.
    fn replacing(self, _now: &Self) -> Self {
        self
    }

    /// What replaces a record for a caller who sees its own ones only: where it names no owner, the record keeps the one that it
    /// has, for the caller would lose it otherwise.
    fn keep_owner(self, _now: &Self) -> Self {
        self
    }
}

/// The checked fields of a record.
pub type Fields<R> = <<R as Record>::Draft as Draft>::Fields;

/// What every record has: `head!` writes it, for a record whose fields are called as they are called everywhere.
pub trait Head {
    /// Its id.
    fn id(&self) -> Uuid;
    /// Whose.
    fn tenant(&self) -> TenantId;
    /// Counts changes, from 1.
    fn version(&self) -> i64;
    /// When it was created.
    fn created_at(&self) -> DateTime<Utc>;
    /// When it was last changed.
    fn updated_at(&self) -> DateTime<Utc>;
    /// By whom.
    fn updated_by(&self) -> ActorReference;
    /// When it was deleted.
    fn deleted_at(&self) -> Option<DateTime<Utc>>;
    /// Notes a change: the next version, when, by whom.
    fn note_change(&mut self, at: DateTime<Utc>, by: ActorReference);
    /// Hides it, or brings it back.
    fn set_deleted_at(&mut self, at: Option<DateTime<Utc>>);
}

/// Implements [`Head`] for a record.
macro_rules! head {
    ($record:ident) => {
        impl $crate::crm::record::Head for $record {
            fn id(&self) -> uuid::Uuid {
                self.id.0
            }

            fn tenant(&self) -> $crate::id::TenantId {
                self.tenant_id
            }

            fn version(&self) -> i64 {
                self.version
            }

            fn created_at(&self) -> chrono::DateTime<chrono::Utc> {
                self.created_at
            }

            fn updated_at(&self) -> chrono::DateTime<chrono::Utc> {
                self.updated_at
            }

            fn updated_by(&self) -> $crate::actor::ActorReference {
                self.updated_by
            }

            fn deleted_at(&self) -> Option<chrono::DateTime<chrono::Utc>> {
                self.deleted_at
            }

            fn note_change(&mut self, at: chrono::DateTime<chrono::Utc>, by: $crate::actor::ActorReference) {
                self.version += 1;
                self.updated_at = at.max(self.updated_at);
                self.updated_by = by;
            }

            fn set_deleted_at(&mut self, at: Option<chrono::DateTime<chrono::Utc>>) {
                self.deleted_at = at;
            }
        }
    };
}

pub(crate) use head;

/// What a new record begins with.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: TenantId,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: ActorReference,
}

/// The types of events that changes write.
#[derive(Clone, Copy, Debug)]
pub struct Events {
    /// It was created.
    pub created: EventType,
    /// It was changed.
    pub updated: EventType,
    /// It was hidden.
    pub deleted: EventType,
    /// It was brought back.
    pub restored: EventType,
    /// It was removed for good.
    pub purged: EventType,
}

/// A record of a table of the CRM, as the API and events show it. The table has `tenant_id`, `id`, `version`, `created_at`,
/// `created_by`, `updated_at`, `updated_by`, `deleted_at`, `deleted_by` and `delete_batch_id` beside the columns that are declared
/// here.
pub trait Record:
    Head + Clone + Serialize + Send + Sync + Unpin + 'static + for<'r> FromRow<'r, PgRow>
{
    /// What a caller says of it. That of a record is what it says now, for a change to begin with.
    type Draft: Draft + for<'r> From<&'r Self>;

    /// What it is.
    const KIND: EntityKind;
    /// The columns that are its own, and their values. Two records that have the same values there say the same.
    const OWN: &'static [Column<Self>];
    /// Its unique values, by which it can be reached too. Where several are taken, the first is named.
    const UNIQUE: &'static [Unique<Self>];
    /// What it names of other records.
    const REFERENCES: &'static [Reference<Self>] = &[];
    /// The rows that cannot live without it.
    const LINKS: &'static [Link] = &[];
    /// What changes of it write.
    const EVENTS: Events;
    /// Whether [`Record::fill`] reads anything.
    const FILLED: bool = false;

    /// Its list: the names of its kind in the plural, of its table and of its columns.
    fn listing() -> &'static Listing;

    /// Its statements: a `static` of the record's own, `LazyLock::new(Statements::of::<…>)`.
    fn statements() -> &'static Statements;

    /// A new one that says nothing yet.
    fn blank(birth: Birth) -> Self;

    /// Takes over what was said.
    fn apply(&mut self, fields: Fields<Self>) -> Result<()>;

    /// The user whose it is. What an AGENT creates is its own.
    fn owner(&self) -> Option<UserId> {
        None
    }

    /// Gives it to somebody. Nothing, where records have no owner.
    fn set_owner(&mut self, _owner: UserId) {}

    /// The refusal that a broken constraint means, beside those of [`Record::UNIQUE`] and [`Record::REFERENCES`].
    fn refusal(_constraint: &str) -> Option<Error> {
        None
    }

    /// Reads what belongs to records and is not in their rows. Few statements, whatever their number.
    fn fill(_tx: &mut TenantTx<'_>, _records: &mut [Self]) -> impl Future<Output = Result<()>> + Send {
        ready(Ok(()))
    }

    /// Asks whatever else there is to ask before new and changed records are written, and puts in what follows from it; a plan
    /// that is refused becomes its refusal, which names the field. Few statements, whatever the number of plans. With `each` the
    /// plans have outcomes of their own: then nothing may be left to a foreign key, which refuses all for one.
    fn settle(
        _tx: &mut TenantTx<'_>,
        _plans: &mut [Result<Plan<Self>>],
        _each: bool,
    ) -> impl Future<Output = Result<()>> + Send {
        ready(Ok(()))
    }

    /// Writes what belongs to records and is not in their rows, after those were written; before their events are. Few statements,
    /// whatever the number of plans.
    fn written(_tx: &mut TenantTx<'_>, _plans: &[&Plan<Self>]) -> impl Future<Output = Result<()>> + Send {
        ready(Ok(()))
    }

    /// Does what must be done to other records before these are removed for good: they may name them still.
    fn release(_tx: &mut TenantTx<'_>, _ids: &[Uuid]) -> impl Future<Output = Result<()>> + Send {
        ready(Ok(()))
    }

    /// Asks whether a deleted one may be brought back, and changes it where what it names is gone for good.
    fn revive(&mut self, _tx: &mut TenantTx<'_>) -> impl Future<Output = Result<()>> + Send {
        ready(Ok(()))
    }

    /// Whether it says the same as another state of it, without what every change changes.
    fn says_the_same(&self, other: &Self) -> bool {
        Self::OWN.iter().all(|column| column.same(self, other))
    }

    /// As the API shows it.
    fn shown(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(Error::internal)
    }

    /// The events of a change.
    fn changes(before: &Self, after: &Self) -> Result<Vec<Change>> {
        Ok(vec![changed(Self::EVENTS.updated, Some(before), after)?])
    }
}

fn not_found<R: Record>() -> Error {
    Error::NotFound(R::KIND)
}

/// Refuses another version than the expected one.
fn expect<R: Record>(record: &R, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != record.version() => Err(Error::Stale { current: record.version() }),
        _ => Ok(()),
    }
}
