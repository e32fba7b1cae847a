//! An import as its row has it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::actor::{Actor, ActorReference, Principal};
use crate::db::record::record;
use crate::error::{Error, Result};
use crate::id::{ImportId, TenantId, UserId};
use crate::import::mapping::{self, Column};
use crate::import::reader::Layout;
use crate::import::reader::csv::Dialect;
use crate::import::reading::FileReading;
use crate::import::{Counts, FileFormat, Options, State};
use crate::page::SortKey;
use crate::role::Role;
use crate::wire;

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// Whose.
    pub tenant_id: TenantId,
    state: String,
    /// Whether nothing is kept.
    pub dry_run: bool,
    options: Json<Options>,
    /// The file's name, if it was sent with one.
    pub file_name: Option<String>,
    /// Bytes of the file.
    pub file_bytes: i64,
    file_key: String,
    rows_key: Option<String>,
    rows_format: Option<String>,
    rows_bytes: Option<i64>,
    rows_begin: i64,
    delimiter: Option<String>,
    reading: Option<Json<FileReading>>,
    /// The names of the columns, as far as they are known.
    pub columns: Vec<String>,
    /// Rows of the file, once all of it was looked at.
    pub total: Option<i64>,
    /// Rows that are done.
    pub committed_through_row: i64,
    committed_through_byte: i64,
    created: i64,
    updated: i64,
    unchanged: i64,
    skipped: i64,
    failed: i64,
    /// Records that a revert took back.
    pub reverted: i64,
    /// Records that a revert left alone, for they were changed since.
    pub kept: i64,
    errors_allowed: Option<i64>,
    fence: i64,
    /// Why it failed as a whole: a code.
    pub failure: Option<String>,
    /// The same in words.
    pub failure_message: Option<String>,
    role: String,
    user_id: Option<UserId>,
    /// When its first row was begun.
    pub started_at: Option<DateTime<Utc>>,
    /// When its last row was done.
    pub finished_at: Option<DateTime<Utc>>,
    /// Until when it can be taken back.
    pub revert_until: Option<DateTime<Utc>>,
    /// Since when its files and what became of its rows are kept no longer.
    pub expired_at: Option<DateTime<Utc>>,
    /// Counts changes of its state, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: ActorReference,
}

record!(Import {
    id,
    tenant_id,
    state,
    dry_run,
    options,
    file_name,
    file_bytes,
    file_key,
    rows_key,
    rows_format,
    rows_bytes,
    rows_begin,
    delimiter,
    reading,
    columns,
    total,
    committed_through_row,
    committed_through_byte,
    created,
    updated,
    unchanged,
    skipped,
    failed,
    reverted,
    kept,
    errors_allowed,
    fence,
    failure,
    failure_message,
    role,
    user_id,
    started_at,
    finished_at,
    revert_until,
    expired_at,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
});

pub(super) use columns;

impl Import {
    /// Where it stands.
    pub fn state(&self) -> State {
        State::parse(&self.state).unwrap_or(State::Failed)
    }

    /// How it is done.
    pub fn options(&self) -> &Options {
        &self.options.0
    }

    /// What became of its rows.
    pub fn counts(&self) -> Counts {
        Counts {
            created: self.created,
            updated: self.updated,
            unchanged: self.unchanged,
            skipped: self.skipped,
            failed: self.failed,
        }
    }

