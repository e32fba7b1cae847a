//! Records by a unique value of theirs in place of the id: what another system knows them by.

use uuid::Uuid;

use super::{Draft, Unique};
use super::{Plan, Record, not_found, read, settle, store, unique, update_locked};
use crate::db::TenantTx;
use crate::error::{ConflictCode, Error, FieldError, Result};

/// A unique value, or the id among rows that name their records in different ways.
pub struct Key<R: Record> {
    place: usize,
    sent: String,
    value: String,
    /// None for the id.
    unique: Option<&'static Unique<R>>,
}

/// What must be so for an upsert to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// There is none yet.
    Absent,
    /// There is one, of any version.
    Present,
    /// There is one, of this version.
    Version(i64),
}

/// What an upsert came to.
#[derive(Clone, Debug)]
pub enum Upserted<R> {
    /// There was none.
    Created(R),
    /// There was one.
    Updated(R),
}

fn wrong(field: &str, code: &'static str, message: impl Into<String>) -> Error {
    Error::Invalid(vec![FieldError::new(field, code, message)])
}

impl<R: Record> Key<R> {
    /// The names that keys have, for a sentence: `email or externalId`.
    pub fn names() -> String {
        unique::names::<R>()
    }

    /// Whether there is a key of this name.
    pub fn is_known(name: &str) -> bool {
        R::UNIQUE.iter().any(|unique| unique.field == name)
    }

    /// The value of a key of this name.
    pub fn parse(name: &str, value: &str) -> Result<Self> {
        let found = R::UNIQUE.iter().enumerate().find(|(_, unique)| unique.field == name);
        let Some((place, unique)) = found else {
            return Err(wrong("key", "UNKNOWN_KEY", format!("Expected {}", Self::names())));
        };
        let (sent, value) = (unique.parse)(value).map_err(|(code, message)| wrong("value", code, message))?;
        Ok(Self { place, sent, value, unique: Some(unique) })
    }

    /// The id.
    pub(crate) fn id(id: Uuid) -> Self {
        let value = id.to_string();
        Self { place: R::UNIQUE.len(), sent: value.clone(), value, unique: None }
    }

    /// The key of this name that a draft has; refused where it has none.
    pub fn of(name: &str, draft: &R::Draft) -> Result<Self> {
        let unique = R::UNIQUE.iter().find(|unique| unique.field == name);
        let written = unique.and_then(|unique| unique::written(unique, draft));
        match (unique, written) {
            (Some(_), None) => Err(wrong(name, "REQUIRED", "This field is the key of the batch")),
            (_, written) => Self::parse(name, &written.unwrap_or_default()),
        }
    }

    /// The field that has it.
    pub fn field(&self) -> &'static str {
        self.unique.map_or("id", |unique| unique.field)
    }

    /// As it is compared.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// Which of the record's unique values it is; the id is behind them.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// The value that a record has of it.
    pub(super) fn value_of(&self, record: &R) -> Option<String> {
        match self.unique {
            Some(unique) => (unique.value)(record),
            None => Some(record.id().to_string()),
        }
    }

    /// The draft with this value, where it has none; refused where it has another one.
    pub fn complete(&self, mut draft: R::Draft) -> Result<R::Draft> {
        let Some(unique) = self.unique else { return Ok(draft) };
        let slot = (unique.draft)(&mut draft);
        match slot {
            None => *slot = Some(self.sent.clone()),
            Some(written) if (unique.parse)(written).is_ok_and(|(_, value)| value != self.value) => {
                return Err(wrong(self.field(), "KEY_MISMATCH", "Must be the value of the path, or absent"));
            }
            Some(_) => {}
        }
        Ok(draft)
    }
}

/// The record that has the value, or the refusal that there is none.
pub async fn find_by<R: Record>(tx: &mut TenantTx<'_>, key: &Key<R>) -> Result<R> {
    by(tx, R::statements().keys[key.place].find, key).await?.ok_or_else(not_found::<R>)
}

/// The same under a row lock, for a change: it has the value still when the lock is granted.
pub async fn lock_by<R: Record>(tx: &mut TenantTx<'_>, key: &Key<R>) -> Result<R> {
    try_lock_by(tx, key).await?.ok_or_else(not_found::<R>)
}

async fn try_lock_by<R: Record>(tx: &mut TenantTx<'_>, key: &Key<R>) -> Result<Option<R>> {
    by(tx, R::statements().keys[key.place].lock, key).await
}

async fn by<R: Record>(tx: &mut TenantTx<'_>, text: &'static str, key: &Key<R>) -> Result<Option<R>> {
    let query = sqlx::query_as(text).bind(tx.actor().tenant).bind(&key.value);
    let found = query.fetch_optional(tx.conn()).await?;
    read::filled(tx, found).await
}

/// Creates the record that has the value, or changes the one that is there to what `edit` makes of it. Of several at once one
/// creates and the others change what it created.
pub async fn upsert<R: Record>(
    tx: &mut TenantTx<'_>,
    key: &Key<R>,
    precondition: Precondition,
    draft: R::Draft,
    edit: impl FnOnce(R::Draft) -> R::Draft,
) -> Result<Upserted<R>> {
    let fields = draft.check().map_err(Error::Invalid)?;
    if let Some(before) = try_lock_by(tx, key).await? {
        return update_if(tx, before, precondition, edit).await;
    }
    if matches!(precondition, Precondition::Present | Precondition::Version(_)) {
        return Err(not_found::<R>());
    }
    let plan = Plan::<R>::new(tx, fields)?;
    let plan = settle::one(tx, plan).await?;
    if store::insert(tx, &[&plan.after]).await?.is_empty() {
        // Somebody was quicker by now, or another record has another of its unique values.
        return match try_lock_by(tx, key).await? {
            Some(before) => update_if(tx, before, precondition, edit).await,
            None => Err(unique::collision(tx, &plan.after, ConflictCode::Duplicate).await?),
        };
    }
    R::written(tx, &[&plan]).await?;
    store::tell(tx, &plan).await?;
    Ok(Upserted::Created(plan.after))
}

async fn update_if<R: Record>(
    tx: &mut TenantTx<'_>,
    before: R,
    precondition: Precondition,
    edit: impl FnOnce(R::Draft) -> R::Draft,
) -> Result<Upserted<R>> {
    let expected = match precondition {
        Precondition::Absent => return Err(Error::Stale { current: before.version() }),
        Precondition::Version(version) => Some(version),
        Precondition::None | Precondition::Present => None,
    };
    update_locked(tx, before, expected, edit).await.map(Upserted::Updated)
}
