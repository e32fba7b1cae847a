//! How files were read, as it is shown.

use std::collections::HashMap;

use poem_openapi::Object;
use serde::Serialize;
use tenon_common::import::Import;
use tenon_common::import::chunk::PreviewRow;
use tenon_common::import::mapping::Column;
use tenon_common::import::reading::FileReading;

use super::body::ImportRowError;
use super::options::{ImportDateFormat, ImportDecimalSign, ImportFormat};

/// A column of a file.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ImportColumn", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ImportColumn {
    /// Its name in the file.
    pub name: String,
    /// The field that it is for; null for one that is left out.
    #[oai(nullable)]
    pub field: Option<String>,
    /// Whether that was guessed.
    pub guessed: bool,
    /// The sign for decimals in it, of a column of numbers: as it was said, or as the cells tell; null where they tell nothing.
    #[oai(nullable)]
    pub decimal_sign: Option<ImportDecimalSign>,
    /// How days are written in it, of a column of days or times.
    #[oai(nullable)]
    pub date_format: Option<ImportDateFormat>,
}

/// How a file was read: what was said of it, and what was found out.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ImportReading", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ImportReading {
    /// What the file is.
    pub format: ImportFormat,
    /// How its text is encoded, by the names of the Encoding Standard; null of a workbook.
    #[oai(nullable)]
    pub encoding: Option<String>,
    /// What parts its cells; null of a file that is no CSV.
    #[oai(nullable)]
    pub delimiter: Option<String>,
    /// Whether a backslash makes the next quote a character, where others write the quote twice.
    pub backslash: bool,
    /// The sheet of a workbook that was read.
    #[oai(nullable)]
    pub sheet: Option<String>,
    /// The workbook's other sheets, which were not.
    pub other_sheets: Vec<String>,
    /// Columns that say something, and are for no field: of a workbook those too that stand beside its table, known by their places.
    pub ignored: Vec<ImportIgnored>,
}

/// A column of which nothing is read.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ImportIgnored", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ImportIgnored {
    /// Its name; of one without a name its place, such as `Column 4`.
    pub column: String,
    /// Cells of it that are not empty.
    pub values: i64,
}

/// How a file was read, and what becomes of it.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ImportPreview", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct PreviewBody {
    /// How the file was read; null where it was before that was kept.
    #[oai(nullable)]
    pub reading: Option<ImportReading>,
    /// The file's columns and what they are for.
    pub columns: Vec<ImportColumn>,
    /// The first rows.
    pub rows: Vec<PreviewRowBody>,
}

/// A row as its record would be stored.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ImportPreviewRow", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct PreviewRowBody {
    /// The row's number in the file, from 1; the header is none.
    pub row: i64,
    /// The fields that have a value, as texts. Of a row that would be refused, what can be read of it.
    pub record: HashMap<String, String>,
    /// Why it would be refused; nothing where it would not.
    pub errors: Vec<ImportRowError>,
}

impl PreviewBody {
    /// Of an import's first rows.
    pub(super) fn of(import: &Import, rows: Vec<PreviewRow>) -> Self {
        let row = |row: PreviewRow| PreviewRowBody {
            row: row.row,
            record: row.record.into_iter().map(|(field, text)| (field.to_owned(), text)).collect(),
            errors: row.errors.into_iter().map(ImportRowError::from).collect(),
        };
        Self {
            reading: import.reading().map(ImportReading::from),
            columns: columns(import),
            rows: rows.into_iter().map(row).collect(),
        }
    }
}

impl From<&FileReading> for ImportReading {
    fn from(reading: &FileReading) -> Self {
        let ignored = reading.ignored.iter().map(|ignored| ImportIgnored {
            column: ignored.column.clone(),
            values: i64::try_from(ignored.values).unwrap_or(i64::MAX),
        });
        Self {
            format: reading.format.into(),
            encoding: reading.encoding.clone(),
            delimiter: reading.delimiter.map(String::from),
            backslash: reading.backslash,
            sheet: reading.sheet.clone(),
            other_sheets: reading.other_sheets.clone(),
            ignored: ignored.collect(),
        }
    }
}

impl ImportColumn {
    fn of(column: Column, reading: Option<&FileReading>) -> Self {
        let format =
            reading.and_then(|reading| reading.formats.get(&column.name)).copied().unwrap_or_default();
        Self {
            name: column.name,
            field: column.field.map(str::to_owned),
            guessed: column.guessed,
            decimal_sign: format.decimal_sign.map(Into::into),
            date_format: format.date_format.map(Into::into),
        }
    }
}

/// The columns of an import and what they are for.
pub(super) fn columns(import: &Import) -> Vec<ImportColumn> {
    let reading = import.reading();
    import.mapping().into_iter().map(|column| ImportColumn::of(column, reading)).collect()
}
