//! The look at all of a file before its first row is made: what it is, whether it is whole, how many rows it has. A file that is not
//! what it says is refused with the reason, and nothing of it is done.

mod xlsx;

use encoding_rs::{Encoding, UTF_8};

use crate::db::{Db, TenantTx};
use crate::error::{Error, Result};
use crate::import::file::{self, MAX_COLUMNS, column_names};
use crate::import::format::{self, Detected, HEAD};
use crate::import::mapping;
use crate::import::reader::{Layout, MAX_ROW_BYTES, Reader, csv};
use crate::import::{FileFormat, Import, Limits, Options, State, store};
use crate::storage::Storage;

/// Where a file's rows are, and what is known of them.
#[derive(Debug)]
struct Looked {
    key: String,
    bytes: u64,
    begin: u64,
    layout: Layout,
    columns: Vec<String>,
    total: i64,
}

/// What the first bytes of a file say: its columns, where they say so much. Refuses what is no table, and a mapping that does not fit.
pub fn first_look(head: &[u8], whole: bool, options: &Options) -> Result<Vec<String>> {
    let found = format::detect(head, whole, options).map_err(|(code, message)| Error::File(code, message))?;
    if found.format != FileFormat::Csv {
        return Ok(Vec::new());
    }
    let (text, ..) = found.encoding.decode(head);
    let Some((columns, _)) = csv::header(text.as_bytes(), found.delimiter) else { return Ok(Vec::new()) };
    check_columns(&columns)?;
    mapping::of(&columns, options)?;
    Ok(columns)
}

fn check_columns(columns: &[String]) -> Result<()> {
    if columns.iter().any(|name| name.contains('\0')) {
        let message = "A column's name must not contain the character U+0000".to_owned();
        return Err(Error::File("INVALID_CHARACTERS", message));
    }
    match columns.len() > MAX_COLUMNS {
        true => Err(Error::File(
            "TOO_MANY_COLUMNS",
            format!("A file has at most {MAX_COLUMNS} columns, not {}", columns.len()),
        )),
        false => Ok(()),
    }
}

/// Looks at all of an import's file, and has its rows made. What is wrong with the file is an error; the import is as it was.
pub async fn validate(db: &Db, storage: &Storage, import: &Import, limits: &Limits) -> Result<()> {
    let looked = look(storage, import, limits).await?;
    let (id, options) = (import.id, import.options());
    mapping::of(&looked.columns, options)?;
    let ready = async |tx: &mut TenantTx<'_>| {
        if store::lock(tx, id).await?.state() != State::Validating {
            return Ok(());
        }
        write(tx, import, &looked, limits).await?;
        store::set_state(tx, id, "state = 'ready'").await?;
        store::enqueue_run(tx, id).await
    };
    db.write(&import.actor()?, ready).await
}

