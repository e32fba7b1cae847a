//! What a file is, by its first bytes: its format, its encoding, what parts its cells. A file that is not what it says is refused
//! with the reason.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::import::reader::csv;
use crate::import::{FileFormat, Options};

/// So many bytes of the beginning are looked at.
pub const HEAD: usize = 64 * 1024;

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detected {
    /// The format.
    pub format: FileFormat,
    /// The encoding of its text; that of a workbook is its own affair.
    pub encoding: &'static Encoding,
    /// Whether its first bytes leave no doubt of that.
    pub is_marked: bool,
    /// Whether the options say it.
    pub is_said: bool,
    /// What parts cells, where it is CSV.
    pub delimiter: u8,
}

/// Why a file is refused: a code and words.
pub type Refused = (&'static str, String);

/// The first bytes of files that are no table, and what they are called.
const OTHERS: &[(&[u8], &str)] = &[
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "compressed by gzip; decompress it first"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls); save it as .xlsx or CSV"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"BZh", "compressed by bzip2; decompress it first"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; decompress it first"),
    (b"SQLite format 3", "a database"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML"),
];

/// Looks at the first bytes of a file; `whole` where they are all of it.
pub fn detect(head: &[u8], whole: bool, options: &Options) -> Result<Detected, Refused> {
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(("EMPTY_FILE", "The file is empty".to_owned()));
    }
    if let Some((_, what)) = OTHERS.iter().find(|(first, _)| head.starts_with(first)) {
        return Err(("NOT_A_TABLE", format!("Expected CSV, NDJSON, JSON or XLSX; the file is {what}")));
    }
    if head.starts_with(b"PK\x03\x04") {
        agrees(options, FileFormat::Xlsx)?;
        let (format, encoding) = (FileFormat::Xlsx, UTF_8);
        return Ok(Detected { format, encoding, is_marked: true, is_said: false, delimiter: b',' });
    }
    let said = options.encoding.as_ref().and_then(|label| Encoding::for_label(label.as_bytes()));
    let (encoding, is_marked) = encoding(head, said)?;
    let (text, ..) = encoding.decode(head);
    if text.chars().take(1000).any(|c| c == '\0') {
        return Err(("NOT_A_TABLE", "Expected CSV, NDJSON, JSON or XLSX; the file is not text".to_owned()));
    }
    let format = match text.trim_start().as_bytes().first() {
        Some(b'[') if is_array(&text) => FileFormat::Json,
        Some(b'{') => FileFormat::Ndjson,
        _ => FileFormat::Csv,
    };
    agrees(options, format)?;
    let delimiter = options.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok());
    let delimiter = delimiter.or_else(|| csv::preamble(text.as_bytes()).1);
    let delimiter = delimiter.unwrap_or_else(|| delimiter_of(&text, whole));
    Ok(Detected { format, encoding, is_marked, is_said: said.is_some(), delimiter })
}

fn agrees(options: &Options, found: FileFormat) -> Result<(), Refused> {
    match options.format {
        Some(said) if said != found => {
            let message = format!("The file is said to be {}, and is {}", said.name(), found.name());
            Err(("FORMAT_MISMATCH", message))
        }
        _ => Ok(()),
    }
}

/// A table whose first cell begins with a bracket is no array.
fn is_array(text: &str) -> bool {
    let rest = text.trim_start().trim_start_matches('[').trim_start();
    matches!(rest.as_bytes().first(), Some(b'{' | b']'))
}

/// The encoding that the first bytes have, and whether they leave no doubt. A mark of another encoding than the one that is said is refused.
fn encoding(head: &[u8], said: Option<&'static Encoding>) -> Result<(&'static Encoding, bool), Refused> {
    if let Some((marked, _)) = Encoding::for_bom(head) {
        let is_wide = |encoding: &'static Encoding| [UTF_16LE, UTF_16BE].contains(&encoding);
        // Who says UTF-16 means whichever of the two it is.
        return match said {
            Some(said) if said != marked && !(is_wide(said) && is_wide(marked)) => {
                let (said, marked) = (said.name(), marked.name());
                let message = format!("The file begins with the mark of {marked}, and is said to be {said}");
                Err(("WRONG_ENCODING", message))
            }
            _ => Ok((marked, true)),
        };
    }
    if let Some(said) = said {
        return Ok((said, false));
    }
    // Text without a mark in two bytes a character: one of them is zero nearly always.
    let zeros = |offset: usize| {
        head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count() * 3 > head.len()
    };
    if zeros(1) {
        return Ok((UTF_16LE, true));
    }
    if zeros(0) {
        return Ok((UTF_16BE, true));
    }
    if is_utf8(head) {
        return Ok((UTF_8, false));
    }
    let mut detector = detector();
    detector.feed(head, false);
    Ok((guess(detector), false))
}

