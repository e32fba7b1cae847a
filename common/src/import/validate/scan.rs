//! All rows of a file, read once: how many there are, and what their columns are.

use super::check_columns;
use crate::error::{Error, Result};
use crate::import::file::{MAX_COLUMNS, column_names};
use crate::import::guess::Guess;
use crate::import::mapping::{self, Column};
use crate::import::own;
use crate::import::reader::csv::{self, TEXT_BEHIND_QUOTE};
use crate::import::reader::{Cell, Layout, MAX_ROW_BYTES, Reader, Row};
use crate::import::{Limits, Options};
use crate::storage::Storage;

/// What all rows of a file say.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) columns: Vec<String>,
    /// What they are for.
    pub(super) mapped: Vec<Column>,
    /// How their cells are written.
    pub(super) guess: Guess,
    /// The byte behind the header.
    pub(super) begin: u64,
    pub(super) total: i64,
    /// Cells of each column that say something.
    pub(super) filled: Vec<u64>,
    /// Rows with text behind a closing quote.
    pub(super) misquoted: u64,
    /// Quotes that a backslash has made characters.
    pub(super) backslashes: u64,
    /// What is wrong with the file or the mapping, where the rows were read no further.
    pub(super) refused: Option<Error>,
}

/// Counts the rows and finds the columns. What is wrong behind the header is said beside what was found out.
pub(super) async fn scan(
    storage: &Storage,
    key: &str,
    bytes: u64,
    layout: Layout,
    options: &Options,
    limits: &Limits,
) -> Result<Scanned> {
    let (columns, begin, line) = match layout {
        Layout::Csv(dialect) => {
            let head = storage.range(key, 0..bytes.min(MAX_ROW_BYTES as u64)).await?;
            let header = csv::header(&head, dialect);
            let header = header.ok_or_else(|| Error::File("EMPTY_FILE", "The file has no row".to_owned()))?;
            (header.columns, header.begin.0 as u64, header.begin.1)
        }
        Layout::Ndjson => (members(storage, key, bytes).await?, 0, 1),
    };
    check_columns(&columns)?;
    let (mapped, refused) = match mapping::of(&columns, options) {
        Ok(mapped) => (mapped, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let filled = vec![0; columns.len()];
    let guess = Guess::of(&mapped, own::is_own(options.object, &layout, &columns));
    let mut scanned =
        Scanned { columns, mapped, guess, begin, total: 0, filled, misquoted: 0, backslashes: 0, refused };
    if scanned.refused.is_none() {
        let reader =
            Reader::new(storage.clone(), key.to_owned(), bytes, &layout, &scanned.columns, (begin, 1));
        scanned.refused = scanned.rows(reader.beginning_at_line(line), limits).await.err();
    }
    match scanned.refused {
        // It is not the file's fault.
        Some(error) if !matches!(error, Error::File(..) | Error::Mapping(_)) => Err(error),
        _ => Ok(scanned),
    }
}

impl Scanned {
    async fn rows(&mut self, mut reader: Reader, limits: &Limits) -> Result<()> {
        while let Some(row) = reader.row().await? {
            self.row(&row);
            if self.total > limits.rows {
                return Err(Error::File("TOO_MANY_ROWS", format!("A file has at most {} rows", limits.rows)));
            }
        }
        self.backslashes = reader.backslashes();
        match self.total {
            0 => Err(Error::File("EMPTY_FILE", "The file has a header and no row".to_owned())),
            _ => Ok(()),
        }
    }

    fn row(&mut self, row: &Row) {
        self.total += 1;
        self.guess.row(row);
        for (filled, cell) in self.filled.iter_mut().zip(&row.cells) {
            *filled += u64::from(!matches!(cell, Cell::Empty | Cell::Null));
        }
        self.misquoted += u64::from(matches!(row.broken, Some((TEXT_BEHIND_QUOTE, _))));
    }
}

/// The names of the members that objects have, in the order in which they first come.
async fn members(storage: &Storage, key: &str, bytes: u64) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    let mut reader = Reader::lines(storage.clone(), key.to_owned(), bytes);
    while let Some(row) = reader.row().await? {
        for name in row.cells {
            let name = name.text();
            if !known.contains(name) && known.len() <= MAX_COLUMNS {
                known.insert(name.to_owned());
                names.push(name.to_owned());
            }
        }
    }
    Ok(column_names(names))
}
