//! Values of filters, and how values of bodies compare with them.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::body::folded;
use super::fields::Kind;
use crate::filter::{Operator, Value};
use crate::list::written;
use crate::phone;

/// The values of a comparison, of the field's kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Texts(Vec<String>),
    /// In lower case.
    Folded(Vec<String>),
    Instants(Vec<DateTime<Utc>>),
    Dates(Vec<NaiveDate>),
    Wholes(Vec<i64>),
    Thousandths(Vec<i64>),
    Booleans(Vec<bool>),
    /// As they are written: what is there decides what they mean.
    Any(Vec<Value>),
    /// A text without case and accents, to be looked for.
    Part(String),
}

impl Operand {
    /// What the values mean, or what was expected instead.
    pub(super) fn of(kind: Kind, operator: Operator, values: &[Value]) -> Result<Self, String> {
        if matches!(operator, Operator::Contains | Operator::StartsWith) {
            return match values.first().map(written::text).unwrap_or_default() {
                text if text.is_empty() => Err("expected a text that is not empty".to_owned()),
                text => Ok(Self::Part(folded(&text))),
            };
        }
        Ok(match kind {
            Kind::Text => Self::Texts(values.iter().map(kept).collect()),
            Kind::Phone => Self::Texts(values.iter().map(number).collect()),
            Kind::Folded => Self::Folded(values.iter().map(|value| kept(value).to_lowercase()).collect()),
            Kind::Id => {
                Self::Texts(each(values, "an id", |text| text.parse::<Uuid>().ok().map(|id| id.to_string()))?)
            }
            Kind::Instant => {
                let expected =
                    "an instant such as 2026-01-31T09:30:00Z, or a day, which begins at 00:00 in UTC";
                Self::Instants(each(values, expected, written::instant)?)
            }
            Kind::Date => Self::Dates(each(values, "a day such as 2026-01-31", |text| text.parse().ok())?),
            Kind::Whole => Self::Wholes(each(values, "a whole number", |text| text.parse().ok())?),
            Kind::Decimal => {
                let expected = "a number such as 1250.5, with at most 3 digits after the point";
                Self::Thousandths(each(values, expected, written::thousandths)?)
            }
            Kind::Boolean => Self::Booleans(each(values, "true or false", |text| text.parse().ok())?),
            Kind::Any => Self::Any(values.to_vec()),
        })
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Texts(values) | Self::Folded(values) => values.len(),
            Self::Instants(values) => values.len(),
            Self::Dates(values) => values.len(),
            Self::Wholes(values) | Self::Thousandths(values) => values.len(),
            Self::Booleans(values) => values.len(),
            Self::Any(values) => values.len(),
            Self::Part(_) => 1,
        }
    }

    /// How a value of a body stands to one of these; nothing where it is of another kind.
    pub(super) fn compare(&self, found: &Json, at: usize) -> Option<Ordering> {
        match self {
            Self::Texts(values) => Some(found.as_str()?.cmp(values.get(at)?)),
            Self::Folded(values) => Some(found.as_str()?.to_lowercase().as_str().cmp(values.get(at)?)),
            Self::Instants(values) => {
                let instant = DateTime::parse_from_rfc3339(found.as_str()?).ok()?;
                Some(instant.to_utc().cmp(values.get(at)?))
            }
            Self::Dates(values) => Some(found.as_str()?.parse::<NaiveDate>().ok()?.cmp(values.get(at)?)),
            Self::Wholes(values) => Some(found.as_i64()?.cmp(values.get(at)?)),
            Self::Thousandths(values) => Some(thousandths(found)?.cmp(values.get(at)?)),
            Self::Booleans(values) => Some(found.as_bool()?.cmp(values.get(at)?)),
            Self::Any(values) => compare_any(found, values.get(at)?),
            Self::Part(_) => None,
        }
    }
}

fn each<T>(values: &[Value], expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let read = |value| {
        let text = written::text(value);
        let shown = || text.chars().take(60).collect::<String>();
        read(&text).ok_or_else(|| format!("expected {expected}, found {:?}", shown()))
    };
    values.iter().map(read).collect()
}

/// A value as texts are kept: trimmed, in Unicode's composed form.
fn kept(value: &Value) -> String {
    written::text(value).trim().nfc().collect()
}

/// A telephone number as it is kept, however it is written.
fn number(value: &Value) -> String {
    let written = kept(value);
    phone::international(&written).unwrap_or(written)
}

/// The thousandths of a number; nothing where it is no number, or too large a one.
#[expect(clippy::cast_possible_truncation, reason = "within the bounds that are asked for")]
fn thousandths(found: &Json) -> Option<i64> {
    /// Below it a double has all whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match found.as_i64() {
        Some(whole) => whole.checked_mul(1_000),
        None => found
            .as_f64()
            .map(|number| (number * 1_000.0).round())
            .filter(|n| n.abs() < EXACT)
            .map(|n| n as i64),
    }
}

/// Where nobody has said what the values are: the one that is there decides.
fn compare_any(found: &Json, value: &Value) -> Option<Ordering> {
    match found {
        Json::String(text) => Some(text.as_str().cmp(&written::text(value))),
        Json::Bool(boolean) => Some(boolean.cmp(&written::text(value).parse().ok()?)),
        Json::Number(number) => match (number.as_i64(), value) {
            (Some(number), Value::Integer(value)) => Some(number.cmp(value)),
            _ => number.as_f64()?.partial_cmp(&written::text(value).parse().ok()?),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
