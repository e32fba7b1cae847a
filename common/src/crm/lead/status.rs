//! How far a lead has come.

use serde::Serialize;
use sqlx::Postgres;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};

/// How far a lead has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nobody has spoken to it yet.
    New,
    /// Somebody has.
    Contacted,
    /// It may become business.
    Qualified,
    /// It became business.
    Converted,
    /// It will not.
    Lost,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::New, Self::Contacted, Self::Qualified, Self::Converted, Self::Lost];

    /// The stored and spoken name.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Contacted => "contacted",
            Self::Qualified => "qualified",
            Self::Converted => "converted",
            Self::Lost => "lost",
        }
    }
}

impl sqlx::Type<Postgres> for Status {
    fn type_info() -> PgTypeInfo {
        <str as sqlx::Type<Postgres>>::type_info()
    }

    fn compatible(other: &PgTypeInfo) -> bool {
        <str as sqlx::Type<Postgres>>::compatible(other)
    }
}

impl sqlx::Decode<'_, Postgres> for Status {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let name = value.as_str()?;
        let status = Self::ALL.into_iter().find(|status| status.name() == name);
        status.ok_or_else(|| format!("unknown status {name:?}").into())
    }
}
