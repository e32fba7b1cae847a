//! Uploads: a file that comes in pieces, over as many connections as it takes, until an import takes it.
//!
//! Each piece is a file of its own in the storage, and a row. It counts only where the last one ended: `received` moves on from the
//! value that the sender named, in one statement, so that of two pieces for the same place one counts. Files that do not count, because
//! somebody died between writing one and its row, lie in the upload's folder and go with it.

mod files;
mod removal;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::account::quota::{self, Quota};
use crate::actor::{Actor, ActorReference};
use crate::db::TenantTx;
use crate::db::record::{by_position, record};
use crate::entity::EntityKind;
use crate::error::{Conflict, ConflictCode, Error, FieldError, Result};
use crate::id::{ImportId, TenantId, UploadId, UserId};
use crate::role::Role;
use crate::rules;
use crate::wire;

pub use files::{Joined, join};
pub use removal::{discard, remove, remove_expired, remove_files};

/// Pieces of an upload at most.
pub const MAX_PIECES: i32 = 10_000;

/// An upload.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The file's name, if it was said.
    pub file_name: Option<String>,
    bytes: i64,
    received: i64,
    pieces: i32,
    /// The import that took it.
    pub import_id: Option<ImportId>,
    /// When it is removed.
    pub expires_at: DateTime<Utc>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    role: Option<String>,
    user_id: Option<UserId>,
}

record!(Upload {
    id,
    tenant_id,
    file_name,
    bytes,
    received,
    pieces,
    import_id,
    expires_at,
    created_at,
    created_by,
    role,
    user_id,
});

/// Where an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Something is missing.
    Uploading,
    /// All of it is there.
    Complete,
    /// An import has taken it.
    Imported,
}

impl Upload {
    /// Where it stands.
    pub fn state(&self) -> State {
        match self.import_id {
            Some(_) => State::Imported,
            None if self.missing() == 0 => State::Complete,
            None => State::Uploading,
        }
    }

    /// Refuses who sees less than who began it. One of an earlier server says nothing of that.
    fn check_reach(&self, caller: &Actor) -> Result<()> {
        match &self.role {
            Some(role) => caller.reach(Role::parse(role)?, self.user_id),
            None => Ok(()),
        }
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes.unsigned_abs()
    }

    /// Bytes that are there: where the next piece begins.
    pub fn received(&self) -> u64 {
        self.received.unsigned_abs()
    }

    /// Bytes that are still to come.
    pub fn missing(&self) -> u64 {
        self.bytes().saturating_sub(self.received())
    }

    /// Refuses a piece that does not begin where the last one ended.
    pub fn expect(&self, offset: u64) -> Result<()> {
        if let Some(import) = self.import_id {
            return Err(imported(import));
        }
        if offset != self.received() {
            return Err(Error::Offset { received: self.received() });
        }
        match self.pieces < MAX_PIECES || self.missing() == 0 {
            true => Ok(()),
            false => Err(Error::state(format!(
                "An upload has at most {MAX_PIECES} pieces: begin it again with larger ones"
            ))),
        }
    }

    /// Refuses to import what is not whole, or was imported already.
    pub fn require_whole(&self) -> Result<()> {
        match self.state() {
            State::Complete => Ok(()),
            State::Imported => Err(self.import_id.map_or(Error::NotFound(EntityKind::Upload), imported)),
            State::Uploading => Err(Error::Conflict(Conflict {
                code: ConflictCode::StateConflict,
                message: format!("{} of the upload's {} bytes are missing", self.missing(), self.bytes()),
                field: Some("uploadId"),
                with: None,
            })),
        }
    }
}

fn imported(import: ImportId) -> Error {
    Error::Conflict(Conflict {
        code: ConflictCode::StateConflict,
        message: "The upload was imported already".to_owned(),
        field: None,
        with: Some(import.0),
    })
}

/// A piece of an upload, whose file is in the storage.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    id: Uuid,
    first_byte: i64,
    bytes: i64,
}

by_position!(Piece { id, first_byte, bytes });

/// An upload to begin.
#[derive(Clone, Debug)]
pub struct UploadDraft {
    /// The file's name.
    pub file_name: Option<String>,
    /// Bytes that will come.
    pub bytes: u64,
}

