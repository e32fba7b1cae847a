//! Imports and their rows, as they are shown.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::import::chunk::RowError;
use tenon_common::import::rows::RowOutcome;
use tenon_common::import::{Import, State};
use uuid::Uuid;

use super::options::{ImportBulkEvents, ImportMode, ImportObject, ImportOnDuplicate};
use super::reading::{self, ImportColumn, ImportReading};
use crate::http::actor::ActorBody;
use crate::http::timestamp::Timestamp;

/// Where an import stands.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ImportState {
    /// All of the file is looked at.
    Validating,
    /// It waits for its turn, or, after a dry run, to be resumed.
    Ready,
    /// Rows become records.
    Running,
    /// Every row was done.
    Succeeded,
    /// Some rows were done, others were refused.
    Partial,
    /// The file, or every row of it, was refused; or too many rows were.
    Failed,
    /// Somebody stopped it; what was done until then stays.
    Cancelled,
    /// What it did is taken back.
    Reverting,
    /// What it did was taken back.
    Reverted,
}

macro_rules! same_states {
    ($($state:ident),+) => {
        impl From<ImportState> for State {
            fn from(state: ImportState) -> Self {
                match state { $(ImportState::$state => Self::$state),+ }
            }
        }

        impl From<State> for ImportState {
            fn from(state: State) -> Self {
                match state { $(State::$state => Self::$state),+ }
            }
        }
    };
}

same_states!(Validating, Ready, Running, Succeeded, Partial, Failed, Cancelled, Reverting, Reverted);

/// A file whose rows become records.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Import", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ImportBody {
    /// The import's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// What the rows become.
    pub object: ImportObject,
    /// What rows may do.
    pub mode: ImportMode,
    /// The unique values by which a row finds its record.
    pub match_on: Vec<String>,
    /// What becomes of a new record whose unique value is taken.
    pub on_duplicate: ImportOnDuplicate,
    /// Which events the changes write.
    pub bulk_events: ImportBulkEvents,
    /// Whether nothing is kept.
    pub dry_run: bool,
    /// Where it stands.
    pub state: ImportState,
    /// The file's name, if it was sent with one.
    #[oai(nullable)]
    pub file_name: Option<String>,
    /// Bytes of the file.
    pub file_bytes: i64,
    /// The file's columns and what they are for, once they are known.
    pub columns: Vec<ImportColumn>,
    /// How the file was read; null until all of it was looked at. Of a file that is refused as a whole: as far as that was found out.
    #[oai(nullable)]
    pub reading: Option<ImportReading>,
    /// Rows of the file; null until all of it was looked at.
    #[oai(nullable)]
    pub total: Option<i64>,
    /// Rows that are done.
    pub processed: i64,
    /// New records.
    pub created: i64,
    /// Changed records.
    pub updated: i64,
    /// Rows whose record says the same already.
    pub unchanged: i64,
    /// Rows that were left out.
    pub skipped: i64,
    /// Rows that were refused.
    pub failed: i64,
    /// Records that a revert took back.
    pub reverted: i64,
    /// Records that a revert left alone, for somebody has changed them since.
    pub kept: i64,
    /// Why it failed as a whole: a code, such as `NOT_A_TABLE`, `IMPORT_MAPPING_INVALID` or `TOO_MANY_ERRORS`.
    #[oai(nullable)]
    pub failure: Option<String>,
    /// The same in words.
    #[oai(nullable)]
    pub failure_message: Option<String>,
    /// Rows a second since it began.
    #[oai(nullable)]
    pub rows_per_second: Option<f64>,
    /// Seconds until its last row, if it goes on as it does.
    #[oai(nullable)]
    pub seconds_left: Option<i64>,
    /// When its first row was begun.
    #[oai(nullable)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[oai(nullable)]
    pub finished_at: Option<Timestamp>,
    /// Until when it can be reverted.
    #[oai(nullable)]
    pub revert_until: Option<Timestamp>,
    /// Since when its file and what became of its rows are kept no longer; null while they are.
    #[oai(nullable)]
    pub expired_at: Option<Timestamp>,
    /// Counts changes of its state, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: ActorBody,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
}

