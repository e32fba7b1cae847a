//! The beginning of a table: what a spreadsheet program puts before it, its first row, and how many cells its first rows have.

use super::{Dialect, Parsed, Parser};
use crate::import::file::column_names;
use crate::rules;

/// The first row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Where the rows begin: the byte, and the line from 1.
    pub begin: (usize, u64),
}

/// How many bytes stand before a table, a mark of UTF-8 and a first line such as `sep=;`, and what that line says parts cells.
pub fn preamble(text: &[u8]) -> (usize, Option<u8>) {
    let mark = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let rest = &text[mark..];
    let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
    match delimiter_said(&rest[..end]) {
        Some(delimiter) => {
            let feed = if rest[end..].starts_with(b"\r\n") { 2 } else { (rest.len() - end).min(1) };
            (mark + end + feed, Some(delimiter))
        }
        None => (mark, None),
    }
}

/// `sep=;`, in quotes or not. What is no sign of punctuation and no tab parts nothing.
fn delimiter_said(line: &[u8]) -> Option<u8> {
    let end = line.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    let line = &line[..end];
    let bare = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (name, said) = bare.split_at_checked(4)?;
    match said {
        [delimiter] if name.eq_ignore_ascii_case(b"sep=") => {
            let parts = *delimiter == b'\t' || (delimiter.is_ascii_punctuation() && *delimiter != b'"');
            parts.then_some(*delimiter)
        }
        _ => None,
    }
}

/// The first row of a table; none where there is no row, or where it does not end.
pub fn header(text: &[u8], dialect: Dialect) -> Option<Header> {
    let (begin, said) = preamble(text);
    let mut parser = Parser::new(dialect, 0, 1 + u64::from(said.is_some()));
    let Parsed::Row(used, cells, _) = parser.parse(&text[begin..], true) else { return None };
    let names = cells.iter().map(|cell| cell.text().trim_matches(rules::is_unseen).to_owned());
    let columns = column_names(names);
    Some(Header { columns, begin: (begin + used, parser.line()) })
}

/// How many cells each of the first rows has, but for those of nothing.
pub fn cell_counts(text: &[u8], delimiter: u8, rows: usize) -> Vec<usize> {
    let mut parser = Parser::new(Dialect::parted_by(delimiter), 0, 1);
    let mut counts = Vec::new();
    let (mut at, _) = preamble(text);
    while counts.len() < rows {
        let Parsed::Row(used, cells, _) = parser.parse(&text[at..], true) else { break };
        at += used;
        counts.push(cells.len());
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_line_of_a_spreadsheet_program_says_what_parts_cells() {
        for (text, bytes, said) in [
            ("sep=;\nName;Email\n", 6, Some(b';')),
            ("SEP=|\r\nName", 7, Some(b'|')),
            ("\u{feff}\"sep=,\"\rName", 11, Some(b',')),
            ("sep=\t\nName", 6, Some(b'\t')),
            ("sep=; \nName", 7, Some(b';')),
            ("sep=;", 5, Some(b';')),
            ("sep=x\nName", 0, None),
            ("sep=;;\nName", 0, None),
            ("\u{feff}Name\n", 3, None),
            ("sep\n", 0, None),
        ] {
            assert_eq!(preamble(text.as_bytes()), (bytes, said), "{text:?}");
        }
        let header = header(b"\xef\xbb\xbfsep=;\r\n;;\r\nName;;Email\r\nAda", Dialect::parted_by(b';'))
            .expect("a header");
        assert_eq!(header.columns, ["Name", "Column 2", "Email"]);
        assert_eq!(header.begin, (26, 4));
        let marked = super::header(
            "\u{feff}\"\u{feff}Name\",\u{a0}Email\u{200b}\n".as_bytes(),
            Dialect::parted_by(b','),
        );
        assert_eq!(marked.expect("a header").columns, ["Name", "Email"]);
    }

    proptest! {
        #[test]
        fn no_beginning_is_too_odd(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let (begin, _) = preamble(&text);
            prop_assert!(begin <= text.len());
            if let Some(header) = header(&text, Dialect::parted_by(b',')) {
                prop_assert!(header.begin.0 <= text.len());
            }
        }
    }
}