/// Whether all of it is UTF-8, but for a character that is cut off at the end.
fn is_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// What text that is not UTF-8 is fed to.
pub fn detector() -> EncodingDetector {
    EncodingDetector::new(Iso2022JpDetection::Deny)
}

/// The encoding of text that is not UTF-8.
pub fn guess(mut fed: EncodingDetector) -> &'static Encoding {
    fed.feed(b"", true);
    fed.guess(None, Utf8Detection::Deny)
}

/// The delimiter with which the lines have the same number of cells, and most of them; where no lines do, the one of the first line.
fn delimiter_of(text: &str, whole: bool) -> u8 {
    let score = |delimiter: u8| {
        let mut counts = csv::cell_counts(text.as_bytes(), delimiter, 50);
        if !whole && counts.len() > 1 {
            counts.pop();
        }
        let first = counts.first().copied().unwrap_or(0);
        let same = counts.iter().filter(|count| **count == first).count();
        // Of lines that nearly all agree the number of cells counts.
        let agree = same * 10 >= counts.len() * 8;
        if first > 1 { (agree, first) } else { (false, 0) }
    };
    // Of equals the first wins.
    let mut best = (b',', (false, 0));
    for delimiter in [b',', b';', b'\t', b'|'] {
        let score = score(delimiter);
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::import::Object;

    fn look(head: &[u8]) -> Result<Detected, Refused> {
        detect(head, true, &Options::new(Object::Contacts))
    }

    #[test]
    fn formats_encodings_and_delimiters_are_found_out() {
        let utf16: Vec<u8> =
            "name;email\nÄda;a@b.example\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xff\xfe".as_slice(), &utf16].concat();
        let said: Vec<u8> = "\u{feff}sep=|\nname|town\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (head, format, encoding, delimiter) in [
            (b"name,email\nAda,a@b.example\n".as_slice(), FileFormat::Csv, "UTF-8", b','),
            (b"\xef\xbb\xbfname;email\nAda;\"a,b\"\nEve;c,d\n", FileFormat::Csv, "UTF-8", b';'),
            (b"name\temail\nAda\ta\n", FileFormat::Csv, "UTF-8", b'\t'),
            (b"name\nAda\n", FileFormat::Csv, "UTF-8", b','),
            (b"name;town\nJ\xfcrgen;K\xf6ln\nBj\xf6rn;Malm\xf6\n", FileFormat::Csv, "windows-1252", b';'),
            (&utf16, FileFormat::Csv, "UTF-16LE", b';'),
            (&marked, FileFormat::Csv, "UTF-16LE", b';'),
            (b"{\"name\": \"Ada\"}\n", FileFormat::Ndjson, "UTF-8", b','),
            (b" [ {\"name\": \"Ada\"}]", FileFormat::Json, "UTF-8", b','),
            (b"sep=;\r\nName;Email\r\na,b;c,d\r\n", FileFormat::Csv, "UTF-8", b';'),
            (b"\xef\xbb\xbf\"sep=:\"\nName:Email\n", FileFormat::Csv, "UTF-8", b':'),
            (&said, FileFormat::Csv, "UTF-16LE", b'|'),
            (b"Name;Title;Email\nAda\nGrace;x\n", FileFormat::Csv, "UTF-8", b';'),
            (b"[x],y\n1,2\n", FileFormat::Csv, "UTF-8", b','),
            (b"PK\x03\x04\x14\0", FileFormat::Xlsx, "UTF-8", b','),
        ] {
            let found = look(head).unwrap_or_else(|refused| panic!("{refused:?}"));
            assert_eq!(
                (found.format, found.encoding.name(), found.delimiter),
                (format, encoding, delimiter),
                "{head:?}"
            );
        }
    }

    #[test]
    fn what_is_no_table_is_refused_with_the_reason() {
        for (head, code, word) in [
            (b"".as_slice(), "EMPTY_FILE", "empty"),
            (b" \n \n", "EMPTY_FILE", "empty"),
            (b"%PDF-1.7", "NOT_A_TABLE", "PDF"),
            (b"\x1f\x8b\x08", "NOT_A_TABLE", "gzip"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "NOT_A_TABLE", ".xls"),
            (b"abc\0\x01\x02def", "NOT_A_TABLE", "not text"),
        ] {
            let (found, message) = look(head).expect_err("refused");
            assert!(found == code && message.contains(word), "{found} {message}");
        }
        let options = Options { format: Some(FileFormat::Xlsx), ..Options::new(Object::Contacts) };
        let (code, message) = detect(b"name\nAda\n", true, &options).expect_err("refused");
        assert!(code == "FORMAT_MISMATCH" && message.contains("said to be xlsx, and is csv"));
    }

    proptest! {
        #[test]
        fn no_head_is_too_odd(head in prop::collection::vec(any::<u8>(), 0..400), whole: bool) {
            let _ = detect(&head, whole, &Options::new(Object::Contacts));
        }
    }
}
