//! Bytes that are no text. A row that has some is refused; they are kept with it, for the file of errors to have them as they came.

use crate::rules::Broken;

/// The code of such a row.
pub const INVALID_TEXT: &str = "INVALID_TEXT";

/// The byte 0x00 as a character that no text has: of the last private plane, whose end is nobody's.
const KEPT: u32 = 0x10_ff00;

/// Bytes as text in which each that is none stands as a character of its own.
pub fn kept(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 8);
    for piece in bytes.utf8_chunks() {
        text.push_str(piece.valid());
        text.extend(piece.invalid().iter().filter_map(|byte| char::from_u32(KEPT + u32::from(*byte))));
    }
    text
}

/// The bytes of which [`kept`] made a text.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character).checked_sub(KEPT).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) if byte >= 0x80 => bytes.push(byte),
            _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// Why a row is refused whose cell of this place, from 0, is no text.
pub(super) fn refused(place: usize) -> Broken {
    let message = format!(
        "Cell {} is no text in the file's encoding; if another one was meant, say it in `encoding`",
        place + 1
    );
    (INVALID_TEXT, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        let text = kept(b"J\xfcrgen \xc3\xa4");
        assert_eq!((text.chars().count(), bytes(&text).as_slice()), (8, b"J\xfcrgen \xc3\xa4".as_slice()));
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(file in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(bytes(&kept(&file)), file);
        }
    }
}
