//! Tables: RFC 4180, with any of the usual delimiters and line ends.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{Cell, Parsed};
use crate::crm::rules::Broken;
use crate::import::file::column_names;

/// Reads rows of so many cells.
pub(super) struct Parser {
    reader: Reader,
    width: usize,
    /// The row's text so far, and where its cells end.
    text: Vec<u8>,
    length: usize,
    ends: Vec<usize>,
    cells: usize,
}

impl Parser {
    pub(super) fn new(delimiter: u8, width: usize) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { reader, width, text: vec![0; 4096], length: 0, ends: vec![0; 64], cells: 0 }
    }

    /// What a row takes so far: a cell is more than its text.
    pub(super) fn pending(&self) -> usize {
        self.length + self.cells * size_of::<usize>()
    }

    pub(super) fn parse(&mut self, input: &[u8], is_end: bool) -> Parsed {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            // An empty input says that the file has ended.
            if rest.is_empty() && !is_end {
                return Parsed::More(used);
            }
            let (result, read, written, ended) =
                self.reader.read_record(rest, &mut self.text[self.length..], &mut self.ends[self.cells..]);
            used += read;
            self.length += written;
            self.cells += ended;
            match result {
                ReadRecordResult::InputEmpty if self.pending() > super::MAX_ROW_BYTES => {
                    return Parsed::More(used);
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull
                    if self.pending() > super::MAX_ROW_BYTES =>
                {
                    return Parsed::More(used);
                }
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    let (cells, broken) = self.take();
                    return Parsed::Row(used, cells, broken);
                }
                ReadRecordResult::End => return Parsed::More(used),
            }
        }
    }

    /// The cells, and what is wrong with them.
    fn take(&mut self) -> (Vec<Cell>, Option<Broken>) {
        let (length, count) = (std::mem::take(&mut self.length), std::mem::take(&mut self.cells));
        let text = String::from_utf8_lossy(&self.text[..length]);
        let ends = self.ends[..count].iter().copied();
        let begins = std::iter::once(0).chain(ends.clone());
        let cell = |(begin, end): (usize, usize)| String::from_utf8_lossy(&self.text[begin..end]);
        let cells = begins.zip(ends).map(|range| Cell::of_text(&cell(range))).collect();
        let broken = match (text, self.width) {
            (Cow::Owned(_), _) => {
                Some(("INVALID_TEXT", "The row is not text in the file's encoding".to_owned()))
            }
            (_, width) if width > 0 && width != count => {
                Some(("WRONG_CELL_COUNT", format!("The row has {count} cells, and the file {width} columns")))
            }
            _ => None,
        };
        (cells, broken)
    }
}

/// How many cells each of the first rows has.
pub fn cell_counts(text: &[u8], delimiter: u8, rows: usize) -> Vec<usize> {
    let mut parser = Parser::new(delimiter, 0);
    let mut counts = Vec::new();
    let mut at = 0;
    while counts.len() < rows {
        match parser.parse(&text[at..], true) {
            Parsed::Row(used, cells, _) => {
                at += used;
                counts.push(cells.len());
            }
            Parsed::More(_) => break,
        }
    }
    counts
}

/// The names of the columns in a table's first row, and how many bytes that row has; none where there is no row.
pub fn header(text: &[u8], delimiter: u8) -> Option<(Vec<String>, usize)> {
    match Parser::new(delimiter, 0).parse(text, true) {
        Parsed::Row(used, cells, _) => {
            Some((column_names(cells.iter().map(|cell| cell.text().trim().to_owned())), used))
        }
        Parsed::More(_) => None,
    }
}

/// The cells of the first row, for tests of what writes them.
#[cfg(test)]
pub(in crate::import) fn cells(text: &[u8]) -> Vec<String> {
    match Parser::new(b',', 0).parse(text, true) {
        Parsed::Row(_, cells, _) => cells.iter().map(|cell| cell.text().to_owned()).collect(),
        Parsed::More(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rows of a file that comes in pieces, with the byte at which each ends.
    fn rows(pieces: &[&[u8]], width: usize) -> Vec<(usize, Vec<Cell>, Option<&'static str>)> {
        let mut parser = Parser::new(b',', width);
        let (mut found, mut at, mut rest) = (Vec::new(), 0, Vec::new());
        for (index, piece) in pieces.iter().enumerate() {
            rest.extend_from_slice(piece);
            loop {
                let parsed = parser.parse(&rest, index + 1 == pieces.len());
                let (Parsed::Row(used, ..) | Parsed::More(used)) = &parsed;
                at += used;
                rest.drain(..*used);
                match parsed {
                    Parsed::Row(_, cells, broken) => found.push((at, cells, broken.map(|(code, _)| code))),
                    Parsed::More(_) => break,
                }
            }
        }
        found
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn rows_are_read_from_any_place_where_one_begins() {
        let file = b"a,b\r\n1,\"x\r\n\"\"y\"\"\"\r\n\r\n2,\n3,4,5\n'=1+1,\xff\n";
        let all = rows(&[file], 2);
        let read: Vec<_> = all.iter().map(|(_, cells, broken)| (cells.clone(), *broken)).collect();
        assert_eq!(
            read,
            [
                (vec![text("a"), text("b")], None),
                (vec![text("1"), text("x\r\n\"y\"")], None),
                (vec![text("2"), Cell::Empty], None),
                (vec![text("3"), text("4"), text("5")], Some("WRONG_CELL_COUNT")),
                (vec![text("=1+1"), text("\u{fffd}")], Some("INVALID_TEXT")),
            ]
        );
        for (place, (at, ..)) in all.iter().enumerate() {
            let rest = rows(&[&file[*at..]], 2).into_iter().map(|(_, cells, broken)| (cells, broken));
            assert_eq!(rest.collect::<Vec<_>>(), read[place + 1..], "from {at}");
        }
        assert_eq!(Cell::of_text("'=1+1"), text("=1+1"));
        assert_eq!(Cell::of_text("'s"), text("'s"));
    }

    proptest! {
        /// What the csv crate writes is read again, in whatever pieces it comes.
        #[test]
        fn what_is_written_is_read(
            table in prop::collection::vec(prop::collection::vec("[a-z \",\r\nä€]{0,12}", 3), 1..20),
            cut in 0usize..500,
        ) {
            let mut file = Vec::new();
            for row in &table {
                let cells: Vec<String> = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
                file.extend_from_slice(cells.join(",").as_bytes());
                file.push(b'\n');
            }
            let cut = cut.min(file.len());
            let read = rows(&[&file[..cut], &file[cut..]], 3);
            let cells: Vec<Vec<String>> =
                read.iter().map(|(_, cells, _)| cells.iter().map(|cell| cell.text().to_owned()).collect()).collect();
            prop_assert_eq!(&cells, &table);
            prop_assert_eq!(read.last().map(|(at, ..)| *at), Some(file.len()));
        }

        #[test]
        fn no_bytes_are_too_odd(file in prop::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
            let cut = cut.min(file.len());
            let in_two: Vec<_> = rows(&[&file[..cut], &file[cut..]], 0);
            prop_assert_eq!(in_two, rows(&[&file], 0));
        }
    }
}
