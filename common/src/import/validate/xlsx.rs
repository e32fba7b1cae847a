//! Workbooks as tables: the sheet that was asked for, or the first one with rows, row by row. The first row names the columns; what
//! stands beside them is no part of the table. The workbook's texts are in memory, for its format keeps them apart from the
//! cells; the rows are not.

mod unpacked;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Seek, Write};

use bytes::Bytes;
use calamine::{DataRef, Reader, Sheet, SheetType, SheetVisible, Xlsx};
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::import::file::{MAX_COLUMNS, column_name};
use crate::import::mapping;
use crate::import::reader::{MAX_ROW_BYTES, NOT_CALCULATED, is_blank};
use crate::import::reading::Ignored;
use crate::storage::Storage;

/// Bytes of a workbook at most.
const MAX_BYTES: u64 = 100 << 20;
/// Bytes of a part of the table that is written at once.
const PART: usize = 256 * 1024;
/// Cells at most: what is compressed well is larger than it looks.
const MAX_CELLS: u64 = 100_000_000;

/// A sheet as it was written.
pub(super) struct Written {
    /// Bytes of CSV, whose texts have quotes and whose numbers have none.
    pub(super) bytes: u64,
    /// Its name.
    pub(super) sheet: String,
    /// The other sheets.
    pub(super) other_sheets: Vec<String>,
    /// Columns beside the table that say something.
    pub(super) beside: Vec<Ignored>,
}

/// Writes a sheet as CSV of at most so many bytes.
pub(super) async fn to_csv(
    storage: &Storage,
    from: &str,
    to: &str,
    sheet: Option<String>,
    most: u64,
) -> Result<Written> {
    if storage.size(from).await? > MAX_BYTES {
        let message = format!("A workbook has at most {} MiB; save it as CSV", MAX_BYTES >> 20);
        return Err(Error::File("FILE_TOO_LARGE", message));
    }
    // Its parts are read out of order: it needs a place of its own on this machine.
    let mut file = tempfile::tempfile().map_err(Error::internal)?;
    let mut pieces = storage.stream(from).await?;
    while let Some(piece) = pieces.next().await {
        file.write_all(&piece?).map_err(Error::internal)?;
    }
    file.rewind().map_err(Error::internal)?;
    let (parts, mut written) = mpsc::channel(2);
    let reading = tokio::task::spawn_blocking(move || read(file, sheet.as_deref(), &parts));
    let mut upload = storage.upload(to).await?;
    while let Some(part) = written.recv().await {
        upload.write(part).await?;
        // A text that many cells name is there once in the workbook, and in each of its rows.
        if upload.written() > most {
            upload.abort().await;
            let message = format!("The rows of a workbook have at most {} MiB", most >> 20);
            return Err(Error::File("FILE_TOO_LARGE", message));
        }
    }
    match reading.await.map_err(Error::internal)? {
        Ok(read) => Ok(Written { bytes: upload.finish().await?, ..read }),
        Err(error) => {
            upload.abort().await;
            Err(error)
        }
    }
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::File("NOT_A_TABLE", format!("The file is no workbook that can be read: {error}"))
}

fn read(file: File, wanted: Option<&str>, parts: &mpsc::Sender<Bytes>) -> Result<Written> {
    unpacked::check(&file)?;
    let mut workbook: Xlsx<_> = Xlsx::new(BufReader::new(file)).map_err(refused)?;
    let sheets = sheets(workbook.sheets_metadata());
    let tried: Vec<&String> =
        sheets.iter().filter(|sheet| wanted.is_none_or(|wanted| *sheet == wanted)).collect();
    if let (Some(wanted), true) = (wanted, tried.is_empty()) {
        let message = format!("The workbook has no sheet {wanted:?}; it has {}", mapping::quoted(&sheets));
        return Err(Error::File("UNKNOWN_SHEET", message));
    }
    for sheet in &tried {
        let mut table = Table::new(parts);
        let mut cells = workbook.worksheet_cells_reader(sheet).map_err(refused)?;
        let mut count = 0u64;
        while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(refused)? {
            count += 1;
            if count > MAX_CELLS {
                let message = format!("A workbook has at most {MAX_CELLS} cells; save it as CSV");
                return Err(Error::File("FILE_TOO_LARGE", message));
            }
            let (row, column) = cell.pos;
            let value = match (&cell.value, cell.formula) {
                (DataRef::Empty, Some(_)) => Value { text: NOT_CALCULATED.to_owned(), is_number: false },
                (value, _) => text(value),
            };
            table.cell(row, column as usize, value)?;
        }
        table.end_row()?;
        table.send()?;
        if table.width.is_some() {
            let other_sheets = sheets.iter().filter(|other| other != sheet).cloned().collect();
            return Ok(Written { bytes: 0, sheet: (*sheet).clone(), other_sheets, beside: table.beside() });
        }
    }
    Err(Error::File("EMPTY_FILE", "The workbook has no row".to_owned()))
}

