//! The rows of a file, chunk by chunk, from any place where a row begins: what is in memory does not depend on the file's size.

pub mod array;
pub mod csv;
mod json;
pub mod undecodable;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::formula;
use crate::rules::{self, Broken};
use crate::storage::Storage;
use csv::Dialect;

/// Bytes that are read of the file at once.
const BLOCK: u64 = 1 << 20;
/// Bytes of a row at most: more is a quote that is not closed, as a rule.
pub const MAX_ROW_BYTES: usize = 1 << 20;
/// What stands in a cell for the value of a formula that no program has calculated.
pub const NOT_CALCULATED: &str = "#NOT_CALCULATED!";
/// The code of a file that ends within a quote.
pub const OPEN_QUOTE: &str = "OPEN_QUOTE";
/// Rows of a chunk at most.
pub const CHUNK_ROWS: usize = 5_000;
/// Bytes of a chunk at most, but for its last row.
const CHUNK_BYTES: u64 = 4 << 20;

/// What a row says in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing: an empty cell, a member that is not there.
    Empty,
    /// That there is no value: JSON's null.
    Null,
    /// This number, written as in Rust: of a JSON document or a workbook, whatever sign the file's texts have for decimals.
    Number(String),
    /// This.
    Text(String),
    /// This object or list of a JSON document, as JSON.
    Nested(String),
}

impl Cell {
    /// A cell of a table. What an export made safe for spreadsheets is as it was.
    fn of_text(text: &str) -> Self {
        match formula::bare(text) {
            text if is_blank(text) => Self::Empty,
            text => Self::Text(text.to_owned()),
        }
    }

    /// A cell that is a number.
    fn of_number(number: &str) -> Self {
        if is_blank(number) { Self::Empty } else { Self::Number(number.to_owned()) }
    }

    /// As a file of errors has it.
    pub fn text(&self) -> &str {
        match self {
            Self::Empty | Self::Null => "",
            Self::Number(text) | Self::Text(text) | Self::Nested(text) => text,
        }
    }
}

/// Whether there is nothing to see in a cell.
pub(in crate::import) fn is_blank(text: &str) -> bool {
    text.chars().all(rules::is_unseen)
}

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Counts from 1; the header is none.
    pub number: i64,
    /// In the order of the columns; as many as there are of them, unless it is broken.
    pub cells: Vec<Cell>,
    /// Why it cannot be used: a code and words.
    pub broken: Option<Broken>,
}

/// Rows that are made together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The number of its first row.
    pub first_row: i64,
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the next chunk begins in the file.
    pub through_byte: u64,
    /// Whether the file ends here.
    pub is_last: bool,
}

/// How rows stand in a file.
#[derive(Clone, Debug)]
pub enum Layout {
    /// Cells, written so.
    Csv(Dialect),
    /// A JSON object on each line.
    Ndjson,
}

/// What a parser made of bytes.
#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    /// A row of so many bytes, and why it cannot be used, if it cannot.
    Row(usize, Vec<Cell>, Option<Broken>),
    /// No row; so many bytes are done with. More are needed.
    More(usize),
    /// No row, and the end of the file, within a quote that was opened in this line.
    OpenQuote(usize, u64),
}

enum Parser {
    Csv(Box<csv::Parser>),
    Ndjson(json::Parser),
}

impl Parser {
    fn parse(&mut self, input: &[u8], is_end: bool) -> Parsed {
        match self {
            Self::Csv(parser) => parser.parse(input, is_end),
            Self::Ndjson(parser) => parser.parse(input, is_end),
        }
    }

    /// Bytes of a row that has begun.
    fn pending(&self) -> usize {
        match self {
            Self::Csv(parser) => parser.pending(),
            Self::Ndjson(parser) => parser.pending(),
        }
    }
}

/// Reads a file.
pub struct Reader {
    storage: Storage,
    key: String,
    size: u64,
    /// What was fetched and not parsed yet, and where it ends in the file.
    block: Bytes,
    fetched: u64,
    parser: Parser,
    next_row: i64,
    through_byte: u64,
    /// Whether the last chunk was read.
    is_done: bool,
}

