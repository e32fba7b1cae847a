//! What became of a row.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::import::Counts;

/// Why a row was refused or left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowError {
    /// The column, if it is about one.
    pub column: Option<String>,
    /// The field, if it is about one.
    pub field: Option<String>,
    /// Which rule: `INVALID_EMAIL`, `DUPLICATE`, …
    pub code: String,
    /// For people.
    pub message: String,
    /// What the cell said.
    pub value: Option<String>,
    /// The record that is in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Uuid>,
}

impl RowError {
    /// About a row as a whole.
    pub(super) fn of_row(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), ..Self::default() }
    }
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new record.
    Created {
        /// Its id.
        id: Uuid,
    },
    /// A record that was there was changed.
    Updated {
        /// Its id.
        id: Uuid,
        /// The fields that the row speaks of, as they were: a JSON object of texts.
        before: String,
        /// Its version now.
        version: i64,
    },
    /// The record says the same already.
    Unchanged {
        /// Its id.
        id: Uuid,
    },
    /// It was left out, and why.
    Skipped(Vec<RowError>),
    /// It was refused, and why.
    Failed(Vec<RowError>),
}

impl Outcome {
    /// As it is kept: a letter.
    pub fn letter(&self) -> char {
        match self {
            Self::Created { .. } => 'c',
            Self::Updated { .. } => 'u',
            Self::Unchanged { .. } => 'n',
            Self::Skipped(_) => 's',
            Self::Failed(_) => 'f',
        }
    }

    /// The name of a letter.
    pub fn name(letter: char) -> &'static str {
        match letter {
            'c' => "created",
            'u' => "updated",
            'n' => "unchanged",
            's' => "skipped",
            _ => "failed",
        }
    }

    /// The letter of a name.
    pub fn letter_of(name: &str) -> Option<char> {
        ['c', 'u', 'n', 's', 'f'].into_iter().find(|letter| Self::name(*letter) == name)
    }

    /// The record, if there is one.
    pub(super) fn id(&self) -> Option<Uuid> {
        match self {
            Self::Created { id } | Self::Updated { id, .. } | Self::Unchanged { id } => Some(*id),
            Self::Skipped(_) | Self::Failed(_) => None,
        }
    }

    /// What a revert needs of it: the record's version now, and its fields before, if there was one.
    pub(super) fn trace(&self) -> (Option<i64>, Option<&str>) {
        match self {
            Self::Created { .. } => (Some(1), None),
            Self::Updated { before, version, .. } => (Some(*version), Some(before)),
            _ => (None, None),
        }
    }

    /// Why, of a row that did nothing: whether it failed, and the errors.
    pub(super) fn errors(&self) -> Option<(&'static str, &[RowError])> {
        match self {
            Self::Skipped(errors) => Some(("skipped", errors)),
            Self::Failed(errors) => Some(("failed", errors)),
            _ => None,
        }
    }

    /// After a dry run: records that would be new are not there.
    pub(super) fn forget_records(&mut self, is_new: impl Fn(Uuid) -> bool) {
        match self {
            Self::Created { id } => *id = Uuid::nil(),
            Self::Updated { id, .. } | Self::Unchanged { id } if is_new(*id) => *id = Uuid::nil(),
            Self::Updated { .. } | Self::Unchanged { .. } => {}
            Self::Skipped(errors) | Self::Failed(errors) => {
                errors.iter_mut().for_each(|error| error.record = error.record.filter(|id| !is_new(*id)));
            }
        }
    }
}

/// How many rows each became of.
pub(super) fn count(outcomes: &[Outcome]) -> Counts {
    let mut counts = Counts::default();
    for outcome in outcomes {
        match outcome {
            Outcome::Created { .. } => counts.created += 1,
            Outcome::Updated { .. } => counts.updated += 1,
            Outcome::Unchanged { .. } => counts.unchanged += 1,
            Outcome::Skipped(_) => counts.skipped += 1,
            Outcome::Failed(_) => counts.failed += 1,
        }
    }
    counts
}
