//! What an export can be written as.

/// A form of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, a line for each record under a line of names.
    Csv,
    /// A JSON object for each record, each on a line.
    Ndjson,
    /// A workbook with one sheet: for files alone, for it is whole only at its end.
    Xlsx,
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Ndjson, Self::Xlsx];
    /// Those that can be sent while they are written.
    pub const STREAMED: [Self; 2] = [Self::Csv, Self::Ndjson];

    /// The name, which is the ending of a file's name too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Xlsx => "xlsx",
        }
    }

    /// The form of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The form.
    pub format: Format,
    /// Whether CSV begins with a byte order mark: some spreadsheets take it for another encoding otherwise.
    pub bom: bool,
    /// Whether cells are written as they are, also those that a spreadsheet would run.
    pub raw: bool,
}

impl Style {
    /// A form as it is written where nothing else is said.
    pub fn of(format: Format) -> Self {
        Self { format, bom: false, raw: false }
    }
}
