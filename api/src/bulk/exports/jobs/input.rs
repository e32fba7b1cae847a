//! What a file is asked for.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::Result;
use tenon_common::export::job::NewExport;
use tenon_common::export::{Format, Style};
use tenon_common::import::Object as Domain;
use tenon_common::list::{FilterText, ListRequest};

use crate::http::lists::{self, DeletedInput};

/// What can be written into a file.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ExportObject {
    /// Contacts.
    Contacts,
    /// Companies.
    Companies,
    /// Leads.
    Leads,
    /// Activities.
    Activities,
}

impl ExportObject {
    pub(super) fn domain(self) -> Domain {
        match self {
            Self::Contacts => Domain::Contacts,
            Self::Companies => Domain::Companies,
            Self::Leads => Domain::Leads,
            Self::Activities => Domain::Activities,
        }
    }

    pub(super) fn of(object: Domain) -> Self {
        match object {
            Domain::Contacts => Self::Contacts,
            Domain::Companies => Self::Companies,
            Domain::Leads => Self::Leads,
            Domain::Activities => Self::Activities,
        }
    }
}

/// How a file is written.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// A line for each record under a line of names.
    Csv,
    /// A JSON object on each line.
    Ndjson,
    /// A workbook with one sheet.
    Xlsx,
}

impl ExportFormat {
    fn domain(self) -> Format {
        match self {
            Self::Csv => Format::Csv,
            Self::Ndjson => Format::Ndjson,
            Self::Xlsx => Format::Xlsx,
        }
    }

    pub(super) fn of(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Ndjson => Self::Ndjson,
            Format::Xlsx => Self::Xlsx,
        }
    }
}

/// What is to be written into a file.
#[derive(Object, Debug)]
#[oai(rename = "ExportInput", rename_all = "camelCase", example)]
pub struct ExportInput {
    /// Which list.
    pub object: ExportObject,
    /// How the file is written; `csv` if absent.
    pub format: Option<ExportFormat>,
    /// A condition on fields, as in the list's parameter `filter`.
    pub filter: Option<String>,
    /// Words that all stand somewhere in the record's texts, as in the list's parameter `q`.
    #[oai(validator(max_length = 200))]
    pub q: Option<String>,
    /// Fields to sort by, each with `-` before it for descending: `["-createdAt", "name"]`. The newest first if absent.
    pub sort: Option<Vec<String>>,
    /// Members of the records to write; all if absent.
    #[oai(validator(min_items = 1))]
    pub fields: Option<Vec<String>>,
    /// Whether deleted records are written; `exclude` if absent.
    pub deleted: Option<DeletedInput>,
    /// Only records that have changed since this instant, deleted ones too if `deleted` says so.
    pub updated_since: Option<String>,
    /// Whether CSV begins with a byte order mark, by which some spreadsheets know UTF-8. `false` if absent.
    pub bom: Option<bool>,
    /// Whether cells are written as they are, also those that a spreadsheet would run: for programs. `false` if absent.
    pub raw: Option<bool>,
}

impl Example for ExportInput {
    fn example() -> Self {
        Self {
            object: ExportObject::Contacts,
            format: Some(ExportFormat::Xlsx),
            filter: Some("lifecycle = client".to_owned()),
            q: None,
            sort: None,
            fields: None,
            deleted: None,
            updated_since: None,
            bom: None,
            raw: None,
        }
    }
}

impl ExportInput {
    /// Checks it as the list's parameters are.
    pub(super) fn check(self) -> Result<NewExport> {
        let request = ListRequest {
            filter: self.filter.map(FilterText::Text),
            search: self.q,
            sort: self.sort.filter(|sort| !sort.is_empty()),
            fields: self.fields,
            deleted: self.deleted.map(|deleted| lists::named(&deleted)),
            updated_since: self.updated_since,
            ..ListRequest::default()
        };
        let style = Style {
            format: self.format.map_or(Format::Csv, ExportFormat::domain),
            bom: self.bom.unwrap_or_default(),
            raw: self.raw.unwrap_or_default(),
        };
        NewExport::check(self.object.domain(), style, request)
    }
}
