//! The rows of `tenon.imports`: made, read, stopped, gone on with and taken back.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::account::role::Role;
use crate::actor::{Actor, ActorReference, Principal};
use crate::db::TenantTx;
use crate::db::record::record;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::id::{ImportId, TenantId, UserId};
use crate::import::mapping::{self, Column};
use crate::import::reader::Layout;
use crate::import::{Options, RevertImport, RunImport, State, ValidateImport, file};
use crate::job::{self, Job};
use crate::page::{Page, SortKey, Window};
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
    delimiter: Option<String>,
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
    delimiter,
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

/// What became of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// New records.
    pub created: i64,
    /// Changed records.
    pub updated: i64,
    /// Records that said the same already.
    pub unchanged: i64,
    /// Rows that were left out.
    pub skipped: i64,
    /// Rows that were refused.
    pub failed: i64,
}

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
    pub(super) fn rows(&self) -> Option<(&str, u64, Layout)> {
        let layout = match (self.rows_format.as_deref()?, &self.delimiter) {
            ("csv", Some(delimiter)) => Layout::Csv(*delimiter.as_bytes().first()?),
            _ => Layout::Ndjson,
        };
        Some((self.rows_key.as_deref()?, self.rows_bytes?.unsigned_abs(), layout))
    }

    /// Where the next chunk begins: the byte, and the number of the row.
    pub(super) fn place(&self) -> (u64, i64) {
        (self.committed_through_byte.unsigned_abs(), self.committed_through_row + 1)
    }

    pub(super) fn fence(&self) -> i64 {
        self.fence
    }

    pub(super) fn errors_allowed(&self) -> Option<i64> {
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

    /// Refuses what is asked of its rows once they are kept no longer.
    pub(super) fn check_kept(&self) -> Result<()> {
        match self.expired_at {
            None => Ok(()),
            Some(_) => Err(Error::Expired("What became of the rows of this import is kept no longer")),
        }
    }

    /// As its events show it.
    pub(super) fn shown(&self) -> Value {
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

/// A file that was sent.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub name: Option<String>,
    /// Its bytes.
    pub bytes: u64,
}

/// An import to make, whose file is in the storage already.
#[derive(Clone, Debug)]
pub struct NewImport {
    /// Its id, which the file's key has.
    pub id: ImportId,
    /// How.
    pub options: Options,
    /// The file.
    pub file: File,
    /// The columns, where they are known by now.
    pub columns: Vec<String>,
}

/// Makes an import and the job that looks at its file.
pub async fn create(tx: &mut TenantTx<'_>, new: NewImport) -> Result<Import> {
    let actor = tx.actor().clone();
    let by = actor.principal.reference().to_string();
    let allowed = new.options.max_errors.and_then(|most| i64::try_from(most).ok());
    let made: Import = sqlx::query_as(concat!(
        "insert into tenon.imports (tenant_id, id, object, state, dry_run, options, file_name, file_bytes, file_key, columns,
                                    errors_allowed, role, user_id, created_at, created_by, updated_at, updated_by)
         values ($1, $2, $3, 'validating', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13, $14)
         returning ",
        columns!()
    ))
    .bind(actor.tenant)
    .bind(new.id)
    .bind(new.options.object.name())
    .bind(new.options.dry_run)
    .bind(Json(&new.options))
    .bind(new.file.name)
    .bind(i64::try_from(new.file.bytes).map_err(Error::internal)?)
    .bind(file::key(actor.tenant, new.id))
    .bind(new.columns)
    .bind(allowed)
    .bind(actor.role.name())
    .bind(actor.principal.user())
    .bind(wire::now())
    .bind(by)
    .fetch_one(tx.conn())
    .await?;
    enqueue(tx, &ValidateImport { tenant_id: actor.tenant, import_id: new.id }).await?;
    Ok(made)
}

async fn enqueue<J: Job>(tx: &mut TenantTx<'_>, job: &J) -> Result<()> {
    let lane = tx.actor().tenant.0;
    job::enqueue(tx.conn(), Some(lane), job).await?;
    tx.enqueued(J::QUEUE);
    Ok(())
}

/// Has its rows made.
pub(super) async fn enqueue_run(tx: &mut TenantTx<'_>, import: ImportId) -> Result<()> {
    let tenant_id = tx.actor().tenant;
    enqueue(tx, &RunImport { tenant_id, import_id: import }).await
}

/// An import.
pub async fn get(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let found = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.imports where tenant_id = $1 and id = $2"
    ));
    found
        .bind(tx.actor().tenant)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(Error::NotFound(EntityKind::Import))
}

/// The same, which nobody else changes meanwhile.
pub(super) async fn lock(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let found = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.imports where tenant_id = $1 and id = $2 for no key update"
    ));
    found
        .bind(tx.actor().tenant)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(Error::NotFound(EntityKind::Import))
}

