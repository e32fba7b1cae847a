//! What rows say, before any of them becomes a record.

use uuid::Uuid;

use super::RowError;
use super::said::Reading;
use crate::crm::record::{Birth, Draft};
use crate::error::{Error, Result};
use crate::import::fields::Importable;
use crate::import::reader::Row;
use crate::import::{Import, Mode};

/// A row as its record would be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewRow {
    /// Counts from 1; the header is none.
    pub row: i64,
    /// The fields that have a value, as texts. Of a row that would be refused, what can be read of it.
    pub record: Vec<(&'static str, String)>,
    /// Why it would be refused, as far as it tells by itself: what other records say was not asked.
    pub errors: Vec<RowError>,
}

/// What rows would be stored as.
pub(in crate::import) fn preview<R: Importable>(import: &Import, rows: &[Row]) -> Result<Vec<PreviewRow>> {
    let reading = Reading::<R>::new(&import.mapping(), import);
    let of_row = |row: &Row| {
        let shown = |record, errors| PreviewRow { row: row.number, record, errors };
        let said = match reading.read(row) {
            Ok(said) => said,
            Err(errors) => return Ok(shown(Vec::new(), errors)),
        };
        let draft = match import.options().mode {
            Mode::Update => reading.edited(&said, R::Draft::default()),
            Mode::Create | Mode::Upsert => reading.draft(&said),
        };
        match stored::<R>(import, draft.clone()) {
            Ok(stored) => Ok(shown(texts::<R>(&stored), Vec::new())),
            Err(error) => {
                let mut errors = reading.errors(row, error)?;
                // A record that is there has what the row does not say.
                errors.retain(|error| import.options().mode == Mode::Create || error.code != "REQUIRED");
                Ok(shown(texts::<R>(&draft), errors))
            }
        }
    };
    rows.iter().map(of_row).collect()
}

/// What a new record says that was made so.
fn stored<R: Importable>(import: &Import, draft: R::Draft) -> Result<R::Draft> {
    let birth =
        Birth { id: Uuid::nil(), tenant: import.tenant_id, at: import.created_at, by: import.created_by };
    let mut record = R::blank(birth);
    record.apply(draft.check().map_err(Error::Invalid)?)?;
    Ok(R::Draft::from(&record))
}

fn texts<R: Importable>(draft: &R::Draft) -> Vec<(&'static str, String)> {
    R::FIELDS.iter().filter_map(|field| Some((field.name, (field.get)(draft)?))).collect()
}
