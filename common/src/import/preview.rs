//! How a file was read, by its first rows as they would be stored.

use super::chunk::{self, PreviewRow};
use super::object::dispatch;
use super::reader::Reader;
use super::store::Import;
use crate::error::{Error, Result};
use crate::storage::Storage;

/// Rows that are shown.
pub const ROWS: usize = 10;

/// The first rows of an import's file as they would be stored, or with the reasons why not. A state conflict before all of the file was
/// looked at.
pub async fn preview(storage: &Storage, import: &Import) -> Result<Vec<PreviewRow>> {
    import.check_kept()?;
    let (key, size, layout) =
        import.rows().ok_or_else(|| Error::state("All of the file has to be looked at first"))?;
    let at = (import.rows_begin(), 1);
    let mut reader = Reader::new(storage.clone(), key.to_owned(), size, &layout, &import.columns, at);
    let mut rows = Vec::with_capacity(ROWS);
    while rows.len() < ROWS
        && let Some(row) = reader.row().await?
    {
        rows.push(row);
    }
    dispatch!(import.options().object, R => chunk::preview::<R>(import, &rows))
}
