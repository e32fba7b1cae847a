//! What an activity is.

use serde::Serialize;
use sqlx::Postgres;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};

/// What an activity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivityKind {
    /// Somebody was called, or called.
    Call,
    /// An e-mail went to and fro.
    Email,
    /// People met.
    Meeting,
    /// Something to remember.
    Note,
    /// Something to do.
    Task,
    /// A message of another kind.
    Message,
}

impl ActivityKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Call, Self::Email, Self::Meeting, Self::Note, Self::Task, Self::Message];

    /// The stored and spoken name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Email => "email",
            Self::Meeting => "meeting",
            Self::Note => "note",
            Self::Task => "task",
            Self::Message => "message",
        }
    }

    /// The kind of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl sqlx::Type<Postgres> for ActivityKind {
    fn type_info() -> PgTypeInfo {
        <str as sqlx::Type<Postgres>>::type_info()
    }

    fn compatible(other: &PgTypeInfo) -> bool {
        <str as sqlx::Type<Postgres>>::compatible(other)
    }
}

impl sqlx::Decode<'_, Postgres> for ActivityKind {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let name = value.as_str()?;
        Self::parse(name).ok_or_else(|| format!("unknown kind {name:?}").into())
    }
}
