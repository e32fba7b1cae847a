//! The rows of a file, chunk by chunk, from any place where a row begins: what is in memory does not depend on the file's size.

pub mod array;
pub mod csv;
mod json;

use bytes::Bytes;

use crate::crm::rules::Broken;
use crate::error::{Error, Result};
use crate::export::formula;
use crate::storage::Storage;

/// Bytes that are read of the file at once.
const BLOCK: u64 = 1 << 20;
/// Bytes of a row at most: more is a quote that is not closed, as a rule.
pub const MAX_ROW_BYTES: usize = 1 << 20;
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
    /// This.
    Text(String),
}

impl Cell {
    /// A cell of a table. What an export made safe for spreadsheets is as it was.
    fn of_text(text: &str) -> Self {
        match formula::bare(text) {
            "" => Self::Empty,
            text => Self::Text(text.to_owned()),
        }
    }

    /// As a file of errors has it.
    pub fn text(&self) -> &str {
        match self {
            Self::Empty | Self::Null => "",
            Self::Text(text) => text,
        }
    }
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
    /// Cells, parted by this byte.
    Csv(u8),
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
            Layout::Csv(delimiter) => Parser::Csv(Box::new(csv::Parser::new(*delimiter, columns.len()))),
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
            let (Parsed::Row(used, ..) | Parsed::More(used)) = &parsed;
            row_bytes += used;
            let _ = self.block.split_to(*used);
            if self.parser.pending() > MAX_ROW_BYTES {
                return Err(Error::File("ROW_TOO_LARGE", too_large(self.next_row)));
            }
            match parsed {
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

fn too_large(row: i64) -> String {
    format!("Row {row} has more than {MAX_ROW_BYTES} bytes; is a quote before it not closed?")
}
