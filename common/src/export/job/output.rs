//! Where the pages of a run go: into the storage as they are, or through a workbook.

use bytes::Bytes;
use tokio::io::AsyncReadExt;

use super::store::ExportJob;
use super::workbook::Workbook;
use crate::error::{Error, Result};
use crate::export::Format;
use crate::list::Listing;
use crate::storage::{Storage, Upload};

/// Bytes of a workbook that are handed to the storage at once.
const PIECE: usize = 256 * 1024;

/// A file that is being written.
pub(super) enum Output {
    /// What comes is the file.
    Plain(Upload),
    /// The file is made of what comes, and goes into the storage at its end.
    Workbook(Workbook, Upload),
}

impl Output {
    /// Begins the file of a run.
    pub(super) async fn begin(
        storage: &Storage,
        export: &ExportJob,
        listing: &'static Listing,
        fields: Option<&[&str]>,
    ) -> Result<Self> {
        let upload = storage.upload(&export.file_key()).await?;
        Ok(match export.format() {
            Format::Csv | Format::Ndjson => Self::Plain(upload),
            Format::Xlsx => Self::Workbook(Workbook::begin(listing, fields, export.options().raw), upload),
        })
    }

    /// Adds a page.
    pub(super) async fn write(&mut self, page: Vec<u8>) -> Result<()> {
        match self {
            Self::Plain(upload) => upload.write(Bytes::from(page)).await,
            Self::Workbook(workbook, _) => workbook.write(page).await,
        }
    }

    /// Ends the file: it is there, all of it; how many bytes it has.
    pub(super) async fn finish(self) -> Result<u64> {
        match self {
            Self::Plain(upload) => upload.finish().await,
            Self::Workbook(workbook, mut upload) => {
                let sent = match workbook.finish().await {
                    Ok(file) => send(file, &mut upload).await,
                    Err(error) => Err(error),
                };
                match sent {
                    Ok(()) => upload.finish().await,
                    Err(error) => {
                        upload.abort().await;
                        Err(error)
                    }
                }
            }
        }
    }

    /// Forgets the file.
    pub(super) async fn abort(self) {
        match self {
            Self::Plain(upload) | Self::Workbook(_, upload) => upload.abort().await,
        }
    }
}

async fn send(file: std::fs::File, upload: &mut Upload) -> Result<()> {
    let mut file = tokio::fs::File::from_std(file);
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        if file.read_buf(&mut piece).await.map_err(Error::internal)? == 0 {
            return Ok(());
        }
        upload.write(Bytes::from(piece)).await?;
    }
}
