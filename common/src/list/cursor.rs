//! Where a row stands in a sorted list, in cursors.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::{Column, Row, Type};
use uuid::Uuid;

use crate::list::field::Kind;
use crate::list::sort::SortBy;
use crate::list::statement::Statement;

/// The values of a row that its list is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys(pub(super) Vec<Key>);

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    Null,
    Text(String),
    Uuid(Uuid),
    Instant(DateTime<Utc>),
    Date(NaiveDate),
    Integer(i64),
    Boolean(bool),
}

impl Key {
    pub(super) fn bind(&self, statement: &mut Statement) {
        match self {
            Self::Null => statement.bind(None::<String>),
            Self::Text(text) => statement.bind(text.clone()),
            Self::Uuid(id) => statement.bind(*id),
            Self::Instant(at) => statement.bind(*at),
            Self::Date(day) => statement.bind(*day),
            Self::Integer(number) => statement.bind(*number),
            Self::Boolean(boolean) => statement.bind(*boolean),
        }
    }

    fn of_row(row: &PgRow, column: usize, kind: Kind) -> Result<Self, sqlx::Error> {
        fn known<T>(value: Option<T>, key: fn(T) -> Key) -> Key {
            value.map_or(Key::Null, key)
        }
        Ok(match kind {
            Kind::Text | Kind::Folded | Kind::Many { .. } => known(row.try_get(column)?, Self::Text),
            Kind::Uuid | Kind::ManyIds { .. } => known(row.try_get(column)?, Self::Uuid),
            Kind::Instant => known(row.try_get(column)?, Self::Instant),
            Kind::Date => known(row.try_get(column)?, Self::Date),
            Kind::Integer | Kind::Thousandths => known(integer(row, column)?, Self::Integer),
            Kind::Boolean => known(row.try_get(column)?, Self::Boolean),
        })
    }

    /// To the microsecond, as the database keeps it.
    fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Uuid(id) => id.to_string().into(),
            Self::Instant(at) => at.timestamp_micros().into(),
            Self::Date(day) => day.to_string().into(),
            Self::Integer(number) => (*number).into(),
            Self::Boolean(boolean) => (*boolean).into(),
        }
    }

    fn of_json(value: &Json, kind: Kind) -> Option<Self> {
        Some(match (kind, value) {
            (_, Json::Null) => Self::Null,
            (Kind::Text | Kind::Folded | Kind::Many { .. }, Json::String(text)) => Self::Text(text.clone()),
            (Kind::Uuid | Kind::ManyIds { .. }, Json::String(text)) => Self::Uuid(text.parse().ok()?),
            (Kind::Instant, value) => Self::Instant(DateTime::from_timestamp_micros(value.as_i64()?)?),
            (Kind::Date, Json::String(text)) => Self::Date(text.parse().ok()?),
            (Kind::Integer | Kind::Thousandths, value) => Self::Integer(value.as_i64()?),
            (Kind::Boolean, Json::Bool(boolean)) => Self::Boolean(*boolean),
            _ => return None,
        })
    }
}

/// A number of 32 or of 64 bits.
fn integer(row: &PgRow, column: usize) -> Result<Option<i64>, sqlx::Error> {
    if i32::compatible(row.try_column(column)?.type_info()) {
        return Ok(row.try_get::<Option<i32>, _>(column)?.map(i64::from));
    }
    row.try_get(column)
}

impl Keys {
    /// The keys of a row, by the places of their columns.
    pub(super) fn of_row(row: &PgRow, sort: &[SortBy], columns: &[usize]) -> Result<Self, sqlx::Error> {
        let keys = sort.iter().zip(columns).map(|(by, column)| Key::of_row(row, *column, by.field.kind));
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// For a cursor.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        Json::Array(self.0.iter().map(Key::to_json).collect()).to_string().into_bytes()
    }

    /// From a cursor of a list with this sort.
    pub(super) fn of_bytes(bytes: &[u8], sort: &[SortBy]) -> Option<Self> {
        let values: Vec<Json> = serde_json::from_slice(bytes).ok()?;
        let keys = sort.iter().zip(&values).map(|(by, value)| Key::of_json(value, by.field.kind));
        let keys: Option<Vec<Key>> = keys.collect();
        keys.filter(|keys| keys.len() == sort.len() && values.len() == sort.len()).map(Self)
    }
}
