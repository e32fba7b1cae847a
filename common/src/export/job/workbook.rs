//! Workbooks: one sheet with a row for each record under a row of names. They are made of NDJSON, row by row, by a thread of their
//! own; what is written waits in files without names, so that memory does not depend on the number of rows.

use std::fs::File;
use std::io::{BufWriter, Seek};

use chrono::{DateTime, Datelike, NaiveDate};
use rust_xlsxwriter::{Format, Worksheet, XlsxError};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::formula;
use crate::list::{Kind, Listing};

/// Rows of a sheet, the names among them.
const MAX_ROWS: u32 = 1_048_576;
/// Whole numbers up to here are what they are: a sheet has floating point numbers alone.
const MAX_EXACT: u64 = 1 << 53;
/// Bytes of rows from which on the archive may be too large for the older form of its lengths.
const LARGE: u64 = 1 << 30;

/// A workbook that is being written.
pub(super) struct Workbook {
    /// Pages, and nothing for the end.
    pages: mpsc::Sender<Option<Vec<u8>>>,
    writing: JoinHandle<Result<File>>,
}

/// What a sheet is to be.
struct Sheet {
    name: &'static str,
    columns: Vec<Column>,
    /// Whether texts are written as they are, also those of which an import would take something off.
    raw: bool,
    /// Rows at most, the names among them.
    most: u32,
}

/// A column, and how its texts are meant.
struct Column {
    name: &'static str,
    kind: Option<Kind>,
}

impl Workbook {
    /// Begins one, of records with these members.
    pub(super) fn begin(listing: &'static Listing, fields: Option<&[&str]>, raw: bool) -> Self {
        let wanted = |name: &&&str| fields.is_none_or(|fields| fields.contains(*name));
        let column = |name: &&'static str| Column { name, kind: listing.field(name).map(|field| field.kind) };
        let columns: Vec<Column> = listing.members.iter().filter(wanted).map(column).collect();
        let (pages, read) = mpsc::channel(1);
        let sheet = Sheet { name: listing.name, columns, raw, most: MAX_ROWS };
        let writing = tokio::task::spawn_blocking(move || write(&sheet, read));
        Self { pages, writing }
    }

    /// Adds a page of rows.
    pub(super) async fn write(&mut self, page: Vec<u8>) -> Result<()> {
        if self.pages.send(Some(page)).await.is_ok() {
            return Ok(());
        }
        (&mut self.writing).await.map_err(Error::internal)?.map(|_| ())
    }

    /// Ends it: a file of this machine, from its beginning.
    pub(super) async fn finish(self) -> Result<File> {
        // Who has stopped listening says why.
        let _ = self.pages.send(None).await;
        self.writing.await.map_err(Error::internal)?
    }
}

fn write(wanted: &Sheet, mut pages: mpsc::Receiver<Option<Vec<u8>>>) -> Result<File> {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory().map_err(Error::internal)?;
    sheet.set_name(wanted.name).and_then(|sheet| sheet.set_freeze_panes(1, 0)).map_err(Error::internal)?;
    let mut rows = Rows::new(sheet, wanted)?;
    let mut bytes = 0;
    loop {
        match pages.blocking_recv() {
            Some(Some(page)) => {
                bytes += page.len() as u64;
                page.split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty())
                    .try_for_each(|line| rows.write(line))?;
            }
            Some(None) => break,
            None => return Err(Error::internal("a workbook was given up")),
        }
    }
    workbook.use_zip_large_file(bytes > LARGE);
    let mut file = tempfile::tempfile().map_err(Error::internal)?;
    workbook.save_to_writer(BufWriter::new(&mut file)).map_err(Error::internal)?;
    file.rewind().map_err(Error::internal)?;
    Ok(file)
}

struct Rows<'a> {
    sheet: &'a mut Worksheet,
    wanted: &'a Sheet,
    row: u32,
    instant: Format,
    day: Format,
}