impl Reader {
    /// Begins at a byte, where the row of this number does. A file of JSON has these columns; of a table the first row has them.
    pub fn new(
        storage: Storage,
        key: String,
        size: u64,
        layout: &Layout,
        columns: &[String],
        at: (u64, i64),
    ) -> Self {
        let parser = match layout {
            Layout::Csv(dialect) => Parser::Csv(Box::new(csv::Parser::new(*dialect, columns.len(), 1))),
            Layout::Ndjson => Parser::Ndjson(json::Parser::new(columns)),
        };
        Self {
            storage,
            key,
            size,
            block: Bytes::new(),
            fetched: at.0,
            parser,
            next_row: at.1,
            through_byte: at.0,
            is_done: false,
        }
    }

    /// Lines of JSON objects, whose cells are the names of their members.
    pub(super) fn lines(storage: Storage, key: String, size: u64) -> Self {
        let reader = Self::new(storage, key, size, &Layout::Ndjson, &[], (0, 1));
        Self { parser: Parser::Ndjson(json::Parser::names()), ..reader }
    }

    /// With the number of the line where it begins, which refusals of the file name.
    pub(super) fn beginning_at_line(mut self, line: u64) -> Self {
        if let Parser::Csv(parser) = &mut self.parser {
            parser.set_line(line);
        }
        self
    }

    /// Quotes so far that a backslash has made characters.
    pub(super) fn backslashes(&self) -> u64 {
        match &self.parser {
            Parser::Csv(parser) => parser.backslashes(),
            Parser::Ndjson(_) => 0,
        }
    }

    /// The next rows; none after the last chunk, which is empty where no row is left.
    pub async fn chunk(&mut self) -> Result<Option<Chunk>> {
        if self.is_done {
            return Ok(None);
        }
        let begin = self.through_byte;
        let mut chunk =
            Chunk { first_row: self.next_row, rows: Vec::new(), through_byte: begin, is_last: false };
        while chunk.rows.len() < CHUNK_ROWS && self.through_byte - begin < CHUNK_BYTES {
            match self.row().await? {
                Some(row) => chunk.rows.push(row),
                None => break,
            }
        }
        chunk.through_byte = self.through_byte;
        chunk.is_last = self.is_at_end();
        self.is_done = chunk.is_last;
        Ok(Some(chunk))
    }

    fn is_at_end(&self) -> bool {
        self.block.is_empty() && self.fetched >= self.size
    }

    /// The next row.
    pub async fn row(&mut self) -> Result<Option<Row>> {
        let mut row_bytes = 0;
        loop {
            let is_end = self.fetched >= self.size;
            let parsed = self.parser.parse(&self.block, is_end);
            let (Parsed::Row(used, ..) | Parsed::More(used) | Parsed::OpenQuote(used, _)) = &parsed;
            row_bytes += used;
            let _ = self.block.split_to(*used);
            if self.parser.pending() > MAX_ROW_BYTES {
                return Err(Error::File("ROW_TOO_LARGE", self.too_large()));
            }
            match parsed {
                Parsed::OpenQuote(_, line) => {
                    let row = self.next_row;
                    let message = format!(
                        "The file ends within a quote that row {row} opens in line {line}: is it whole?"
                    );
                    return Err(Error::File(OPEN_QUOTE, message));
                }
                Parsed::Row(_, cells, broken) => {
                    self.through_byte += row_bytes as u64;
                    self.next_row += 1;
                    return Ok(Some(Row { number: self.next_row - 1, cells, broken }));
                }
                Parsed::More(_) if is_end => {
                    self.through_byte += row_bytes as u64;
                    return Ok(None);
                }
                Parsed::More(_) => self.fetch().await?,
            }
        }
    }

    fn too_large(&self) -> String {
        let row = self.next_row;
        let open = match &self.parser {
            Parser::Csv(parser) => parser.open_quote(),
            Parser::Ndjson(_) => None,
        };
        match open {
            Some(line) => format!(
                "Row {row} has more than {MAX_ROW_BYTES} bytes: a quote that it opens in line {line} is not closed"
            ),
            None => format!("Row {row} has more than {MAX_ROW_BYTES} bytes"),
        }
    }

    /// Fetches the next block behind what is left of this one.
    async fn fetch(&mut self) -> Result<()> {
        let end = (self.fetched + BLOCK).min(self.size);
        let next = self.storage.range(&self.key, self.fetched..end).await?;
        self.fetched = end;
        self.block = match self.block.is_empty() {
            true => next,
            false => [&*self.block, &*next].concat().into(),
        };
        Ok(())
    }
}