async fn write(tx: &mut TenantTx<'_>, import: &Import, looked: &Looked, limits: &Limits) -> Result<()> {
    let (format, delimiter) = match looked.layout {
        Layout::Csv(delimiter) => ("csv", Some(char::from(delimiter).to_string())),
        Layout::Ndjson => ("ndjson", None),
    };
    sqlx::query(
        "update tenon.imports set rows_key = $3, rows_format = $4, rows_bytes = $5, rows_begin = $6, committed_through_byte = $6,
                delimiter = $7, columns = $8, total = $9, revert_until = now() + make_interval(days => $10)
         where tenant_id = $1 and id = $2",
    )
    .bind(tx.actor().tenant)
    .bind(import.id)
    .bind(&looked.key)
    .bind(format)
    .bind(i64::try_from(looked.bytes).map_err(Error::internal)?)
    .bind(i64::try_from(looked.begin).map_err(Error::internal)?)
    .bind(delimiter)
    .bind(&looked.columns)
    .bind(looked.total)
    .bind(limits.revert_days)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn look(storage: &Storage, import: &Import, limits: &Limits) -> Result<Looked> {
    let (key, bytes) = import.file();
    let head = storage.range(key, 0..bytes.min(HEAD as u64)).await?;
    let options = import.options();
    let found = format::detect(&head, bytes <= HEAD as u64, options);
    let found = found.map_err(|(code, message)| Error::File(code, message))?;
    let rows_key = file::rows_key(import.tenant_id, import.id);
    match found.format {
        FileFormat::Xlsx => {
            let bytes = xlsx::to_csv(storage, key, &rows_key, limits.bytes).await?;
            scan(storage, rows_key, bytes, Layout::Csv(b','), limits).await
        }
        FileFormat::Json => {
            let bytes = file::split(storage, key, &rows_key, found.encoding).await?;
            scan(storage, rows_key, bytes, Layout::Ndjson, limits).await
        }
        FileFormat::Csv | FileFormat::Ndjson => text(storage, import, &found, limits).await,
    }
}

/// Rows that are read where they are, if they are UTF-8.
async fn text(storage: &Storage, import: &Import, found: &Detected, limits: &Limits) -> Result<Looked> {
    let (key, bytes) = import.file();
    let layout = match found.format {
        FileFormat::Ndjson => Layout::Ndjson,
        _ => Layout::Csv(found.delimiter),
    };
    let encoding = match found.encoding == UTF_8 && import.options().encoding.is_none() {
        true => match foreign(storage, key).await? {
            None => return scan(storage, key.to_owned(), bytes, layout, limits).await,
            Some(encoding) => encoding,
        },
        false => found.encoding,
    };
    let rows_key = file::rows_key(import.tenant_id, import.id);
    let bytes = file::transcode(storage, key, &rows_key, encoding).await?;
    scan(storage, rows_key, bytes, layout, limits).await
}

/// The encoding of a file whose first bytes are UTF-8 and whose others are not, if it is one; none for one that is UTF-8, and for
/// one of which only a few rows are not: those rows are refused.
async fn foreign(storage: &Storage, key: &str) -> Result<Option<&'static Encoding>> {
    use futures::StreamExt;
    /// Lines that are not UTF-8, of which the encoding is guessed.
    const ENOUGH: usize = 200;
    let mut pieces = storage.stream(key).await?;
    let (mut rest, mut lines, mut wrong): (Vec<u8>, u64, Vec<Vec<u8>>) = (Vec::new(), 0, Vec::new());
    let mut count = 0u64;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        // Most files are UTF-8 all through: a piece that is, with what was left of the one before, has no wrong line.
        rest.extend_from_slice(&piece);
        let Some(end) = rest.iter().rposition(is_line_end) else {
            // A row that is too long, which is said where rows are read.
            if rest.len() > MAX_ROW_BYTES {
                return Ok(None);
            }
            continue;
        };
        let whole: Vec<u8> = rest.drain(..=end).collect();
        if std::str::from_utf8(&whole).is_ok() {
            lines += text_lines(&whole).count() as u64;
            continue;
        }
        for line in text_lines(&whole) {
            lines += 1;
            let is_ascii = line.is_ascii();
            if !is_ascii && std::str::from_utf8(line).is_err() {
                count += 1;
                if wrong.len() < ENOUGH {
                    wrong.push(line.to_vec());
                }
            }
        }
    }
    // Of a file in another encoding more than single lines are wrong.
    let pieces: Vec<&[u8]> = wrong.iter().map(Vec::as_slice).collect();
    Ok((count > 0 && count * 20 > lines).then(|| format::guess(&pieces)))
}

/// Lines that are not empty, whatever parts them.
fn text_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(is_line_end).filter(|line| !line.is_empty())
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Counts the rows and finds the columns.
async fn scan(storage: &Storage, key: String, bytes: u64, layout: Layout, limits: &Limits) -> Result<Looked> {
    let (columns, begin) = match &layout {
        Layout::Csv(delimiter) => {
            let head = storage.range(&key, 0..bytes.min(MAX_ROW_BYTES as u64)).await?;
            let header = csv::header(&head, *delimiter);
            let (columns, used) =
                header.ok_or_else(|| Error::File("EMPTY_FILE", "The file has no row".to_owned()))?;
            (columns, used as u64)
        }
        Layout::Ndjson => (members(storage, &key, bytes).await?, 0),
    };
    check_columns(&columns)?;
    let mut reader = Reader::new(storage.clone(), key.clone(), bytes, &layout, &columns, (begin, 1));
    let mut total = 0;
    while reader.row().await?.is_some() {
        total += 1;
        if total > limits.rows {
            return Err(Error::File("TOO_MANY_ROWS", format!("A file has at most {} rows", limits.rows)));
        }
    }
    match total {
        0 => Err(Error::File("EMPTY_FILE", "The file has a header and no row".to_owned())),
        _ => Ok(Looked { key, bytes, begin, layout, columns, total }),
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