impl<'a> Rows<'a> {
    fn new(sheet: &'a mut Worksheet, wanted: &'a Sheet) -> Result<Self> {
        for (place, column) in (0..).zip(&wanted.columns) {
            sheet.write_string(0, place, column.name).map_err(Error::internal)?;
        }
        let format = |format| Format::new().set_num_format(format);
        let (instant, day) = (format("yyyy-mm-dd hh:mm:ss"), format("yyyy-mm-dd"));
        Ok(Self { sheet, wanted, row: 0, instant, day })
    }

    /// Writes a record, which is a JSON object.
    fn write(&mut self, line: &[u8]) -> Result<()> {
        self.row += 1;
        if self.row >= self.wanted.most {
            let most = self.wanted.most - 1;
            let message =
                format!("A sheet has at most {most} rows: ask for fewer records, or for CSV or NDJSON");
            return Err(Error::File("TOO_MANY_ROWS", message));
        }
        let record: Map<String, Value> = serde_json::from_slice(line).map_err(Error::internal)?;
        for (place, column) in (0..).zip(&self.wanted.columns) {
            let Some(value) = record.get(column.name) else { continue };
            self.cell(place, column, value).map_err(|error| self.failed(column, error))?;
        }
        Ok(())
    }

    fn cell(&mut self, place: u16, column: &Column, value: &Value) -> Result<(), XlsxError> {
        let (sheet, row) = (&mut *self.sheet, self.row);
        match value {
            Value::Null => {}
            Value::Bool(value) => {
                sheet.write_boolean(row, place, *value)?;
            }
            Value::Number(number) => {
                let is_exact = number.as_i64().is_none_or(|number| number.unsigned_abs() <= MAX_EXACT);
                match number.as_f64().filter(|_| is_exact) {
                    Some(number) => sheet.write_number(row, place, number)?,
                    None => sheet.write_string(row, place, number.to_string())?,
                };
            }
            Value::String(text) => match (instant_of(column, text), day_of(column, text)) {
                (Some(at), _) => {
                    sheet.write_datetime_with_format(row, place, at, &self.instant)?;
                }
                (_, Some(day)) => {
                    sheet.write_datetime_with_format(row, place, day, &self.day)?;
                }
                // A cell that holds a text is never run. What an import would take off is there twice.
                _ if !self.wanted.raw && formula::bare(text) != text => {
                    sheet.write_string(row, place, formula::guarded(text))?;
                }
                _ => {
                    sheet.write_string(row, place, text)?;
                }
            },
            Value::Array(_) | Value::Object(_) => {
                sheet.write_string(row, place, value.to_string())?;
            }
        }
        Ok(())
    }

    fn failed(&self, column: &Column, error: XlsxError) -> Error {
        match error {
            XlsxError::MaxStringLengthExceeded => {
                let message = format!(
                    "A cell has at most 32767 characters, and {} of row {} has more: ask for other fields, or for CSV or NDJSON",
                    column.name, self.row
                );
                Error::File("CELL_TOO_LONG", message)
            }
            error => Error::internal(error),
        }
    }
}

/// The years that sheets have days of, but for the first, in which they have one too many.
fn is_a_sheets(day: impl Datelike) -> bool {
    (1901..=9999).contains(&day.year())
}

fn instant_of(column: &Column, text: &str) -> Option<chrono::NaiveDateTime> {
    let at = (column.kind == Some(Kind::Instant)).then(|| DateTime::parse_from_rfc3339(text).ok())?;
    at.map(|at| at.naive_utc()).filter(|at| is_a_sheets(*at))
}

fn day_of(column: &Column, text: &str) -> Option<NaiveDate> {
    let day = (column.kind == Some(Kind::Date)).then(|| text.parse().ok())?;
    day.filter(|day: &NaiveDate| is_a_sheets(*day))
}

#[cfg(test)]
mod tests;