/// Imports, newest first.
pub async fn list(tx: &mut TenantTx<'_>, state: Option<State>, window: &Window) -> Result<Page<Import>> {
    let state = state.map(State::name);
    let last = window.last();
    let items = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.imports
         where tenant_id = $1 and ($2::text is null or state = $2)
           and ($3::timestamptz is null or (created_at, id) < ($3, $4))
         order by created_at desc, id desc limit $5 offset $6"
    ))
    .bind(tx.actor().tenant)
    .bind(state)
    .bind(last.map(|last| last.at))
    .bind(last.map(|last| last.id))
    .bind(window.fetch())
    .bind(window.offset())
    .fetch_all(tx.conn())
    .await?;
    let total = match window.counts() {
        true => Some(find_totals(tx, state).await?),
        false => None,
    };
    Ok(Page::of(items, total, window))
}

/// How many imports there are in a state, or at all.
pub async fn find_totals(tx: &mut TenantTx<'_>, state: Option<&str>) -> Result<i64> {
    let count =
        "select count(*) from tenon.imports where tenant_id = $1 and ($2::text is null or state = $2)";
    Ok(sqlx::query_scalar(count).bind(tx.actor().tenant).bind(state).fetch_one(tx.conn()).await?)
}

/// Stops an import. The chunk that is under way is the last; what was done stays.
pub async fn cancel(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let import = lock(tx, id).await?;
    match import.state() {
        State::Cancelled => return Ok(import),
        State::Validating | State::Ready | State::Running => {}
        other => return Err(Error::state(format!("An import that is {} cannot be cancelled", other.name()))),
    }
    set_state(tx, id, "state = 'cancelled', finished_at = now()").await
}

/// Goes on with an import that was cancelled or failed, or runs one that was a dry run.
pub async fn resume(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let import = lock(tx, id).await?;
    if import.expired_at.is_some() || import.revert_until.is_some_and(|until| until < Utc::now()) {
        return Err(Error::state("The file of this import is kept no longer"));
    }
    let is_known = import.total.is_some();
    let set = match import.state() {
        State::Ready if import.dry_run && import.finished_at.is_some() => {
            // From the beginning, and for good.
            "state = 'ready', dry_run = false, options = jsonb_set(options, '{dryRun}', 'false'), finished_at = null, started_at = null,
             committed_through_row = 0, committed_through_byte = rows_begin,
             created = 0, updated = 0, unchanged = 0, skipped = 0, failed = 0, fence = fence + 1"
        }
        State::Cancelled | State::Failed if is_known => {
            "state = 'ready', finished_at = null, failure = null, failure_message = null,
             errors_allowed = failed + (options ->> 'maxErrors')::bigint"
        }
        State::Cancelled => "state = 'validating', finished_at = null",
        // Not the file's fault.
        State::Failed if matches!(import.failure.as_deref(), Some("GIVEN_UP" | "INTERNAL")) => {
            "state = 'validating', finished_at = null, failure = null, failure_message = null"
        }
        other => return Err(Error::state(format!("An import that is {} cannot be resumed", other.name()))),
    };
    let resumed = set_state(tx, id, set).await?;
    let tenant_id = tx.actor().tenant;
    match resumed.state() {
        State::Validating => enqueue(tx, &ValidateImport { tenant_id, import_id: id }).await?,
        _ => enqueue_run(tx, id).await?,
    }
    Ok(resumed)
}

/// Has what an import did taken back.
pub async fn revert(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let import = lock(tx, id).await?;
    let state = import.state();
    if state == State::Reverting {
        return Ok(import);
    }
    if !state.can_be_reverted() {
        return Err(Error::state(format!("An import that is {} cannot be reverted", state.name())));
    }
    if import.revert_until.is_none_or(|until| until < Utc::now()) {
        return Err(Error::state("There is nothing to take back, or what it takes is kept no longer"));
    }
    let reverting = set_state(tx, id, "state = 'reverting'").await?;
    enqueue(tx, &RevertImport { tenant_id: import.tenant_id, import_id: id }).await?;
    Ok(reverting)
}

/// Changes an import that is locked. `set` is one of the texts of this package.
pub(super) async fn set_state(tx: &mut TenantTx<'_>, id: ImportId, set: &'static str) -> Result<Import> {
    let statement = format!(
        "update tenon.imports set {set}, version = version + 1, updated_at = now(), updated_by = $3
         where tenant_id = $1 and id = $2 returning {}",
        columns!()
    );
    let by = tx.actor().principal.reference().to_string();
    let changed = sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(tx.actor().tenant).bind(id).bind(by);
    Ok(changed.fetch_one(tx.conn()).await?)
}
