//! The columns that are a record's own: each with its type and its value, said once for all statements.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::values::Values;

/// A column of a record's table.
pub struct Column<R> {
    pub(super) name: &'static str,
    value: Value<R>,
}

/// Where its values come from.
enum Value<R> {
    Text(fn(&R) -> Option<&str>),
    Made(fn(&R) -> Option<String>),
    Uuid(fn(&R) -> Option<Uuid>),
    Integer(fn(&R) -> Option<i32>),
    Bigint(fn(&R) -> Option<i64>),
    Boolean(fn(&R) -> Option<bool>),
    Date(fn(&R) -> Option<NaiveDate>),
    Instant(fn(&R) -> Option<DateTime<Utc>>),
}

impl<R> Column<R> {
    /// Text that the record has.
    pub const fn text(name: &'static str, value: fn(&R) -> Option<&str>) -> Self {
        Self { name, value: Value::Text(value) }
    }

    /// Text that is made from what the record has.
    pub const fn made(name: &'static str, value: fn(&R) -> Option<String>) -> Self {
        Self { name, value: Value::Made(value) }
    }

    /// An id.
    pub const fn uuid(name: &'static str, value: fn(&R) -> Option<Uuid>) -> Self {
        Self { name, value: Value::Uuid(value) }
    }

    /// A number of 32 bits.
    pub const fn integer(name: &'static str, value: fn(&R) -> Option<i32>) -> Self {
        Self { name, value: Value::Integer(value) }
    }

    /// A number of 64 bits.
    pub const fn bigint(name: &'static str, value: fn(&R) -> Option<i64>) -> Self {
        Self { name, value: Value::Bigint(value) }
    }

    /// Yes or no.
    pub const fn boolean(name: &'static str, value: fn(&R) -> Option<bool>) -> Self {
        Self { name, value: Value::Boolean(value) }
    }

    /// A day.
    pub const fn date(name: &'static str, value: fn(&R) -> Option<NaiveDate>) -> Self {
        Self { name, value: Value::Date(value) }
    }

    /// An instant.
    pub const fn instant(name: &'static str, value: fn(&R) -> Option<DateTime<Utc>>) -> Self {
        Self { name, value: Value::Instant(value) }
    }

    /// The name of the type in SQL.
    pub(super) fn sql_type(&self) -> &'static str {
        match self.value {
            Value::Text(_) | Value::Made(_) => "text",
            Value::Uuid(_) => "uuid",
            Value::Integer(_) => "integer",
            Value::Bigint(_) => "bigint",
            Value::Boolean(_) => "boolean",
            Value::Date(_) => "date",
            Value::Instant(_) => "timestamptz",
        }
    }

    /// Whether two records have the same value.
    pub(super) fn same(&self, one: &R, other: &R) -> bool {
        match self.value {
            Value::Text(value) => value(one) == value(other),
            Value::Made(value) => value(one) == value(other),
            Value::Uuid(value) => value(one) == value(other),
            Value::Integer(value) => value(one) == value(other),
            Value::Bigint(value) => value(one) == value(other),
            Value::Boolean(value) => value(one) == value(other),
            Value::Date(value) => value(one) == value(other),
            Value::Instant(value) => value(one) == value(other),
        }
    }

    /// Binds a record's value.
    pub(super) fn bind(&self, record: &R, to: Values) -> Values {
        match self.value {
            Value::Text(value) => to.bind(value(record)),
            Value::Made(value) => to.bind(value(record)),
            Value::Uuid(value) => to.bind(value(record)),
            Value::Integer(value) => to.bind(value(record)),
            Value::Bigint(value) => to.bind(value(record)),
            Value::Boolean(value) => to.bind(value(record)),
            Value::Date(value) => to.bind(value(record)),
            Value::Instant(value) => to.bind(value(record)),
        }
    }

    /// Binds the values of many records as an array.
    pub(super) fn bind_all(&self, records: &[&R], to: Values) -> Values {
        fn all<'r, R, T>(records: &[&'r R], value: fn(&'r R) -> T) -> Vec<T> {
            records.iter().map(|record| value(record)).collect()
        }
        match self.value {
            Value::Text(value) => to.bind(all(records, value)),
            Value::Made(value) => to.bind(all(records, value)),
            Value::Uuid(value) => to.bind(all(records, value)),
            Value::Integer(value) => to.bind(all(records, value)),
            Value::Bigint(value) => to.bind(all(records, value)),
            Value::Boolean(value) => to.bind(all(records, value)),
            Value::Date(value) => to.bind(all(records, value)),
            Value::Instant(value) => to.bind(all(records, value)),
        }
    }
}
