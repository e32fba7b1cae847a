//! What is kept of a chunk.

use super::outcome::{Outcome, RowError};
use crate::db::TenantTx;
use crate::error::{Error, Result};
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
