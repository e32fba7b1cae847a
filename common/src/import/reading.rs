//! How a file was read: what was said of it, and what was found out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::import::FileFormat;
use crate::import::guess::ColumnFormat;
use crate::import::mapping::{ADDED, Column};

/// How a file was read, as it is kept with its import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileReading {
    /// What the file is.
    pub format: FileFormat,
    /// How its text is encoded, by the names of the Encoding Standard; none of a workbook.
    pub encoding: Option<String>,
    /// What parts its cells, where it is CSV.
    pub delimiter: Option<char>,
    /// Whether a backslash makes quotes characters in it.
    pub backslash: bool,
    /// The sheet that was read, where it is a workbook.
    pub sheet: Option<String>,
    /// The workbook's other sheets, which were not.
    pub other_sheets: Vec<String>,
    /// How numbers and days are written, by the columns that have some.
    pub formats: BTreeMap<String, ColumnFormat>,
    /// Columns that say something, and are for no field.
    pub ignored: Vec<Ignored>,
}

/// A column of which nothing is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Its name; of one without a name its place, such as `Column 4`.
    pub column: String,
    /// Cells of it that are not empty.
    pub values: u64,
}

/// The columns that are for no field, with how many cells each has that say something: of the file's columns, and of those beside its table.
pub(super) fn ignored(columns: &[Column], filled: &[u64], beside: Vec<Ignored>) -> Vec<Ignored> {
    let unread = |column: &Column| column.field.is_none() && !ADDED.contains(&column.name.as_str());
    let of_file = columns.iter().zip(filled).filter(|(column, values)| unread(column) && **values > 0);
    let of_file = of_file.map(|(column, values)| Ignored { column: column.name.clone(), values: *values });
    of_file.chain(beside).collect()
}
