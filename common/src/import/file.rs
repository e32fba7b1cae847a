//! The files of imports in the storage, and what is made of those whose rows cannot be read where they are.

use bytes::Bytes;
use encoding_rs::{CoderResult, Decoder, Encoding};
use futures::StreamExt;

use crate::error::{Error, Result};
use crate::id::{ImportId, TenantId};
use crate::import::reader::array::Splitter;
use crate::storage::{Storage, Upload};

/// Columns of a file at most.
pub const MAX_COLUMNS: usize = 500;

/// Where a file is kept as it was sent.
pub fn key(tenant: TenantId, import: ImportId) -> String {
    format!("imports/{tenant}/{import}/file")
}

/// Where its rows are kept, if they are not read where they are.
pub fn rows_key(tenant: TenantId, import: ImportId) -> String {
    format!("imports/{tenant}/{import}/rows")
}

/// The names of columns as they are known by: one without a name by its place, one that has another's name with a number.
pub fn column_names(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for (place, name) in names.into_iter().enumerate() {
        let name = if name.is_empty() { format!("Column {}", place + 1) } else { name };
        let mut unique = name.clone();
        let mut number = 2;
        while known.contains(&unique) {
            unique = format!("{name} ({number})");
            number += 1;
        }
        known.push(unique);
    }
    known
}

/// Writes text in another encoding as UTF-8; how many bytes.
pub async fn transcode(storage: &Storage, from: &str, to: &str, encoding: &'static Encoding) -> Result<u64> {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    convert(storage, from, to, |piece, is_last, out| {
        decode(&mut decoder, piece, is_last, out);
        Ok(())
    })
    .await
}

/// Writes an array of objects as one object on each line; how many bytes.
pub async fn split(storage: &Storage, from: &str, to: &str, encoding: &'static Encoding) -> Result<u64> {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut splitter = Splitter::default();
    let mut text = Vec::new();
    convert(storage, from, to, |piece, is_last, out| {
        text.clear();
        decode(&mut decoder, piece, is_last, &mut text);
        let refused = |message: &str| Error::File("MALFORMED_JSON", message.to_owned());
        splitter.split(&text, out).map_err(refused)?;
        match is_last && !splitter.is_whole() {
            true => Err(refused("The array is not closed: is the file whole?")),
            false => Ok(()),
        }
    })
    .await
}

/// Writes a file as what each of its pieces becomes. The last piece is empty.
async fn convert(
    storage: &Storage,
    from: &str,
    to: &str,
    mut each: impl FnMut(&[u8], bool, &mut Vec<u8>) -> Result<()>,
) -> Result<u64> {
    let mut pieces = storage.stream(from).await?;
    let mut upload = storage.upload(to).await?;
    let mut converted = async |upload: &mut Upload| -> Result<()> {
        loop {
            let piece = pieces.next().await.transpose()?;
            let mut out = Vec::new();
            each(piece.as_deref().unwrap_or_default(), piece.is_none(), &mut out)?;
            upload.write(Bytes::from(out)).await?;
            if piece.is_none() {
                return Ok(());
            }
        }
    };
    match converted(&mut upload).await {
        Ok(()) => upload.finish().await,
        Err(error) => {
            upload.abort().await;
            Err(error)
        }
    }
}

fn decode(decoder: &mut Decoder, mut piece: &[u8], is_last: bool, out: &mut Vec<u8>) {
    loop {
        let room = decoder.max_utf8_buffer_length(piece.len()).unwrap_or(piece.len() * 3 + 16);
        let length = out.len();
        out.resize(length + room, 0);
        let (result, read, written, _) = decoder.decode_to_utf8(piece, &mut out[length..], is_last);
        out.truncate(length + written);
        piece = &piece[read..];
        if result == CoderResult::InputEmpty {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_16LE, WINDOWS_1252};

    use super::*;

    #[test]
    fn columns_have_names_of_their_own() {
        let names = ["Email", "", "Email", "Email (2)"].map(str::to_owned);
        assert_eq!(column_names(names), ["Email", "Column 2", "Email (2)", "Email (2) (2)"]);
    }

    #[tokio::test]
    async fn text_becomes_utf8() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(&folder.path().to_string_lossy()).expect("a storage");
        let text = "name;town\nJürgen;Köln\n".repeat(1000);
        let wide: Vec<u8> =
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let (narrow, ..) = WINDOWS_1252.encode(&text);
        for (bytes, encoding) in [(wide, UTF_16LE), (narrow.into_owned(), WINDOWS_1252)] {
            let mut upload = storage.upload("from").await.expect("begun");
            upload.write(bytes.into()).await.expect("written");
            upload.finish().await.expect("finished");
            let size = transcode(&storage, "from", "to", encoding).await.expect("transcoded");
            let read = storage.range("to", 0..size).await.expect("read");
            assert_eq!(read, text.as_bytes());
        }
    }
}
