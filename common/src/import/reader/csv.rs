//! Tables: RFC 4180, with any of the usual delimiters and line ends, and as people make them: rows of fewer cells than there are
//! columns, surplus cells that are empty, rows of nothing.
//!
//! A row whose quotes cannot be understood is refused with its cells as they came. A quote that is never closed is no row.

mod header;

use serde::{Deserialize, Serialize};

use super::{Cell, MAX_ROW_BYTES, Parsed, undecodable};
use crate::rules::Broken;

pub use header::{Header, cell_counts, header, preamble};

/// The code of a row in which text follows a closing quote.
pub const TEXT_BEHIND_QUOTE: &str = "TEXT_BEHIND_QUOTE";

/// How cells are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// What parts them.
    pub delimiter: u8,
    /// Whether a backslash makes the next quote, or backslash, within quotes a character. A quote is doubled otherwise.
    pub backslash: bool,
    /// Whether a cell without quotes is a number, as in what is made of a workbook.
    pub typed: bool,
}

impl Dialect {
    /// RFC 4180, but for the delimiter.
    pub fn parted_by(delimiter: u8) -> Self {
        Self { delimiter, backslash: false, typed: false }
    }
}

/// Where in a row the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before its first byte.
    Row,
    /// At the beginning of a cell, behind blanks perhaps.
    Cell,
    /// In a cell without quotes.
    Plain,
    /// Within quotes.
    Quoted,
    /// Behind a backslash within quotes.
    Backslash,
    /// Behind a quote, which may be one of two.
    Quote,
    /// Behind a closing quote and this many blanks.
    Behind(usize),
}

/// Reads rows of so many cells.
pub(super) struct Parser {
    dialect: Dialect,
    width: usize,
    place: Place,
    /// The row's text so far, where its cells end, and which of them had no quotes.
    text: Vec<u8>,
    ends: Vec<usize>,
    plain: Vec<bool>,
    is_plain: bool,
    /// Whether text follows a closing quote of the row.
    is_misquoted: bool,
    /// The line, from 1, and the one in which the last quote was opened.
    line: u64,
    after_return: bool,
    quote_line: u64,
    /// Quotes that a backslash has made characters.
    backslashes: u64,
}

impl Parser {
    pub(super) fn new(dialect: Dialect, width: usize, line: u64) -> Self {
        Self {
            dialect,
            width,
            place: Place::Row,
            text: Vec::new(),
            ends: Vec::new(),
            plain: Vec::new(),
            is_plain: true,
            is_misquoted: false,
            line,
            after_return: false,
            quote_line: line,
            backslashes: 0,
        }
    }

    /// What a row takes so far: a cell is more than its text.
    pub(super) fn pending(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>()
    }

    /// The line in which the quote was opened that is not closed.
    pub(super) fn open_quote(&self) -> Option<u64> {
        matches!(self.place, Place::Quoted | Place::Backslash).then_some(self.quote_line)
    }

    pub(super) fn backslashes(&self) -> u64 {
        self.backslashes
    }