    /// Its columns and what they are for. Of a mapping that does not fit, nothing is.
    pub fn mapping(&self) -> Vec<Column> {
        let unmapped = |name: &String| Column { name: name.clone(), field: None, guessed: false };
        mapping::of(&self.columns, self.options())
            .unwrap_or_else(|_| self.columns.iter().map(unmapped).collect())
    }

    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.id.0 }
    }

    /// As whom its records are made.
    pub fn actor(&self) -> Result<Actor> {
        Ok(Actor {
            tenant: self.tenant_id,
            principal: Principal::Import(self.id, self.user_id),
            role: Role::parse(&self.role)?,
            origin: crate::actor::Origin::default(),
        })
    }

    /// Its file in the storage, and how many bytes.
    pub fn file(&self) -> (&str, u64) {
        (&self.file_key, self.file_bytes.unsigned_abs())
    }

    /// Where rows are read from, if that is known.
    pub(in crate::import) fn rows(&self) -> Option<(&str, u64, Layout)> {
        let layout = match (self.rows_format.as_deref()?, &self.delimiter) {
            ("csv", Some(delimiter)) => Layout::Csv(self.dialect(*delimiter.as_bytes().first()?)),
            _ => Layout::Ndjson,
        };
        Some((self.rows_key.as_deref()?, self.rows_bytes?.unsigned_abs(), layout))
    }

    /// The byte where its first row begins, in what rows are read from.
    pub(in crate::import) fn rows_begin(&self) -> u64 {
        self.rows_begin.unsigned_abs()
    }

    fn dialect(&self, delimiter: u8) -> Dialect {
        let reading = self.reading();
        Dialect {
            delimiter,
            backslash: reading.is_some_and(|reading| reading.backslash),
            typed: reading.is_some_and(|reading| reading.format == FileFormat::Xlsx),
        }
    }

    /// How its file was read, once all of it was looked at; of one that is refused as far as that was found out.
    pub fn reading(&self) -> Option<&FileReading> {
        self.reading.as_ref().map(|reading| &reading.0)
    }

    /// Where the next chunk begins: the byte, and the number of the row.
    pub(in crate::import) fn place(&self) -> (u64, i64) {
        (self.committed_through_byte.unsigned_abs(), self.committed_through_row + 1)
    }

    pub(in crate::import) fn fence(&self) -> i64 {
        self.fence
    }

    pub(in crate::import) fn errors_allowed(&self) -> Option<i64> {
        self.errors_allowed
    }

    /// Rows a second since it began, while it runs and once it has ended.
    pub fn rows_per_second(&self) -> Option<f64> {
        let until = self.finished_at.unwrap_or_else(Utc::now);
        let milliseconds = (until - self.started_at?).num_milliseconds();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.committed_through_row as f64 * 1000.0 / milliseconds.max(1) as f64;
        Some((rate * 10.0).round() / 10.0)
    }

    /// Seconds until its last row, if it goes on as it does.
    pub fn seconds_left(&self) -> Option<i64> {
        let left = self.total? - self.committed_through_row;
        let rate = self.rows_per_second().filter(|rate| *rate > 0.0 && self.state() == State::Running)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a guess for people"
        )]
        let seconds = (left as f64 / rate).ceil() as i64;
        Some(seconds)
    }

    /// Whether somebody may go on with it, one that failed too: its rows were counted, or it was not the file's fault.
    pub(in crate::import) fn can_be_resumed(&self) -> bool {
        let not_the_files = matches!(self.failure.as_deref(), Some("GIVEN_UP" | "INTERNAL"));
        self.state() != State::Failed || self.total.is_some() || not_the_files
    }

    /// Refuses who sees less than whom its records are made as: its rows may be of records that the caller does not see.
    pub(in crate::import) fn check_reach(&self, caller: &Actor) -> Result<()> {
        caller.reach(Role::parse(&self.role)?, self.user_id)
    }

    /// Refuses what is asked of its rows once they are kept no longer.
    pub(in crate::import) fn check_kept(&self) -> Result<()> {
        match self.expired_at {
            None => Ok(()),
            Some(_) => Err(Error::Expired("What became of the rows of this import is kept no longer")),
        }
    }

    /// As its events show it.
    pub(in crate::import) fn shown(&self) -> Value {
        let (counts, options) = (self.counts(), self.options());
        let columns = self.mapping().into_iter();
        let column =
            |column: Column| json!({"name": column.name, "field": column.field, "guessed": column.guessed});
        json!({
            "id": self.id,
            "tenantId": self.tenant_id,
            "object": options.object,
            "mode": options.mode,
            "matchOn": options.match_on,
            "onDuplicate": options.on_duplicate,
            "bulkEvents": options.bulk_events,
            "dryRun": self.dry_run,
            "state": self.state,
            "fileName": self.file_name,
            "fileBytes": self.file_bytes,
            "columns": columns.map(column).collect::<Vec<_>>(),
            "total": self.total,
            "processed": self.committed_through_row,
            "created": counts.created,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "skipped": counts.skipped,
            "failed": counts.failed,
            "reverted": self.reverted,
            "kept": self.kept,
            "failure": self.failure,
            "failureMessage": self.failure_message,
            "rowsPerSecond": self.rows_per_second(),
            "secondsLeft": self.seconds_left(),
            "startedAt": self.started_at.map(wire::instant),
            "finishedAt": self.finished_at.map(wire::instant),
            "revertUntil": self.revert_until.map(wire::instant),
            "expiredAt": self.expired_at.map(wire::instant),
            "version": self.version,
            "createdAt": wire::instant(self.created_at),
            "createdBy": self.created_by,
            "updatedAt": wire::instant(self.updated_at),
            "updatedBy": self.updated_by,
        })
    }
}
