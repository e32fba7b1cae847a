//! The files of pieces, and how they become one.

use futures::TryStreamExt;
use uuid::Uuid;

use super::{Piece, Upload};
use crate::error::{Error, Result};
use crate::id::{TenantId, UploadId};
use crate::storage::{self, Storage};

/// Where the pieces of an upload are.
pub(super) fn folder(tenant: TenantId, upload: UploadId) -> String {
    format!("uploads/{tenant}/{upload}")
}

impl Piece {
    /// A piece that goes on where the upload is, and whose file is not written yet. Whoever else sends the same has another file.
    pub fn next(upload: &Upload) -> Self {
        Self { id: Uuid::now_v7(), first_byte: upload.received, bytes: 0 }
    }

    /// Where its file is.
    pub fn key(&self, upload: &Upload) -> String {
        format!("{}/{}", folder(upload.tenant_id, upload.id), self.id)
    }

    /// The same with so many bytes, which are in its file.
    pub fn written(self, bytes: u64) -> Result<Self> {
        Ok(Self { bytes: i64::try_from(bytes).map_err(Error::internal)?, ..self })
    }
}

/// A file that was put together.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Bytes.
    pub bytes: u64,
    /// The first of them.
    pub head: Vec<u8>,
}

/// Writes the pieces of an upload into one file, and shows the first bytes of it. What is in memory does not depend on the file.
pub async fn join(
    storage: &Storage,
    upload: &Upload,
    pieces: &[Piece],
    to: &str,
    head: usize,
) -> Result<Joined> {
    let mut file = storage.upload(to).await?;
    let mut shown = Vec::new();
    let copied: Result<()> = async {
        for piece in pieces {
            copy(storage, &piece.key(upload), &mut file, &mut shown, head).await?;
        }
        match file.written() == upload.bytes() {
            true => Ok(()),
            false => Err(Error::internal(format!("an upload's pieces have {} bytes", file.written()))),
        }
    }
    .await;
    match copied {
        Ok(()) => Ok(Joined { bytes: file.finish().await?, head: shown }),
        Err(error) => {
            file.abort().await;
            Err(error)
        }
    }
}

async fn copy(
    storage: &Storage,
    from: &str,
    to: &mut storage::Upload,
    shown: &mut Vec<u8>,
    head: usize,
) -> Result<()> {
    let mut read = storage.stream(from).await?;
    while let Some(bytes) = read.try_next().await? {
        let room = head - shown.len();
        shown.extend_from_slice(&bytes[..bytes.len().min(room)]);
        to.write(bytes).await?;
    }
    Ok(())
}
