//! Workbooks as tables: the first sheet, row by row. The workbook's texts are in memory, for its format keeps them apart from the
//! cells; the rows are not.

mod unpacked;

use std::io::{BufReader, Seek, Write};

use bytes::Bytes;
use calamine::{DataRef, Reader, Xlsx};
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::import::file::MAX_COLUMNS;
use crate::import::reader::MAX_ROW_BYTES;
use crate::storage::Storage;

/// Bytes of a workbook at most.
const MAX_BYTES: u64 = 100 << 20;
/// Bytes of a part of the table that is written at once.
const PART: usize = 256 * 1024;
/// Cells at most: what is compressed well is larger than it looks.
const MAX_CELLS: u64 = 100_000_000;

/// Writes the first sheet as CSV of at most so many bytes; how many.
pub(super) async fn to_csv(storage: &Storage, from: &str, to: &str, most: u64) -> Result<u64> {
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
    let reading = tokio::task::spawn_blocking(move || read(file, &parts));
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
        Ok(()) => upload.finish().await,
        Err(error) => {
            upload.abort().await;
            Err(error)
        }
    }
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::File("NOT_A_TABLE", format!("The file is no workbook that can be read: {error}"))
}

fn read(file: std::fs::File, parts: &mpsc::Sender<Bytes>) -> Result<()> {
    unpacked::check(&file)?;
    let mut workbook: Xlsx<_> = Xlsx::new(BufReader::new(file)).map_err(refused)?;
    let sheet = workbook.sheet_names().first().cloned().ok_or_else(|| refused("it has no sheet"))?;
    let mut cells = workbook.worksheet_cells_reader(&sheet).map_err(refused)?;
    let mut table = Table { text: Vec::new(), row: Vec::new(), length: 0, number: None, parts };
    let mut count = 0u64;
    while let Some(cell) = cells.next_cell().map_err(refused)? {
        count += 1;
        let (row, column) = cell.get_position();
        if column as usize >= MAX_COLUMNS || count > MAX_CELLS {
            return Err(Error::File("TOO_MANY_COLUMNS", format!("A file has at most {MAX_COLUMNS} columns")));
        }
        table.cell(row, column as usize, text(cell.get_value()))?;
    }
    table.end_row()?;
    table.send()
}

struct Table<'s> {
    text: Vec<u8>,
    row: Vec<String>,
    /// Bytes of its cells.
    length: usize,
    number: Option<u32>,
    parts: &'s mpsc::Sender<Bytes>,
}

impl Table<'_> {
    fn cell(&mut self, row: u32, column: usize, text: String) -> Result<()> {
        if self.number != Some(row) {
            self.end_row()?;
            self.number = Some(row);
            self.length = 0;
        }
        self.length += text.len();
        if self.length > MAX_ROW_BYTES {
            let message = format!("Row {} has more than {MAX_ROW_BYTES} bytes", row + 1);
            return Err(Error::File("ROW_TOO_LARGE", message));
        }
        if self.row.len() <= column {
            self.row.resize(column + 1, String::new());
        }
        self.row[column] = text;
        Ok(())
    }

    /// Rows have the width of the first one, the header, at least: what is empty at their end is not in the workbook.
    fn end_row(&mut self) -> Result<()> {
        if self.row.iter().all(String::is_empty) {
            return Ok(());
        }
        for (place, cell) in self.row.iter().enumerate() {
            if place > 0 {
                self.text.push(b',');
            }
            self.text.push(b'"');
            self.text.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            self.text.push(b'"');
        }
        self.text.push(b'\n');
        let width = self.row.len();
        self.row.clear();
        self.row.resize(width, String::new());
        if self.text.len() >= PART { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        let part = Bytes::from(std::mem::take(&mut self.text));
        self.parts.blocking_send(part).map_err(Error::internal)
    }
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
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