impl From<Import> for ImportBody {
    fn from(import: Import) -> Self {
        let (counts, options) = (import.counts(), import.options());
        Self {
            id: import.id.0,
            tenant_id: import.tenant_id.0,
            object: options.object.into(),
            mode: options.mode.into(),
            match_on: options.match_on.clone(),
            on_duplicate: options.on_duplicate.into(),
            bulk_events: options.bulk_events.into(),
            dry_run: import.dry_run,
            state: import.state().into(),
            columns: reading::columns(&import),
            reading: import.reading().map(ImportReading::from),
            total: import.total,
            processed: import.committed_through_row,
            created: counts.created,
            updated: counts.updated,
            unchanged: counts.unchanged,
            skipped: counts.skipped,
            failed: counts.failed,
            reverted: import.reverted,
            kept: import.kept,
            rows_per_second: import.rows_per_second(),
            seconds_left: import.seconds_left(),
            file_name: import.file_name,
            file_bytes: import.file_bytes,
            failure: import.failure,
            failure_message: import.failure_message,
            started_at: import.started_at.map(Timestamp),
            finished_at: import.finished_at.map(Timestamp),
            revert_until: import.revert_until.map(Timestamp),
            expired_at: import.expired_at.map(Timestamp),
            version: import.version,
            created_at: import.created_at.into(),
            created_by: import.created_by.into(),
            updated_at: import.updated_at.into(),
            updated_by: import.updated_by.into(),
        }
    }
}

/// What became of a row.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename = "ImportRowOutcome", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum RowOutcomeName {
    /// A new record.
    Created,
    /// A record that was there was changed.
    Updated,
    /// The record says the same already.
    Unchanged,
    /// It was left out.
    Skipped,
    /// It was refused.
    Failed,
}

impl RowOutcomeName {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Created, "created"),
        (Self::Updated, "updated"),
        (Self::Unchanged, "unchanged"),
        (Self::Skipped, "skipped"),
        (Self::Failed, "failed"),
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(outcome, _)| *outcome == self).map_or("", |(_, name)| name)
    }

    fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map_or(Self::Failed, |(outcome, _)| outcome)
    }
}

/// What became of a row of an import.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ImportRow", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ImportRowBody {
    /// The row's number in the file, from 1; the header is none.
    pub row: i64,
    /// What became of it.
    pub outcome: RowOutcomeName,
    /// The record; of a row that was refused or left out, the one that is in the way.
    #[oai(nullable)]
    pub id: Option<Uuid>,
    /// Every reason why it was refused or left out.
    pub errors: Vec<ImportRowError>,
}

/// Why a row was refused or left out.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ImportRowError", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ImportRowError {
    /// The column, if it is about one.
    #[oai(nullable)]
    pub column: Option<String>,
    /// The field, if it is about one.
    #[oai(nullable)]
    pub field: Option<String>,
    /// Which rule: `INVALID_EMAIL`, `DUPLICATE`, `WRONG_CELL_COUNT`, …
    pub code: String,
    /// In words.
    pub message: String,
    /// What the cell said, at most 200 characters of it.
    #[oai(nullable)]
    pub value: Option<String>,
}

impl From<RowOutcome> for ImportRowBody {
    fn from(row: RowOutcome) -> Self {
        Self {
            row: row.row,
            outcome: RowOutcomeName::of(row.outcome),
            id: row.id,
            errors: row.errors.into_iter().map(ImportRowError::from).collect(),
        }
    }
}

impl From<RowError> for ImportRowError {
    fn from(error: RowError) -> Self {
        let RowError { column, field, code, message, value, .. } = error;
        Self { column, field, code, message, value }
    }
}
