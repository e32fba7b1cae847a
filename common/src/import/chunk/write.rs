//! What is kept of a chunk.

use std::collections::HashMap;

use super::outcome::{Outcome, RowError};
use crate::crm::record::Key;
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::import::fields::Importable;
use crate::import::object::dispatch;
use crate::import::reader::{Cell, Chunk};
use crate::import::{Counts, Import};

/// Writes what became of the rows, and moves on: one statement.
pub(super) async fn advance(
    tx: &mut TenantTx<'_>,
    import: &Import,
    chunk: &Chunk,
    outcomes: &[Outcome],
    counts: Counts,
) -> Result<()> {
    let letters: String = outcomes.iter().map(Outcome::letter).collect();
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.id().filter(|id| !id.is_nil())).collect();
    let (versions, before): (Vec<_>, Vec<_>) = outcomes.iter().map(Outcome::trace).unzip();
    let mut errors = Errors::default();
    for (row, outcome) in chunk.rows.iter().zip(outcomes) {
        if let Some((name, why)) = outcome.errors() {
            errors.push(row.number, name, why, &row.cells)?;
        }
    }
    let rows = i64::try_from(chunk.rows.len()).map_err(Error::internal)?;
    sqlx::query(
        "with chunk as (
             insert into tenon.import_chunks (tenant_id, import_id, first_row, row_count, outcomes, ids, before, versions)
             select $1, $2, $3, $4, $5, $6, $7, $8 where $4 > 0
         ),
         refused as (
             insert into tenon.import_errors (tenant_id, import_id, row, outcome, record_id, errors, cells)
             select $1, $2, e.* from unnest($9::bigint[], $10::text[], $11::uuid[], $12::text[], $13::text[])
                 as e (row, outcome, record_id, errors, cells)
         )
         update tenon.imports set committed_through_row = committed_through_row + $4, committed_through_byte = $14,
                created = created + $15, updated = updated + $16, unchanged = unchanged + $17, skipped = skipped + $18,
                failed = failed + $19, updated_at = now()
         where tenant_id = $1 and id = $2",
    )
    .bind(tx.actor().tenant)
    .bind(import.id)
    .bind(chunk.first_row)
    .bind(rows)
    .bind(letters)
    .bind(ids)
    .bind(before)
    .bind(versions)
    .bind(errors.rows)
    .bind(errors.outcomes)
    .bind(errors.records)
    .bind(errors.errors)
    .bind(errors.cells)
    .bind(i64::try_from(chunk.through_byte).map_err(Error::internal)?)
    .bind(counts.created)
    .bind(counts.updated)
    .bind(counts.unchanged)
    .bind(counts.skipped)
    .bind(counts.failed)
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(Default)]
struct Errors {
    rows: Vec<i64>,
    outcomes: Vec<&'static str>,
    records: Vec<Option<uuid::Uuid>>,
    errors: Vec<String>,
    cells: Vec<String>,
}

impl Errors {
    fn push(&mut self, row: i64, outcome: &'static str, errors: &[RowError], cells: &[Cell]) -> Result<()> {
        let texts: Vec<&str> = cells.iter().map(Cell::text).collect();
        self.rows.push(row);
        self.outcomes.push(outcome);
        self.records.push(errors.iter().find_map(|error| error.record));
        self.errors.push(stored(serde_json::to_string(errors).map_err(Error::internal)?));
        self.cells.push(stored(serde_json::to_string(&texts).map_err(Error::internal)?));
        Ok(())
    }
}

/// JSON without the character that the database cannot keep: JSON writes it as an escape, and texts never have it raw.
fn stored(json: String) -> String {
    json.replace('\0', "")
}

/// Of a dry run: notes the unique values that rows would have taken, and refuses or leaves alone those that an earlier row of
/// another chunk has taken. Rows of one chunk met each other in the tables.
pub(super) async fn claim_keys(
    tx: &mut TenantTx<'_>,
    import: &Import,
    chunk: &Chunk,
    outcomes: &mut [Outcome],
) -> Result<()> {
    let keys: Vec<(usize, &'static str)> = dispatch!(import.options().object, R => keys::<R>(import));
    let (mut names, mut values, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (row, outcome) in chunk.rows.iter().zip(outcomes.iter()) {
        if matches!(outcome, Outcome::Created { .. }) {
            for (column, field) in &keys {
                if let Some(Cell::Text(text) | Cell::Number(text)) = row.cells.get(*column) {
                    names.push(*field);
                    values.push(dispatch!(import.options().object, R => compared::<R>(field, text)));
                    numbers.push(row.number);
                }
            }
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    let taken: Vec<(i64, String, i64)> = sqlx::query_as(
        "with asked as (
             select * from unnest($3::text[], $4::text[], $5::bigint[]) as a (field, value, row)
         ),
         claimed as (
             insert into tenon.import_keys (tenant_id, import_id, field, value, row)
             select $1, $2, a.field, a.value, a.row from asked a
             on conflict do nothing
         )
         select a.row, a.field, k.row from asked a
         join tenon.import_keys k on k.tenant_id = $1 and k.import_id = $2 and k.field = a.field and k.value = a.value
         where k.row < a.row",
    )
    .bind(tx.actor().tenant)
    .bind(import.id)
    .bind(names)
    .bind(values)
    .bind(numbers)
    .fetch_all(tx.conn())
    .await?;
    let taken: HashMap<i64, (String, i64)> =
        taken.into_iter().map(|(row, field, by)| (row, (field, by))).collect();
    for (row, outcome) in chunk.rows.iter().zip(outcomes) {
        if let Some((field, by)) = taken.get(&row.number) {
            *outcome = repeated(import, field, *by);
        }
    }
    Ok(())
}

/// The columns of unique values, and which.
fn keys<R: Importable>(import: &Import) -> Vec<(usize, &'static str)> {
    let columns = import.mapping();
    let column = |field: &'static str| columns.iter().position(|column| column.field == Some(field));
    R::UNIQUE.iter().filter_map(|unique| Some((column(unique.field)?, unique.field))).collect()
}

/// A unique value as records are compared by it.
fn compared<R: Importable>(field: &str, text: &str) -> String {
    match Key::<R>::parse(field, text) {
        Ok(key) => key.value().to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// What becomes of a row whose unique value an earlier row would have taken.
fn repeated(import: &Import, field: &str, by: i64) -> Outcome {
    use crate::import::{Mode, OnDuplicate};
    let error = RowError {
        field: Some(field.to_owned()),
        code: "DUPLICATE".to_owned(),
        message: format!("Row {by} has this {field}"),
        ..RowError::default()
    };
    match (import.options().mode, import.options().on_duplicate) {
        (Mode::Upsert | Mode::Update, _) | (_, OnDuplicate::Update) => {
            Outcome::Updated { id: uuid::Uuid::nil(), before: "{}".to_owned(), version: 0 }
        }
        (_, OnDuplicate::Skip) => Outcome::Skipped(vec![error]),
        (_, OnDuplicate::Fail) => Outcome::Failed(vec![error]),
    }
}