    pub(super) fn set_line(&mut self, line: u64) {
        self.line = line;
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn parse(&mut self, input: &[u8], is_end: bool) -> Parsed {
        let mut at = 0;
        while at < input.len() {
            at += self.run(&input[at..]);
            let Some(byte) = input.get(at) else { break };
            at += 1;
            let is_row = self.byte(*byte);
            if is_row && let Some((cells, broken)) = self.take() {
                return Parsed::Row(at, cells, broken);
            }
            if self.pending() > MAX_ROW_BYTES {
                return Parsed::More(at);
            }
        }
        if !is_end || self.place == Place::Row {
            return Parsed::More(input.len());
        }
        if self.open_quote().is_some() {
            return Parsed::OpenQuote(input.len(), self.quote_line);
        }
        self.end_cell();
        self.place = Place::Row;
        match self.take() {
            Some((cells, broken)) => Parsed::Row(input.len(), cells, broken),
            None => Parsed::More(input.len()),
        }
    }

    /// Takes in what means nothing but itself, as far as it goes; how many bytes.
    fn run(&mut self, input: &[u8]) -> usize {
        let Dialect { delimiter, .. } = self.dialect;
        let means_itself = |byte: &u8| match self.place {
            Place::Plain => !matches!(*byte, b'\n' | b'\r') && *byte != delimiter,
            Place::Quoted => !matches!(*byte, b'\n' | b'\r' | b'"' | b'\\'),
            _ => false,
        };
        // What a row may have, and one more, for it to be refused.
        let most = input.len().min(MAX_ROW_BYTES + 1);
        let length = input[..most].iter().position(|byte| !means_itself(byte)).unwrap_or(most);
        self.text.extend_from_slice(&input[..length]);
        self.after_return &= length == 0;
        length
    }

    /// Takes a byte in; whether a row ends with it.
    fn byte(&mut self, byte: u8) -> bool {
        self.count_line(byte);
        match (self.place, byte) {
            (Place::Quoted, b'"') => self.place = Place::Quote,
            (Place::Quoted, b'\\') if self.dialect.backslash => self.place = Place::Backslash,
            (Place::Quoted, _) => self.text.push(byte),
            (Place::Backslash, _) => self.escaped(byte),
            (Place::Quote, b'"') => {
                self.text.push(b'"');
                self.place = Place::Quoted;
            }
            (_, b'\n' | b'\r') => return self.end_row(),
            (_, _) if byte == self.dialect.delimiter => {
                self.end_cell();
                self.place = Place::Cell;
            }
            (Place::Quote, b' ') => self.place = Place::Behind(1),
            (Place::Behind(blanks), b' ') => self.place = Place::Behind(blanks + 1),
            (Place::Quote, _) => self.misquoted(0, byte),
            (Place::Behind(blanks), _) => self.misquoted(blanks, byte),
            (Place::Row | Place::Cell, b'"') => self.open(),
            (Place::Row | Place::Cell, b' ') => {
                self.text.push(byte);
                self.place = Place::Cell;
            }
            (_, _) => {
                self.text.push(byte);
                self.place = Place::Plain;
            }
        }
        false
    }

    fn count_line(&mut self, byte: u8) {
        if byte == b'\r' || (byte == b'\n' && !self.after_return) {
            self.line += 1;
        }
        self.after_return = byte == b'\r';
    }

    fn cell_begin(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }

    /// Opens a quote. Blanks before it are none of the cell's.
    fn open(&mut self) {
        let begin = self.cell_begin();
        self.text.truncate(begin);
        self.is_plain = false;
        self.quote_line = self.line;
        self.place = Place::Quoted;
    }

    fn escaped(&mut self, byte: u8) {
        match byte {
            b'"' => self.backslashes += 1,
            b'\\' => {}
            _ => self.text.push(b'\\'),
        }
        self.text.push(byte);
        self.place = Place::Quoted;
    }

    /// Text behind a closing quote: the cell is as it came, with its quotes.
    fn misquoted(&mut self, blanks: usize, byte: u8) {
        let within = self.text.split_off(self.cell_begin());
        self.text.push(b'"');
        for byte in within {
            match byte {
                b'"' if self.dialect.backslash => self.text.extend_from_slice(b"\\\""),
                b'"' => self.text.extend_from_slice(b"\"\""),
                other => self.text.push(other),
            }
        }
        self.text.push(b'"');
        self.text.resize(self.text.len() + blanks, b' ');
        self.text.push(byte);
        self.is_misquoted = true;
        self.place = Place::Plain;
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
        self.plain.push(std::mem::replace(&mut self.is_plain, true));
    }

    fn end_row(&mut self) -> bool {
        if self.place == Place::Row {
            return false;
        }
        self.end_cell();
        self.place = Place::Row;
        true
    }

    /// The cells, and what is wrong with them; nothing of a row of nothing.
    fn take(&mut self) -> Option<(Vec<Cell>, Option<Broken>)> {
        let is_misquoted = std::mem::take(&mut self.is_misquoted);
        let mut cells = Vec::with_capacity(self.ends.len().max(self.width));
        let (mut begin, mut wrong) = (0, None);
        for (place, end) in self.ends.iter().enumerate() {
            let bytes = &self.text[begin..*end];
            begin = *end;
            cells.push(match std::str::from_utf8(bytes) {
                Ok(text) if self.dialect.typed && self.plain[place] => Cell::of_number(text),
                Ok(text) => Cell::of_text(text),
                Err(_) => {
                    wrong = wrong.or(Some(place));
                    Cell::Text(undecodable::kept(bytes))
                }
            });
        }
        self.text.clear();
        self.ends.clear();
        self.plain.clear();
        if cells.iter().all(|cell| *cell == Cell::Empty) {
            return None;
        }
        let broken = match wrong {
            Some(place) => Some(undecodable::refused(place)),
            None if is_misquoted => Some((TEXT_BEHIND_QUOTE, text_behind_quote())),
            None => self.fit(&mut cells),
        };
        Some((cells, broken))
    }

    /// Gives a row the cells that it has too few, and takes empty ones that it has too many.
    fn fit(&self, cells: &mut Vec<Cell>) -> Option<Broken> {
        let (count, width) = (cells.len(), self.width);
        if width == 0 {
            return None;
        }
        match cells.iter().skip(width).any(|cell| *cell != Cell::Empty) {
            true => {
                Some(("WRONG_CELL_COUNT", format!("The row has {count} cells, and the file {width} columns")))
            }
            false => {
                cells.resize(width, Cell::Empty);
                None
            }
        }
    }
}

fn text_behind_quote() -> String {
    "Text follows the quote that closes a cell: a quote within a cell is written twice".to_owned()
}

/// The cells of the first row, for tests of what writes them.
#[cfg(test)]
pub(in crate::import) fn cells(text: &[u8]) -> Vec<String> {
    match Parser::new(Dialect::parted_by(b','), 0, 1).parse(text, true) {
        Parsed::Row(_, cells, _) => cells.iter().map(|cell| cell.text().to_owned()).collect(),
        Parsed::More(_) | Parsed::OpenQuote(..) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
