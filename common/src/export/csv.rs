//! CSV as RFC 4180 has it.

use std::io::Write;

use super::cells::Cells;
use crate::formula;

/// A table that grows by whole lines.
#[derive(Debug)]
pub(super) struct Csv {
    pub(super) bytes: Vec<u8>,
    /// Whether cells are written as they are, also those that a spreadsheet would run.
    raw: bool,
    /// A line of one empty cell must not be an empty line, which readers pass over.
    alone: bool,
    begun: bool,
}

impl Csv {
    /// A table of so many columns.
    pub(super) fn new(columns: usize, raw: bool) -> Self {
        Self { bytes: Vec::new(), raw, alone: columns == 1, begun: false }
    }

    /// Begins a cell.
    fn cell(&mut self) {
        if self.begun {
            self.bytes.push(b',');
        }
        self.begun = true;
    }

    /// Ends a line.
    pub(super) fn end(&mut self) {
        self.bytes.extend_from_slice(b"\r\n");
        self.begun = false;
    }

    /// Writes a text, in quotes where it has to be.
    fn quoted(&mut self, guard: bool, text: &str) {
        self.cell();
        // What is empty in quotes is a text, and what is empty without them is no value.
        if !text.is_empty() && !text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
            if guard {
                self.bytes.push(formula::GUARD as u8);
            }
            self.bytes.extend_from_slice(text.as_bytes());
            return;
        }
        self.bytes.push(b'"');
        if guard {
            self.bytes.push(formula::GUARD as u8);
        }
        let mut pieces = text.split('"');
        self.bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
        for piece in pieces {
            self.bytes.extend_from_slice(b"\"\"");
            self.bytes.extend_from_slice(piece.as_bytes());
        }
        self.bytes.push(b'"');
    }

    fn displayed(&mut self, value: impl std::fmt::Display) {
        self.cell();
        // Writing to a Vec cannot fail.
        let _ = write!(self.bytes, "{value}");
    }
}

impl Cells for Csv {
    fn nothing(&mut self) {
        self.cell();
        if self.alone {
            self.bytes.extend_from_slice(b"\"\"");
        }
    }

    fn boolean(&mut self, value: bool) {
        self.displayed(value);
    }

    fn integer(&mut self, value: i64) {
        self.displayed(value);
    }

    fn number(&mut self, value: f64) {
        self.displayed(value);
    }

    fn text(&mut self, value: &str) {
        self.quoted(!self.raw && formula::is_formula(value), value);
    }

    fn nested(&mut self, json: &str) {
        self.quoted(false, json);
    }
}