/// The sheets with cells, hidden ones last.
fn sheets(all: &[Sheet]) -> Vec<String> {
    let mut sheets: Vec<&Sheet> = all.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).collect();
    sheets.sort_by_key(|sheet| sheet.visible != SheetVisible::Visible);
    sheets.into_iter().map(|sheet| sheet.name.clone()).collect()
}

/// A cell's text.
#[derive(Clone, Debug, Default)]
struct Value {
    text: String,
    is_number: bool,
}

struct Table<'s> {
    text: Vec<u8>,
    row: Vec<Value>,
    /// Bytes of its cells.
    length: usize,
    number: Option<u32>,
    /// Columns of the first row up to the last that says something; none before it.
    width: Option<usize>,
    /// Cells beside those columns, by their places.
    beside: BTreeMap<usize, u64>,
    parts: &'s mpsc::Sender<Bytes>,
}

impl<'s> Table<'s> {
    fn new(parts: &'s mpsc::Sender<Bytes>) -> Self {
        let beside = BTreeMap::new();
        Self { text: Vec::new(), row: Vec::new(), length: 0, number: None, width: None, beside, parts }
    }

    fn cell(&mut self, row: u32, column: usize, value: Value) -> Result<()> {
        if self.number != Some(row) {
            self.end_row()?;
            self.number = Some(row);
            self.length = 0;
        }
        // A cell that is only painted is none.
        if is_blank(&value.text) {
            return Ok(());
        }
        if self.width.is_some_and(|width| column >= width) {
            if self.beside.len() < MAX_COLUMNS {
                *self.beside.entry(column).or_default() += 1;
            }
            return Ok(());
        }
        if column >= MAX_COLUMNS {
            return Err(Error::File("TOO_MANY_COLUMNS", format!("A file has at most {MAX_COLUMNS} columns")));
        }
        self.length += value.text.len();
        if self.length > MAX_ROW_BYTES {
            let message = format!("Row {} has more than {MAX_ROW_BYTES} bytes", row + 1);
            return Err(Error::File("ROW_TOO_LARGE", message));
        }
        if self.row.len() <= column {
            self.row.resize(column + 1, Value::default());
        }
        self.row[column] = value;
        Ok(())
    }

    /// Each row has its own width: what is empty at its end is not in the workbook.
    fn end_row(&mut self) -> Result<()> {
        if self.row.is_empty() {
            return Ok(());
        }
        for (place, value) in self.row.iter().enumerate() {
            if place > 0 {
                self.text.push(b',');
            }
            if value.is_number {
                self.text.extend_from_slice(value.text.as_bytes());
                continue;
            }
            self.text.push(b'"');
            self.text.extend_from_slice(value.text.replace('"', "\"\"").as_bytes());
            self.text.push(b'"');
        }
        self.text.push(b'\n');
        self.width.get_or_insert(self.row.len());
        self.row.clear();
        if self.text.len() >= PART { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        let part = Bytes::from(std::mem::take(&mut self.text));
        self.parts.blocking_send(part).map_err(Error::internal)
    }

    fn beside(&self) -> Vec<Ignored> {
        let named =
            |(place, values): (&usize, &u64)| Ignored { column: column_name(*place), values: *values };
        self.beside.iter().map(named).collect()
    }
}

fn text(value: &DataRef<'_>) -> Value {
    let is_number = matches!(value, DataRef::Int(_) | DataRef::Float(_));
    Value { text: shown(value), is_number }
}

fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        // A workbook's numbers have fifteen digits: of more, the last ones are not those that were written.
        DataRef::Float(number) if number.abs() >= 1e15 => format!("{number:e}"),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::Error(error) => error.to_string(),
        DataRef::DateTime(at) => {
            let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
            match (hour, minute, second, milli) {
                (0, 0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
