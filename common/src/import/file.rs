//! The files of imports in the storage, and what is made of those whose rows cannot be read where they are.

use bytes::Bytes;
use encoding_rs::{Decoder, DecoderResult, Encoding};
use futures::StreamExt;

use crate::error::{Error, Result};
use crate::id::{ImportId, TenantId};
use crate::import::Import;
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

/// What a column without a name is known by: its place, from 0.
pub fn column_name(place: usize) -> String {
    format!("Column {}", place + 1)
}

/// The names of columns as they are known by: one without a name by its place, one that has another's name with a number.
pub fn column_names(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for (place, name) in names.into_iter().enumerate() {
        let name = if name.is_empty() { column_name(place) } else { name };
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

/// A file that was written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Its bytes.
    pub bytes: u64,
    /// The first line, from 1, with bytes that are no text in the encoding.
    pub first_wrong: Option<u64>,
}

/// Writes text in another encoding as UTF-8. What is no text in it is none in UTF-8 either.
pub async fn transcode(
    storage: &Storage,
    from: &str,
    to: &str,
    encoding: &'static Encoding,
) -> Result<Rewritten> {
    let mut text = Text::new(encoding);
    let bytes = convert(storage, from, to, |piece, is_last, out| {
        text.decode(piece, is_last, out);
        Ok(())
    });
    Ok(Rewritten { bytes: bytes.await?, first_wrong: text.first_wrong })
}

/// Writes an array of objects as one object on each line.
pub async fn split(
    storage: &Storage,
    from: &str,
    to: &str,
    encoding: &'static Encoding,
) -> Result<Rewritten> {
    let mut text = Text::new(encoding);
    let mut splitter = Splitter::default();
    let mut decoded = Vec::new();
    let bytes = convert(storage, from, to, |piece, is_last, out| {
        decoded.clear();
        text.decode(piece, is_last, &mut decoded);
        let refused = |message: &str| Error::File("MALFORMED_JSON", message.to_owned());
        splitter.split(&decoded, out).map_err(refused)?;
        match is_last && !splitter.is_whole() {
            true => Err(refused("The array is not closed: is the file whole?")),
            false => Ok(()),
        }
    });
    Ok(Rewritten { bytes: bytes.await?, first_wrong: text.first_wrong })
}

/// Copies an import's file for another import; how many bytes, and the first of them, at most so many.
pub async fn copy(storage: &Storage, import: &Import, to: &str, head: usize) -> Result<(u64, Vec<u8>)> {
    import.check_kept()?;
    let mut first = Vec::new();
    let bytes = convert(storage, import.file().0, to, |piece, _, out| {
        first.extend_from_slice(&piece[..piece.len().min(head - first.len())]);
        out.extend_from_slice(piece);
        Ok(())
    });
    Ok((bytes.await?, first))
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

/// Stands before bytes that are no text in a file's encoding: it is none in UTF-8, whatever follows.
const NO_TEXT: u8 = 0xff;

/// A text that is decoded piece by piece.
struct Text {
    decoder: Decoder,
    lines: u64,
    first_wrong: Option<u64>,
}

impl Text {
    fn new(encoding: &'static Encoding) -> Self {
        Self { decoder: encoding.new_decoder_with_bom_removal(), lines: 1, first_wrong: None }
    }

    fn decode(&mut self, mut piece: &[u8], is_last: bool, out: &mut Vec<u8>) {
        loop {
            let room = self.decoder.max_utf8_buffer_length_without_replacement(piece.len());
            let length = out.len();
            out.resize(length + room.unwrap_or(piece.len() * 3 + 16), 0);
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(piece, &mut out[length..], is_last);
            out.truncate(length + written);
            self.lines += out[length..].iter().filter(|byte| **byte == b'\n').count() as u64;
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(wrong, behind) => {
                    self.first_wrong.get_or_insert(self.lines);
                    let end = read.saturating_sub(usize::from(behind));
                    let wrong = &piece[end.saturating_sub(usize::from(wrong))..end];
                    out.push(NO_TEXT);
                    out.extend(wrong.iter().filter(|byte| **byte >= 0x80));
                }
            }
            piece = &piece[read..];
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_16LE, WINDOWS_1252};
    use proptest::prelude::*;

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
            let read = storage.range("to", 0..size.bytes).await.expect("read");
            assert_eq!((read.as_ref(), size.first_wrong), (text.as_bytes(), None));
        }
    }

    #[test]
    fn what_is_no_text_in_its_encoding_is_none_in_utf8_either() {
        let mut text = Text::new(encoding_rs::SHIFT_JIS);
        let mut out = Vec::new();
        for (piece, is_last) in [(b"a\nb\x83".as_slice(), false), (b"\n\xa0,\x83", false), (b"", true)] {
            text.decode(piece, is_last, &mut out);
        }
        let wrong: Vec<bool> =
            out.split(|byte| *byte == b'\n').map(|line| std::str::from_utf8(line).is_err()).collect();
        assert_eq!((wrong, text.first_wrong), (vec![false, true, true], Some(2)), "{out:?}");
    }

    proptest! {
        /// What is written in an encoding is the same text again, in whatever pieces it comes.
        #[test]
        fn no_character_is_lost(words in "[a-z;\"\nßéžЖ山]{0,60}", cut in 0usize..200) {
            for encoding in [UTF_16LE, WINDOWS_1252, encoding_rs::KOI8_U, encoding_rs::SHIFT_JIS, encoding_rs::GB18030] {
                let bytes = match encoding == UTF_16LE {
                    true => words.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                    false => {
                        let (bytes, _, is_lossy) = encoding.encode(&words);
                        if is_lossy {
                            continue;
                        }
                        bytes.into_owned()
                    }
                };
                let cut = cut.min(bytes.len());
                let (mut text, mut out) = (Text::new(encoding), Vec::new());
                text.decode(&bytes[..cut], false, &mut out);
                text.decode(&bytes[cut..], true, &mut out);
                prop_assert_eq!(String::from_utf8_lossy(&out), words.as_str(), "{}", encoding.name());
                prop_assert_eq!(text.first_wrong, None);
            }
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            for encoding in [UTF_16LE, WINDOWS_1252, encoding_rs::SHIFT_JIS, encoding_rs::UTF_8] {
                let cut = cut.min(bytes.len());
                let (mut text, mut out) = (Text::new(encoding), Vec::new());
                text.decode(&bytes[..cut], false, &mut out);
                text.decode(&bytes[cut..], true, &mut out);
                prop_assert_eq!(text.first_wrong.is_none(), std::str::from_utf8(&out).is_ok());
            }
        }
    }
}
