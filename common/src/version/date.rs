//! The day by which a version is called.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use sqlx::Postgres;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};

/// A version by its day, `2026-01-01`: one that there is, was, or will be. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion(NaiveDate);

impl ApiVersion {
    /// The first that there ever was. What is kept without a version is of this one.
    pub const FIRST: Self = Self(NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day"));
}

/// A text that is no day of this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a day such as 2026-01-01")]
pub struct NoVersion;

impl FromStr for ApiVersion {
    type Err = NoVersion;

    /// Ten characters, nothing around them: `2026-1-1` and `+2026-01-01` are days elsewhere, and would be other names for one.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let is_formed = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| is_formed);
        day.map(Self).ok_or(NoVersion)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.format("%Y-%m-%d"))
    }
}

impl Serialize for ApiVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl sqlx::Type<Postgres> for ApiVersion {
    fn type_info() -> PgTypeInfo {
        <str as sqlx::Type<Postgres>>::type_info()
    }

    fn compatible(other: &PgTypeInfo) -> bool {
        <str as sqlx::Type<Postgres>>::compatible(other)
    }
}

impl sqlx::Decode<'_, Postgres> for ApiVersion {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(value.as_str()?.parse()?)
    }
}
