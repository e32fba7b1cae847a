//! Unique values: which of them a record has, and who has them where it cannot have them.

use std::collections::{HashMap, HashSet};

use sqlx::Row;
use uuid::Uuid;

use super::Record;
use super::values::Values;
use crate::db::TenantTx;
use crate::error::{Conflict, ConflictCode, Error, Result};
use crate::rules::Broken;

/// A value that no two records have that are not deleted.
pub struct Unique<R: Record> {
    /// The index that sees to it.
    pub(crate) constraint: &'static str,
    /// The field's name on the wire, which is the key's name too.
    pub field: &'static str,
    /// The column.
    pub(crate) column: &'static str,
    /// As it is compared.
    pub(crate) value: fn(&R) -> Option<String>,
    /// A value as it is kept and as it is compared.
    pub(crate) parse: fn(&str) -> Result<(String, String), Broken>,
    /// Where a draft has it.
    pub(crate) draft: fn(&mut R::Draft) -> &mut Option<String>,
}

/// The unique value of a constraint.
pub(super) fn of_constraint<R: Record>(constraint: &str) -> Option<&'static Unique<R>> {
    R::UNIQUE.iter().find(|unique| unique.constraint == constraint)
}

/// Whether two records have the same unique values.
pub(super) fn same<R: Record>(one: &R, other: &R) -> bool {
    R::UNIQUE.iter().all(|unique| (unique.value)(one) == (unique.value)(other))
}

/// Records in one order of their unique values, so that two transactions that insert the same do not wait for each other. Those
/// that collide with each other stay as they are: the first of them is the one that is inserted.
pub(super) fn in_order<'r, R: Record>(records: &[&'r R]) -> Vec<&'r R> {
    let mut ordered = records.to_vec();
    let collide = |unique: &Unique<R>| {
        let mut seen = HashSet::new();
        !records.iter().filter_map(|record| (unique.value)(record)).all(|value| seen.insert(value))
    };
    if records.len() > 1 && !R::UNIQUE.iter().any(collide) {
        ordered.sort_by_cached_key(|record| {
            R::UNIQUE.iter().map(|unique| (unique.value)(record)).collect::<Vec<_>>()
        });
    }
    ordered
}

fn taken<R: Record>(unique: &Unique<R>, code: ConflictCode, with: Option<Uuid>) -> Error {
    let message = format!("Another {} has this {}", R::KIND.name(), unique.field);
    Error::Conflict(Conflict { code, message, field: Some(unique.field), with })
}

/// The value that is meant where nobody is seen who has one.
fn likely<R: Record>(record: &R) -> Option<&'static Unique<R>> {
    R::UNIQUE.iter().find(|unique| (unique.value)(record).is_some()).or(R::UNIQUE.last())
}

/// Which field collided, and with whom, if the caller may see that record.
pub(super) async fn collision<R: Record>(
    tx: &mut TenantTx<'_>,
    record: &R,
    code: ConflictCode,
) -> Result<Error> {
    let values = Values::new().bind(record.tenant()).bind(record.id());
    let values = R::UNIQUE.iter().fold(values, |to, unique| to.bind((unique.value)(record)));
    let found: Option<(Uuid, i32)> =
        values.query_as(R::statements().collision)?.fetch_optional(tx.conn()).await?;
    let place = found.and_then(|(_, place)| usize::try_from(place).ok());
    let unique = place.and_then(|place| R::UNIQUE.get(place)).or_else(|| likely(record));
    let unique = unique.ok_or_else(|| Error::internal("a record without unique values collided"))?;
    Ok(taken(unique, code, found.map(|(id, _)| id)))
}

/// Who has the unique values that were refused, as far as the caller may see them.
#[derive(Debug, Default)]
pub(super) struct Takers(Vec<HashMap<String, Uuid>>);

impl Takers {
    pub(super) async fn of<R: Record>(tx: &mut TenantTx<'_>, refused: &[&R]) -> Result<Self> {
        if refused.is_empty() {
            return Ok(Self::default());
        }
        let values = Values::new().bind(tx.actor().tenant);
        let values = R::UNIQUE.iter().fold(values, |to, unique| {
            to.bind(refused.iter().map(|record| (unique.value)(record)).collect::<Vec<_>>())
        });
        let rows = values.query(R::statements().takers)?.fetch_all(tx.conn()).await?;
        let mut takers = vec![HashMap::new(); R::UNIQUE.len()];
        for row in rows {
            let id: Uuid = row.try_get(0)?;
            for (place, takers) in takers.iter_mut().enumerate() {
                let value: Option<String> = row.try_get(place + 1)?;
                takers.extend(value.map(|value| (value, id)));
            }
        }
        Ok(Self(takers))
    }

    pub(super) fn error<R: Record>(&self, record: &R) -> Error {
        let who = |unique: &Unique<R>, takers: &HashMap<String, Uuid>| {
            (unique.value)(record).and_then(|value| takers.get(&value).copied())
        };
        let mut found = R::UNIQUE.iter().zip(&self.0).filter_map(|(unique, takers)| {
            let with = who(unique, takers)?;
            Some(taken(unique, ConflictCode::Duplicate, Some(with)))
        });
        let unseen = || {
            likely(record).map_or_else(
                || Error::internal("a record without unique values collided"),
                |unique| taken(unique, ConflictCode::Duplicate, None),
            )
        };
        found.next().unwrap_or_else(unseen)
    }
}

/// The names of a record's keys, for a sentence.
pub(super) fn names<R: Record>() -> String {
    R::UNIQUE.iter().map(|unique| unique.field).collect::<Vec<_>>().join(" or ")
}

/// A draft's value of a key.
pub(super) fn written<R: Record>(unique: &Unique<R>, draft: &R::Draft) -> Option<String> {
    let mut draft = draft.clone();
    (unique.draft)(&mut draft).take()
}
