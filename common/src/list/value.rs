//! From values as they are written to values that can be bound.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::filter::Value;
use crate::list::field::Kind;
use crate::list::statement::Statement;

/// Values of one type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    Text(Vec<String>),
    Uuid(Vec<Uuid>),
    Instant(Vec<DateTime<Utc>>),
    Date(Vec<NaiveDate>),
    Integer(Vec<i64>),
    Boolean(Vec<bool>),
}

impl Values {
    /// What the values of a field mean, or what was expected instead.
    pub(super) fn of(kind: Kind, values: &[Value]) -> Result<Self, String> {
        fn each<T>(
            values: &[Value],
            expected: &str,
            read: impl Fn(&str) -> Option<T>,
        ) -> Result<Vec<T>, String> {
            let read = |value| {
                let text = text(value);
                read(&text).ok_or_else(|| {
                    format!("expected {expected}, found {:?}", text.chars().take(60).collect::<String>())
                })
            };
            values.iter().map(read).collect()
        }
        Ok(match kind {
            Kind::Text | Kind::Many { .. } => Self::Text(values.iter().map(kept).collect()),
            Kind::Folded => Self::Text(values.iter().map(|value| kept(value).to_lowercase()).collect()),
            Kind::Uuid | Kind::ManyIds { .. } => Self::Uuid(each(values, "an id", |text| text.parse().ok())?),
            Kind::Instant => {
                let expected =
                    "an instant such as 2026-01-31T09:30:00Z, or a day, which begins at 00:00 in UTC";
                Self::Instant(each(values, expected, instant)?)
            }
            Kind::Date => Self::Date(each(values, "a day such as 2026-01-31", |text| text.parse().ok())?),
            Kind::Integer => Self::Integer(each(values, "a whole number", |text| text.parse().ok())?),
            Kind::Thousandths => {
                let expected = "a number such as 1250.5, with at most 3 digits after the point";
                Self::Integer(each(values, expected, thousandths)?)
            }
            Kind::Boolean => Self::Boolean(each(values, "true or false", |text| text.parse().ok())?),
        })
    }

    /// Binds the first.
    pub(super) fn bind_first(&self, statement: &mut Statement) {
        match self {
            Self::Text(values) => statement.bind(values.first().cloned()),
            Self::Uuid(values) => statement.bind(values.first().copied()),
            Self::Instant(values) => statement.bind(values.first().copied()),
            Self::Date(values) => statement.bind(values.first().copied()),
            Self::Integer(values) => statement.bind(values.first().copied()),
            Self::Boolean(values) => statement.bind(values.first().copied()),
        }
    }

    /// Binds the last.
    pub(super) fn bind_last(&self, statement: &mut Statement) {
        if let Some(last) = self.each().last() {
            last.bind_first(statement);
        }
    }

    /// Each of them alone.
    pub(super) fn each(&self) -> Vec<Self> {
        fn alone<T: Clone>(values: &[T], of: fn(Vec<T>) -> Values) -> Vec<Values> {
            values.iter().map(|value| of(vec![value.clone()])).collect()
        }
        match self {
            Self::Text(values) => alone(values, Self::Text),
            Self::Uuid(values) => alone(values, Self::Uuid),
            Self::Instant(values) => alone(values, Self::Instant),
            Self::Date(values) => alone(values, Self::Date),
            Self::Integer(values) => alone(values, Self::Integer),
            Self::Boolean(values) => alone(values, Self::Boolean),
        }
    }

    /// Binds all of them as an array.
    pub(super) fn bind_all(&self, statement: &mut Statement) {
        match self {
            Self::Text(values) => statement.bind(values.clone()),
            Self::Uuid(values) => statement.bind(values.clone()),
            Self::Instant(values) => statement.bind(values.clone()),
            Self::Date(values) => statement.bind(values.clone()),
            Self::Integer(values) => statement.bind(values.clone()),
            Self::Boolean(values) => statement.bind(values.clone()),
        }
    }
}

/// A value as texts are kept: trimmed, in Unicode's composed form.
fn kept(value: &Value) -> String {
    text(value).trim().nfc().collect()
}

/// A value as the text that it was written as.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
    }
}

/// The thousandths of a number in its usual writing.
pub(crate) fn thousandths(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !number(whole) || !number(fraction) || fraction.len() > 3 {
        return None;
    }
    let thousandths: i64 = format!("{whole}{fraction:0<3}").parse().ok()?;
    Some(if negative { -thousandths } else { thousandths })
}

/// An instant of RFC 3339, or the beginning of a day; no further from 1970 than a thousand years.
pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let at = match text.parse::<NaiveDate>() {
        Ok(day) => day.and_time(NaiveTime::MIN).and_utc(),
        Err(_) => DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
    };
    ((at - DateTime::UNIX_EPOCH).num_days().abs() <= 365_242).then_some(at)
}
