//! The file of errors: the rows that were refused as they were, with why, to be mended and imported again.

use crate::actor::Actor;
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::formula;
use crate::id::ImportId;
use crate::import::Import;
use crate::import::chunk::RowError;
use crate::import::mapping::ADDED;
use crate::import::reader::undecodable;
use crate::import::store;

/// Rows that are read at once.
const PAGE: i64 = 1_000;

/// A part of the file.
#[derive(Clone, Debug)]
pub struct Part {
    /// CSV: whole lines. UTF-8, but for bytes that came and are no text.
    pub text: Vec<u8>,
    /// The last row that is in it; none where nothing follows.
    pub next: Option<i64>,
}

/// The first line: the file's columns, and those that are added.
pub fn header(caller: &Actor, import: &Import) -> Result<String> {
    import.check_reach(caller)?;
    import.check_kept()?;
    let mut text = String::new();
    line(&mut text, import.columns.iter().map(String::as_str).chain(ADDED));
    Ok(text)
}

/// The lines that follow a row's.
pub async fn part(tx: &mut TenantTx<'_>, import: ImportId, after: i64) -> Result<Part> {
    let found = store::get(tx, import).await?;
    found.check_reach(tx.actor())?;
    found.check_kept()?;
    let width = found.columns.len();
    let rows: Vec<(i64, String, String)> = sqlx::query_as(
        "select row, errors, cells from tenon.import_errors
         where tenant_id = $1 and import_id = $2 and row > $3 and outcome = 'failed'
         order by row limit $4",
    )
    .bind(tx.actor().tenant)
    .bind(import)
    .bind(after)
    .bind(PAGE)
    .fetch_all(tx.conn())
    .await?;
    let mut text = Vec::new();
    let full = i64::try_from(rows.len()).unwrap_or_default() == PAGE;
    let next = rows.last().map(|(row, ..)| *row).filter(|_| full);
    for (row, errors, cells) in rows {
        let errors: Vec<RowError> = serde_json::from_str(&errors).map_err(Error::internal)?;
        let mut cells: Vec<String> = serde_json::from_str(&cells).map_err(Error::internal)?;
        // What a row has too much comes behind the added columns: these stay in their places, and nothing is lost or taken for mended.
        let surplus = cells.split_off(width.min(cells.len()));
        cells.resize(width, String::new());
        let codes: Vec<&str> = errors.iter().map(|error| error.code.as_str()).collect();
        let says = |error: &RowError| match &error.column {
            Some(column) => format!("{column}: {}", error.message),
            None => error.message.clone(),
        };
        let messages: Vec<String> = errors.iter().map(says).collect();
        cells.extend([row.to_string(), codes.join(" "), messages.join("; ")]);
        cells.extend(surplus);
        let mut row = String::new();
        line(&mut row, cells.iter().map(String::as_str));
        match codes.contains(&undecodable::INVALID_TEXT) {
            true => text.extend(undecodable::bytes(&row)),
            false => text.extend_from_slice(row.as_bytes()),
        }
    }
    Ok(Part { text, next })
}

/// Appends a line (RFC 4180). A cell that a spreadsheet would run is made safe with an apostrophe, which an import takes away again.
fn line<'c>(text: &mut String, cells: impl Iterator<Item = &'c str>) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            text.push(',');
        }
        let cell = formula::guarded(cell);
        if cell.contains(['"', ',', '\n', '\r']) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(&cell);
        }
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::import::reader::{csv, is_blank};

    #[test]
    fn a_line_is_safe_and_whole() {
        let mut text = String::new();
        line(&mut text, ["=1+1", "a \"b\", c", "-5", "", "d\ne"].into_iter());
        assert_eq!(text, "'=1+1,\"a \"\"b\"\", c\",-5,,\"d\ne\"\r\n");
    }

    proptest! {
        /// What is written is read again as it was.
        #[test]
        fn lines_are_read_again(cells in prop::collection::vec("[a-z=+\\-@'\", \r\n\tä]{0,8}", 2..6)) {
            let mut text = String::new();
            line(&mut text, cells.iter().map(String::as_str));
            let read = csv::cells(text.as_bytes());
            // A cell of blanks is an empty one, and a row of nothing is none.
            let seen: Vec<&str> = cells.iter().map(|cell| if is_blank(cell) { "" } else { cell }).collect();
            prop_assert!(read == seen || (read.is_empty() && seen.iter().all(|cell| cell.is_empty())));
        }
    }
}
