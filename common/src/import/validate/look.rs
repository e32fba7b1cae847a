//! From a file as it was sent to rows that can be read.

use encoding_rs::{Encoding, UTF_8};

use super::scan::{Scanned, scan};
use super::{encoding, xlsx};
use crate::error::{Error, Result};
use crate::import::file::{self, Rewritten};
use crate::import::format::{self, Detected, HEAD};
use crate::import::reader::csv::Dialect;
use crate::import::reader::{Layout, OPEN_QUOTE};
use crate::import::reading::{FileReading, Ignored, ignored};
use crate::import::{FileFormat, Import, Limits, Options};
use crate::storage::Storage;

/// Where a file's rows are, and what is known of them.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) key: String,
    pub(super) bytes: u64,
    pub(super) begin: u64,
    pub(super) layout: Layout,
    pub(super) columns: Vec<String>,
    pub(super) total: i64,
    pub(super) reading: FileReading,
}

/// The rows of a file: where it is, or what was made of it.
struct Rows {
    key: String,
    bytes: u64,
    layout: Layout,
    reading: FileReading,
    beside: Vec<Ignored>,
}

/// How a file was read, as far as the look at it has come: what a refusal is about.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) reading: Option<FileReading>,
    pub(super) columns: Vec<String>,
}

/// Looks at all of a file. What is wrong with it, and a mapping that does not fit, are errors; `seen` is what was found out before.
pub(super) async fn look(
    storage: &Storage,
    import: &Import,
    limits: &Limits,
    seen: &mut Seen,
) -> Result<Looked> {
    let options = import.options();
    let rows = rows(storage, import, limits, seen).await?;
    seen.reading = Some(rows.reading.clone());
    let (layout, scanned) = match rows.layout {
        Layout::Csv(dialect) => table(storage, &rows, dialect, options, limits).await?,
        Layout::Ndjson => {
            (Layout::Ndjson, scan(storage, &rows.key, rows.bytes, Layout::Ndjson, options, limits).await?)
        }
    };
    let reading = FileReading {
        backslash: matches!(layout, Layout::Csv(Dialect { backslash: true, .. })),
        formats: scanned.guess.formats(options),
        ignored: ignored(&scanned.mapped, &scanned.filled, rows.beside),
        ..rows.reading
    };
    let Scanned { columns, begin, total, refused, .. } = scanned;
    if let Some(refused) = refused {
        *seen = Seen { reading: Some(reading), columns };
        return Err(refused);
    }
    Ok(Looked { key: rows.key, bytes: rows.bytes, begin, layout, columns, total, reading })
}

/// Has a file's rows in a form in which they can be read from any place.
async fn rows(storage: &Storage, import: &Import, limits: &Limits, seen: &mut Seen) -> Result<Rows> {
    let (key, bytes) = import.file();
    let head = storage.range(key, 0..bytes.min(HEAD as u64)).await?;
    let options = import.options();
    let found = format::detect(&head, bytes <= HEAD as u64, options);
    let found = found.map_err(|(code, message)| Error::File(code, message))?;
    let rows_key = file::rows_key(import.tenant_id, import.id);
    seen.reading = Some(reading(&found, found.encoding));
    match found.format {
        FileFormat::Xlsx => workbook(storage, key, rows_key, options, limits).await,
        _ => text(storage, (key, bytes), rows_key, &found).await,
    }
}

async fn workbook(
    storage: &Storage,
    key: &str,
    rows_key: String,
    options: &Options,
    limits: &Limits,
) -> Result<Rows> {
    let written = xlsx::to_csv(storage, key, &rows_key, options.sheet.clone(), limits.bytes).await?;
    let reading = FileReading {
        format: FileFormat::Xlsx,
        sheet: Some(written.sheet),
        other_sheets: written.other_sheets,
        ..FileReading::default()
    };
    let layout = Layout::Csv(Dialect { typed: true, ..Dialect::parted_by(b',') });
    Ok(Rows { key: rows_key, bytes: written.bytes, layout, reading, beside: written.beside })
}

/// How a file is read that is what its first bytes say, in an encoding that all of it may have told.
fn reading(found: &Detected, encoding: &'static Encoding) -> FileReading {
    FileReading {
        format: found.format,
        encoding: (found.format != FileFormat::Xlsx).then(|| encoding.name().to_owned()),
        delimiter: (found.format == FileFormat::Csv).then_some(char::from(found.delimiter)),
        ..FileReading::default()
    }
}

/// Lines of text are read where they are, if they are UTF-8.
async fn text(storage: &Storage, file: (&str, u64), rows_key: String, found: &Detected) -> Result<Rows> {
    let (key, bytes) = file;
    let encoding = encoding::of(storage, key, found).await?;
    let is_csv = found.format == FileFormat::Csv;
    let reading = reading(found, encoding);
    let layout = if is_csv { Layout::Csv(Dialect::parted_by(found.delimiter)) } else { Layout::Ndjson };
    let rewritten: Rewritten = match found.format {
        FileFormat::Json => file::split(storage, key, &rows_key, encoding).await?,
        _ if encoding == UTF_8 => {
            return Ok(Rows { key: key.to_owned(), bytes, layout, reading, beside: Vec::new() });
        }
        _ => file::transcode(storage, key, &rows_key, encoding).await?,
    };
    match rewritten.first_wrong {
        Some(line) if found.is_said => Err(encoding::does_not_fit(encoding, line)),
        _ => Ok(Rows { key: rows_key, bytes: rewritten.bytes, layout, reading, beside: Vec::new() }),
    }
}

/// Rows of a table. One whose quotes are not to be understood unless a backslash makes some of them characters is written so.
async fn table(
    storage: &Storage,
    rows: &Rows,
    dialect: Dialect,
    options: &Options,
    limits: &Limits,
) -> Result<(Layout, Scanned)> {
    let scanned = |dialect| scan(storage, &rows.key, rows.bytes, Layout::Csv(dialect), options, limits);
    let doubled = scanned(dialect).await?;
    let is_odd = match &doubled.refused {
        None => doubled.misquoted > 0,
        Some(Error::File(code, _)) => [OPEN_QUOTE, "ROW_TOO_LARGE"].contains(code),
        Some(_) => false,
    };
    if is_odd && !dialect.typed {
        let dialect = Dialect { backslash: true, ..dialect };
        if let Ok(escaped) = scanned(dialect).await
            && escaped.refused.is_none()
            && escaped.misquoted == 0
            && escaped.backslashes > 0
        {
            return Ok((Layout::Csv(dialect), escaped));
        }
    }
    Ok((Layout::Csv(dialect), doubled))
}
