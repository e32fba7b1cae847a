//! How a file is to be imported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::import::Object;

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $wire:literal),+ $(,)? } default $default:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$case_doc])* #[serde(rename = $wire)] $case),+
        }

        impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        }
    };
}

choice! {
    /// What rows may do.
    Mode {
        /// Only create.
        Create = "create",
        /// Only change what is there.
        Update = "update",
        /// Change what is there, and create what is not.
        Upsert = "upsert",
    } default Create
}

choice! {
    /// What becomes of a row of a new record whose unique value is taken.
    OnDuplicate {
        /// It is left out, and that is said.
        Skip = "skip",
        /// It changes the record that has the value.
        Update = "update",
        /// It is refused.
        Fail = "fail",
    } default Fail
}

choice! {
    /// Which events the changes write.
    BulkEvents {
        /// One for each record, as any change does.
        All = "all",
        /// One for all of the import, at its end.
        Summary = "summary",
        /// None that webhooks can subscribe to.
        None = "none",
    } default All
}

choice! {
    /// What an empty cell says of a record that is there.
    EmptyCells {
        /// Nothing: the field stays as it is.
        Keep = "keep",
        /// The field is cleared.
        Clear = "clear",
    } default Keep
}

choice! {
    /// In which order days, months and years are written.
    DateFormat {
        /// As the cells of each column tell by a number above twelve; `2026-11-28` where they tell nothing.
        Auto = "auto",
        /// `2026-11-28`.
        Iso = "YYYY-MM-DD",
        /// `28.11.2026`, `28/11/2026`, `28-11-2026`.
        DayFirst = "DD-MM-YYYY",
        /// `11/28/2026`, `11-28-2026`, `11.28.2026`.
        MonthFirst = "MM-DD-YYYY",
    } default Auto
}

choice! {
    /// The sign for decimals in numbers that are texts.
    DecimalSign {
        /// `1250.50`, `1,250.50`.
        Point = "point",
        /// `1250,50`, `1.250,50`.
        Comma = "comma",
    } default Point
}

impl DecimalSign {
    /// The sign.
    pub fn sign(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }

    /// Which one a sign is.
    pub(super) fn of(sign: char) -> Option<Self> {
        [Self::Point, Self::Comma].into_iter().find(|known| known.sign() == sign)
    }

    /// The other one, which makes groups of thousands then.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Point => Self::Comma,
            Self::Comma => Self::Point,
        }
    }
}

choice! {
    /// What a file is.
    FileFormat {
        /// Cells parted by a delimiter (RFC 4180).
        Csv = "csv",
        /// A JSON object on each line.
        Ndjson = "ndjson",
        /// An array of JSON objects.
        Json = "json",
        /// A workbook, of which one sheet is read.
        Xlsx = "xlsx",
    } default Csv
}

impl FileFormat {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
        }
    }
}

/// How a file is to be imported, as it is kept with the import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// What its rows become.
    pub object: Object,
    /// What rows may do.
    #[serde(default)]
    pub mode: Mode,
    /// The unique values by which a row finds its record: the first of which it has one.
    #[serde(default)]
    pub match_on: Vec<String>,
    /// What becomes of a new record whose unique value is taken.
    #[serde(default)]
    pub on_duplicate: OnDuplicate,
    /// Whether everything is tried and nothing kept.
    #[serde(default)]
    pub dry_run: bool,
    /// Columns and their fields; null for a column that is left out.
    #[serde(default)]
    pub mapping: BTreeMap<String, Option<String>>,
    /// What a new record says where its row says nothing, by field.
    #[serde(default)]
    pub defaults: BTreeMap<String, String>,
    /// What the file is; found out where it is not said.
    #[serde(default)]
    pub format: Option<FileFormat>,
    /// What parts cells; found out where it is not said.
    #[serde(default)]
    pub delimiter: Option<char>,
    /// How the file's text is encoded, by the names of the Encoding Standard; found out where it is not said.
    #[serde(default)]
    pub encoding: Option<String>,
    /// The sheet of a workbook that is read; the first one with rows where it is not said.
    #[serde(default)]
    pub sheet: Option<String>,
    /// How days are written.
    #[serde(default)]
    pub date_format: DateFormat,
    /// The sign for decimals in numbers; as the cells of each column tell where it is not said.
    #[serde(default)]
    pub decimal_sign: Option<DecimalSign>,
    /// The country (ISO 3166-1 alpha-2) of phone numbers that are written without one.
    #[serde(default)]
    pub phone_country: Option<String>,
    /// What an empty cell says.
    #[serde(default)]
    pub empty_cells: EmptyCells,
    /// After so many refused rows it is given up; never where it is not said.
    #[serde(default)]
    pub max_errors: Option<u64>,
    /// Which events the changes write.
    #[serde(default)]
    pub bulk_events: BulkEvents,
}

impl Options {
    /// With nothing said.
    pub fn new(object: Object) -> Self {
        Self {
            object,
            mode: Mode::default(),
            match_on: Vec::new(),
            on_duplicate: OnDuplicate::default(),
            dry_run: false,
            mapping: BTreeMap::new(),
            defaults: BTreeMap::new(),
            format: None,
            delimiter: None,
            encoding: None,
            sheet: None,
            date_format: DateFormat::default(),
            decimal_sign: None,
            phone_country: None,
            empty_cells: EmptyCells::default(),
            max_errors: None,
            bulk_events: BulkEvents::default(),
        }
    }
}