impl UploadDraft {
    fn check(&self, most: u64) -> Result<i64> {
        if let Some(Err((code, message))) = self.file_name.as_deref().map(rules::file_name) {
            return Err(Error::Invalid(vec![FieldError::new("fileName", code, message)]));
        }
        let refuse = |code, message| Err(Error::Invalid(vec![FieldError::new("bytes", code, message)]));
        match i64::try_from(self.bytes) {
            Ok(0) => refuse("OUT_OF_RANGE", "A file has at least one byte".to_owned()),
            Ok(bytes) if self.bytes <= most => Ok(bytes),
            _ => refuse("OUT_OF_RANGE", format!("A file has at most {most} bytes")),
        }
    }
}

/// Begins an upload of at most so many bytes.
pub async fn create(tx: &mut TenantTx<'_>, draft: UploadDraft, most: u64) -> Result<Upload> {
    let bytes = draft.check(most)?;
    quota::claim(tx, Quota::Uploads, 1).await?;
    quota::claim(tx, Quota::UploadBytes, bytes).await?;
    let by = tx.actor().principal.reference().to_string();
    let made = sqlx::query_as(concat!(
        "insert into tenon.uploads (tenant_id, id, file_name, bytes, expires_at, created_at, created_by, role, user_id)
         values ($1, $2, $3, $4, now() + interval '24 hours', $5, $6, $7, $8)
         returning ",
        columns!()
    ));
    let made = made.bind(tx.actor().tenant).bind(UploadId::new()).bind(draft.file_name).bind(bytes);
    let made = made.bind(wire::now()).bind(by);
    let made = made.bind(tx.actor().role.name()).bind(tx.actor().principal.user());
    Ok(made.fetch_one(tx.conn()).await?)
}

/// An upload that has not expired.
pub async fn get(tx: &mut TenantTx<'_>, id: UploadId) -> Result<Upload> {
    let found = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.uploads where tenant_id = $1 and id = $2 and expires_at > now()"
    ));
    let found: Option<Upload> = found.bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    let found = found.ok_or(Error::NotFound(EntityKind::Upload))?;
    found.check_reach(tx.actor())?;
    Ok(found)
}

/// Counts a piece, if the upload still stands where it begins.
pub async fn advance(tx: &mut TenantTx<'_>, id: UploadId, piece: &Piece) -> Result<Upload> {
    let moved: Option<Upload> = sqlx::query_as(concat!(
        "update tenon.uploads
         set received = received + $4, pieces = pieces + 1, expires_at = now() + interval '24 hours'
         where tenant_id = $1 and id = $2 and received = $3 and received + $4 <= bytes and import_id is null and expires_at > now()
         returning ",
        columns!()
    ))
    .bind(tx.actor().tenant)
    .bind(id)
    .bind(piece.first_byte)
    .bind(piece.bytes)
    .fetch_optional(tx.conn())
    .await?;
    let Some(moved) = moved else {
        let now = get(tx, id).await?;
        now.expect(piece.first_byte.unsigned_abs())?;
        return Err(Error::Offset { received: now.received() });
    };
    let statement = "insert into tenon.upload_pieces (tenant_id, upload_id, first_byte, bytes, id) values ($1, $2, $3, $4, $5)";
    let counted = sqlx::query(statement).bind(tx.actor().tenant).bind(id);
    counted.bind(piece.first_byte).bind(piece.bytes).bind(piece.id).execute(tx.conn()).await?;
    Ok(moved)
}

/// The pieces of an upload, in order.
pub async fn pieces(tx: &mut TenantTx<'_>, id: UploadId) -> Result<Vec<Piece>> {
    let statement = "select id, first_byte, bytes from tenon.upload_pieces where tenant_id = $1 and upload_id = $2 order by first_byte";
    Ok(sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_all(tx.conn()).await?)
}

/// Gives an upload to an import, once. The row stays until it expires, to say so.
pub async fn give(tx: &mut TenantTx<'_>, id: UploadId, import: ImportId) -> Result<()> {
    let statement = "update tenon.uploads set import_id = $3
         where tenant_id = $1 and id = $2 and received = bytes and import_id is null and expires_at > now()";
    let given = sqlx::query(statement).bind(tx.actor().tenant).bind(id).bind(import);
    if given.execute(tx.conn()).await?.rows_affected() == 0 {
        get(tx, id).await?.require_whole()?;
        return Err(Error::NotFound(EntityKind::Upload));
    }
    removal::forget_pieces(tx, id).await
}
