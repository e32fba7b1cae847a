//! Taking back what an import did, chunk by chunk from the last: new records are deleted, changed ones say again what they said.
//! What somebody changed since is left alone, and counted.

use std::collections::HashMap;

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
    let (reverted, kept) = dispatch!(now.options().object, R => chunk::<R>(tx, &done).await)?;
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
async fn chunk<R: Importable>(tx: &mut TenantTx<'_>, done: &Done) -> Result<(i64, i64)> {
    let (mut reverted, mut kept) = (0, 0);
    for rows in done.rows_from_the_last().chunks(ROWS_AT_ONCE) {
        let (more, left) = take_back::<R>(tx, rows).await?;
        reverted += more;
        kept += left;
    }
    Ok((reverted, kept))
}

async fn take_back<R: Importable>(tx: &mut TenantTx<'_>, rows: &[Row<'_>]) -> Result<(i64, i64)> {
    let mut deletions = Vec::new();
    // Rows that changed one record are taken back one after the other.
    let mut edits: Vec<Vec<Edit<Restore<R::Draft>>>> = Vec::new();
    let mut seen: HashMap<Uuid, usize> = HashMap::new();
    for (outcome, id, before, version) in rows {
        let (Some(id), Some(version)) = (*id, *version) else { continue };
        match (*outcome, *before) {
            ('c', _) => deletions.push((id, version)),
            ('u', Some(before)) => {
                let edit = Edit { id, expected: Some(version), edit: restore::<R>(before)? };
                let wave = seen.entry(id).or_default();
                if *wave == edits.len() {
                    edits.push(Vec::new());
                }
                edits[*wave].push(edit);
                *wave += 1;
            }
            _ => {}
        }
    }
    let (mut reverted, mut kept) = (0, 0);
    let mut count = |outcomes: Vec<Result<R>>| -> Result<()> {
        for outcome in outcomes {
            match outcome {
                Ok(_) => reverted += 1,
                Err(Error::Stale { .. } | Error::NotFound(_) | Error::Conflict(_) | Error::Invalid(_)) => {
                    kept += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    for wave in edits {
        count(batch::update_each::<R, _>(tx, wave).await?)?;
    }
    // A record that this import made and then changed is as it was made by now, some versions later.
    let current = versions::<R>(tx, &deletions).await?;
    let deletions =
        deletions.into_iter().map(|(id, version)| (id, Some(current(id).unwrap_or(version)))).collect();
    count(batch::delete_each::<R>(tx, deletions).await?)?;
    Ok((reverted, kept))
}

/// The versions that reverts of later rows have left, of records that nobody else has changed.
async fn versions<R: Importable>(
    tx: &mut TenantTx<'_>,
    deletions: &[(Uuid, i64)],
) -> Result<impl Fn(Uuid) -> Option<i64> + use<R>> {
    let by = tx.actor().principal.reference();
    let ids: Vec<Uuid> = deletions.iter().map(|(id, _)| *id).collect();
    let found = batch::get_each::<R>(tx, &ids).await?;
    let own: HashMap<Uuid, i64> = found
        .into_iter()
        .flatten()
        .filter(|record| record.updated_by() == by)
        .map(|record| (record.id(), record.version()))
        .collect();
    Ok(move |id| own.get(&id).copied())
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
