//! Taking back what an import did, chunk by chunk from the last: new records are deleted, changed ones say again what they said.
//! What somebody changed since is left alone, and counted.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::crm::record::batch::{self, Edit};
use crate::db::{Bulk, TenantTx};
use crate::error::{Error, Result};
use crate::id::ImportId;
use crate::import::chunk::ROWS_AT_ONCE;
use crate::import::fields::{Formats, Importable};
use crate::import::object::dispatch;
use crate::import::run::{self, Run};
use crate::import::store;
use crate::import::{BulkEvents, State};

/// How far a revert has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reverted {
    /// More follows.
    More,
    /// That was all.
    All,
    /// Another run has taken over: nothing was done.
    Superseded,
}

/// What makes a draft say again what it said.
type Restore<D> = Box<dyn FnOnce(D) -> D + Send>;

#[derive(sqlx::FromRow)]
struct Done {
    first_row: i64,
    outcomes: String,
    ids: Vec<Option<Uuid>>,
    before: Vec<Option<String>>,
    versions: Vec<Option<i64>>,
}

/// Takes back the last chunk that is not taken back yet.
pub async fn step(tx: &mut TenantTx<'_>, run: &Run) -> Result<Reverted> {
    let Some(now) = run::is_at_work(tx, run, State::Reverting).await? else {
        return Ok(Reverted::Superseded);
    };
    let Some(done) = last(tx, now.id).await? else {
        let ended = store::set_state(tx, now.id, "state = 'reverted', revert_until = null").await?;
        run::tell(tx, &ended).await?;
        return Ok(Reverted::All);
    };
    let each = now.options().bulk_events == BulkEvents::All;
    tx.set_bulk(Some(Bulk { import: now.id, each }));
    let (reverted, kept) = dispatch!(now.options().object, R => chunk::<R>(tx, now.id, &done).await)?;
    sqlx::query(
        "with chunk as (
             update tenon.import_chunks set reverted_at = now() where tenant_id = $1 and import_id = $2 and first_row = $3
         )
         update tenon.imports set reverted = reverted + $4, kept = kept + $5, updated_at = now() where tenant_id = $1 and id = $2",
    )
    .bind(tx.actor().tenant)
    .bind(now.id)
    .bind(done.first_row)
    .bind(reverted)
    .bind(kept)
    .execute(tx.conn())
    .await?;
    Ok(Reverted::More)
}

async fn last(tx: &mut TenantTx<'_>, import: ImportId) -> Result<Option<Done>> {
    let last = "select first_row, outcomes, ids, before, versions from tenon.import_chunks
                where tenant_id = $1 and import_id = $2 and reverted_at is null
                order by first_row desc limit 1";
    Ok(sqlx::query_as(last).bind(tx.actor().tenant).bind(import).fetch_optional(tx.conn()).await?)
}

/// What became of a row: its outcome's letter, the record, its fields before and its version after.
type Row<'d> = (char, Option<Uuid>, Option<&'d str>, Option<i64>);

impl Done {
    /// The last row that changed a record is the first to be taken back.
    fn rows_from_the_last(&self) -> Vec<Row<'_>> {
        let traces = self.before.iter().zip(&self.versions);
        let rows = self.outcomes.chars().zip(&self.ids).zip(traces);
        let mut rows: Vec<_> = rows
            .map(|((outcome, id), (before, version))| (outcome, *id, before.as_deref(), *version))
            .collect();
        rows.reverse();
        rows
    }
}

/// How many records were taken back, and how many left alone.
async fn chunk<R: Importable>(tx: &mut TenantTx<'_>, import: ImportId, done: &Done) -> Result<(i64, i64)> {
    let from = Place { import, first_row: done.first_row };
    let mut tally = Tally::default();
    for rows in done.rows_from_the_last().chunks(ROWS_AT_ONCE) {
        take_back::<R>(tx, from, rows, &mut tally).await?;
    }
    Ok((tally.reverted, tally.kept))
}

/// A chunk of an import.
#[derive(Clone, Copy)]
struct Place {
    import: ImportId,
    first_row: i64,
}

/// A row that changed a record: the version after it, and the fields before.
#[derive(Clone, Copy)]
struct Changed<'d> {
    id: Uuid,
    version: i64,
    before: &'d str,
}

#[derive(Default)]
struct Tally {
    reverted: i64,
    kept: i64,
}

