//! The look at all of a file before its first row is made: what it is, whether it is whole, how many rows it has. A file that is not
//! what it says is refused with the reason, and nothing of it is done.

mod before_windows;
mod encoding;
mod look;
mod scan;
mod xlsx;

use sqlx::types::Json;

use crate::db::{Db, TenantTx};
use crate::error::{Error, Result};
use crate::import::file::MAX_COLUMNS;
use crate::import::format;
use crate::import::mapping;
use crate::import::reader::Layout;
use crate::import::reader::csv::{self, Dialect};
use crate::import::{FileFormat, Import, Limits, Options, State, store};
use crate::storage::Storage;
use look::{Looked, Seen};

/// What the first bytes of a file say: its columns, where they say so much. Refuses what is no table, and a mapping that does not fit.
pub fn first_look(head: &[u8], whole: bool, options: &Options) -> Result<Vec<String>> {
    let found = format::detect(head, whole, options).map_err(|(code, message)| Error::File(code, message))?;
    if found.format != FileFormat::Csv {
        return Ok(Vec::new());
    }
    let (text, ..) = found.encoding.decode(head);
    let header = csv::header(text.as_bytes(), Dialect::parted_by(found.delimiter));
    let Some(header) = header else { return Ok(Vec::new()) };
    check_columns(&header.columns)?;
    mapping::of(&header.columns, options)?;
    Ok(header.columns)
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

/// Looks at all of an import's file, and has its rows made. What is wrong with the file is an error; the import is as it was, but that it
/// has what was found out of how the file is read.
pub async fn validate(db: &Db, storage: &Storage, import: &Import, limits: &Limits) -> Result<()> {
    let id = import.id;
    let mut seen = Seen::default();
    let looked = match look::look(storage, import, limits, &mut seen).await {
        Ok(looked) => looked,
        Err(error) => {
            db.write(&import.actor()?, async |tx: &mut TenantTx<'_>| keep(tx, import, &seen).await).await?;
            return Err(error);
        }
    };
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

/// Keeps how a file was read that is refused.
async fn keep(tx: &mut TenantTx<'_>, import: &Import, seen: &Seen) -> Result<()> {
    let Some(reading) = &seen.reading else { return Ok(()) };
    sqlx::query(
        "update tenon.imports set reading = $3, columns = case when cardinality($4::text[]) > 0 then $4 else columns end
         where tenant_id = $1 and id = $2 and state = 'validating'",
    )
    .bind(tx.actor().tenant)
    .bind(import.id)
    .bind(Json(reading))
    .bind(&seen.columns)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn write(tx: &mut TenantTx<'_>, import: &Import, looked: &Looked, limits: &Limits) -> Result<()> {
    let (format, delimiter) = match looked.layout {
        Layout::Csv(dialect) => ("csv", Some(char::from(dialect.delimiter).to_string())),
        Layout::Ndjson => ("ndjson", None),
    };
    sqlx::query(
        "update tenon.imports set rows_key = $3, rows_format = $4, rows_bytes = $5, rows_begin = $6, committed_through_byte = $6,
                delimiter = $7, columns = $8, total = $9, reading = $10, revert_until = now() + make_interval(days => $11)
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
    .bind(Json(&looked.reading))
    .bind(limits.revert_days)
    .execute(tx.conn())
    .await?;
    Ok(())
}