impl Tally {
    fn count<R>(&mut self, outcomes: Vec<Result<R>>) -> Result<()> {
        for outcome in outcomes {
            match outcome {
                Ok(_) => self.reverted += 1,
                Err(Error::Stale { .. } | Error::NotFound(_) | Error::Conflict(_) | Error::Invalid(_)) => {
                    self.kept += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

async fn take_back<R: Importable>(
    tx: &mut TenantTx<'_>,
    from: Place,
    rows: &[Row<'_>],
    tally: &mut Tally,
) -> Result<()> {
    let mut created = Vec::new();
    // Rows that changed one record are taken back one after the other.
    let mut waves: Vec<Vec<Changed<'_>>> = Vec::new();
    let mut seen: HashMap<Uuid, usize> = HashMap::new();
    for (outcome, id, before, version) in rows {
        let (Some(id), Some(version)) = (*id, *version) else { continue };
        match (*outcome, *before) {
            ('c', _) => created.push((id, version)),
            ('u', Some(before)) => {
                let wave = seen.entry(id).or_default();
                if *wave == waves.len() {
                    waves.push(Vec::new());
                }
                waves[*wave].push(Changed { id, version, before });
                *wave += 1;
            }
            _ => {}
        }
    }
    // A record that was made may have the unique value that another had before: it goes first, unless it was changed too.
    let (changed, untouched): (Vec<_>, Vec<_>) =
        created.into_iter().partition(|(id, _)| seen.contains_key(id));
    tally.count(delete_each::<R>(tx, from, untouched).await?)?;
    for wave in waves {
        tally.count(edit_each::<R>(tx, from, &wave).await?)?;
    }
    tally.count(delete_each::<R>(tx, from, changed).await?)
}

/// Deletes what was made.
async fn delete_each<R: Importable>(
    tx: &mut TenantTx<'_>,
    from: Place,
    created: Vec<(Uuid, i64)>,
) -> Result<Vec<Result<R>>> {
    let expected = |(id, version): &(Uuid, i64)| (*id, Some(*version));
    let mut outcomes = batch::delete_each::<R>(tx, created.iter().map(expected).collect()).await?;
    let again = changed_by_later_rows(tx, from, &created, &outcomes).await?;
    let deletions = again.iter().map(|(place, current)| (created[*place].0, Some(*current))).collect();
    for ((place, _), outcome) in again.iter().zip(batch::delete_each::<R>(tx, deletions).await?) {
        outcomes[*place] = outcome;
    }
    Ok(outcomes)
}

/// Has records say what they said before.
async fn edit_each<R: Importable>(
    tx: &mut TenantTx<'_>,
    from: Place,
    wave: &[Changed<'_>],
) -> Result<Vec<Result<R>>> {
    let edit = |row: &Changed<'_>, expected: i64| {
        Ok(Edit { id: row.id, expected: Some(expected), edit: restore::<R>(row.before)? })
    };
    let edits = wave.iter().map(|row| edit(row, row.version)).collect::<Result<Vec<_>>>()?;
    let mut outcomes = batch::update_each::<R, _>(tx, edits).await?;
    let rows: Vec<(Uuid, i64)> = wave.iter().map(|row| (row.id, row.version)).collect();
    let again = changed_by_later_rows(tx, from, &rows, &outcomes).await?;
    let edits =
        again.iter().map(|(place, current)| edit(&wave[*place], *current)).collect::<Result<Vec<_>>>()?;
    for ((place, _), outcome) in again.iter().zip(batch::update_each::<R, _>(tx, edits).await?) {
        outcomes[*place] = outcome;
    }
    Ok(outcomes)
}

/// Of the rows whose records have another version than they left, those that later rows of the import changed and that nobody else has changed
/// since: their places, and the versions that taking the later rows back has left. The import's own next change was of the version that
/// the row left, and the last change is the import's.
async fn changed_by_later_rows<R: Importable>(
    tx: &mut TenantTx<'_>,
    from: Place,
    rows: &[(Uuid, i64)],
    outcomes: &[Result<R>],
) -> Result<Vec<(usize, i64)>> {
    let stale: Vec<usize> =
        (0..rows.len()).filter(|place| matches!(outcomes[*place], Err(Error::Stale { .. }))).collect();
    if stale.is_empty() {
        return Ok(Vec::new());
    }
    let by = tx.actor().principal.reference();
    let ids: Vec<Uuid> = stale.iter().map(|place| rows[*place].0).collect();
    let left: HashMap<Uuid, i64> = stale.iter().map(|place| rows[*place]).collect();
    let next = next_changes(tx, from, &left, &ids).await?;
    let records = batch::get_each::<R>(tx, &ids).await?;
    let current = |(place, record): (usize, Result<R>)| {
        let own = record.ok().filter(|record| record.updated_by() == by && next.contains(&record.id()))?;
        Some((place, own.version()))
    };
    Ok(stale.into_iter().zip(records).filter_map(current).collect())
}

/// The records, of these, of which a later row of the import changed just the version that a row left.
async fn next_changes(
    tx: &mut TenantTx<'_>,
    from: Place,
    left: &HashMap<Uuid, i64>,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>> {
    let later: Vec<(Uuid, i64)> = sqlx::query_as(
        "select r.id, r.version from tenon.import_chunks c cross join lateral unnest(c.ids, c.versions) as r (id, version)
         where c.tenant_id = $1 and c.import_id = $2 and c.first_row >= $3 and r.id = any ($4) and r.version is not null",
    )
    .bind(tx.actor().tenant)
    .bind(from.import)
    .bind(from.first_row)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    Ok(later
        .into_iter()
        .filter(|(id, version)| left.get(id) == Some(&(version - 1)))
        .map(|(id, _)| id)
        .collect())
}

/// What makes a draft say again what it said.
fn restore<R: Importable>(before: &str) -> Result<Restore<R::Draft>> {
    let before: Map<String, Value> = serde_json::from_str(before).map_err(Error::internal)?;
    Ok(Box::new(move |mut draft| {
        for field in R::FIELDS {
            if let Some(value) = before.get(field.name) {
                // The field's own text, which it reads again.
                let _ = (field.set)(&mut draft, value.as_str(), &Formats::default());
            }
        }
        draft
    }))
}
