//! How a file is to be imported, as clients say it.

use std::collections::HashMap;

use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::import::{self, Options};

use crate::http::code::Code;
use crate::http::refusal::Refusal;

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident as $wire_name:literal for $domain:ty { $($(#[$case_doc:meta])* $case:ident = $wire:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
        #[oai(rename = $wire_name)]
        pub enum $name {
            $($(#[$case_doc])* #[oai(rename = $wire)] #[serde(rename = $wire)] $case),+
        }

        impl From<$name> for $domain {
            fn from(name: $name) -> Self {
                match name {
                    $($name::$case => Self::$case),+
                }
            }
        }

        impl From<$domain> for $name {
            fn from(domain: $domain) -> Self {
                match domain {
                    $(<$domain>::$case => Self::$case),+
                }
            }
        }
    };
}

choice! {
    /// What rows become.
    ImportObject as "ImportObject" for import::Object {
        /// Contacts.
        Contacts = "contacts",
        /// Companies.
        Companies = "companies",
        /// Leads.
        Leads = "leads",
        /// Activities.
        Activities = "activities",
    }
}

choice! {
    /// What rows may do.
    ImportMode as "ImportMode" for import::Mode {
        /// Only create.
        Create = "create",
        /// Only change what is there.
        Update = "update",
        /// Change what is there, and create what is not.
        Upsert = "upsert",
    }
}

choice! {
    /// What becomes of a row of a new record whose unique value is taken.
    ImportOnDuplicate as "ImportOnDuplicate" for import::OnDuplicate {
        /// It is left out, and that is said.
        Skip = "skip",
        /// It changes the record that has the value.
        Update = "update",
        /// It is refused.
        Fail = "fail",
    }
}

choice! {
    /// Which events the changes write.
    ImportBulkEvents as "ImportBulkEvents" for import::BulkEvents {
        /// One for each record, with `bulk.importId`.
        All = "all",
        /// One at the end of the import.
        Summary = "summary",
        /// None for webhooks.
        None = "none",
    }
}

choice! {
    /// What an empty cell says of a record that is there.
    ImportEmptyCells as "ImportEmptyCells" for import::EmptyCells {
        /// Nothing: the field stays as it is.
        Keep = "keep",
        /// The field is cleared.
        Clear = "clear",
    }
}

choice! {
    /// How days are written.
    ImportDateFormat as "ImportDateFormat" for import::DateFormat {
        /// As the cells of each column tell by a number above twelve; 2026-11-28 where they tell nothing.
        Auto = "auto",
        /// 2026-11-28.
        Iso = "YYYY-MM-DD",
        /// 28.11.2026, 28/11/2026, 28-11-2026.
        DayFirst = "DD-MM-YYYY",
        /// 11/28/2026, 11-28-2026, 11.28.2026.
        MonthFirst = "MM-DD-YYYY",
    }
}

choice! {
    /// The sign for decimals in numbers that are texts.
    ImportDecimalSign as "ImportDecimalSign" for import::DecimalSign {
        /// `1250.50`, `1,250.50`.
        Point = "point",
        /// `1250,50`, `1.250,50`.
        Comma = "comma",
    }
}

choice! {
    /// What a file is.
    ImportFormat as "ImportFormat" for import::FileFormat {
        /// Cells parted by a delimiter (RFC 4180).
        Csv = "csv",
        /// A JSON object on each line.
        Ndjson = "ndjson",
        /// An array of JSON objects.
        Json = "json",
        /// A workbook, of which one sheet is read.
        Xlsx = "xlsx",
    }
}

/// How a file is to be imported.
#[derive(Object, Debug, Clone, Default)]
#[oai(rename = "ImportOptions", rename_all = "camelCase")]
pub struct OptionsInput {
    /// What the rows become. Required, unless the path or the template says it.
    pub object: Option<ImportObject>,
    /// What rows may do; `create` if absent.
    pub mode: Option<ImportMode>,
    /// By what a row finds its record, the first of which it has one: `id`, `externalId`, `email`. All that the object has, if absent. An
    /// `id` of no record is passed over for the next one, and refused where the row has none.
    #[oai(validator(max_items = 5))]
    pub match_on: Option<Vec<String>>,
    /// What becomes of a new record whose unique value is taken; `fail` if absent.
    pub on_duplicate: Option<ImportOnDuplicate>,
    /// Whether everything is tried and nothing kept; the report is the same.
    pub dry_run: Option<bool>,
    /// Columns and their fields; an empty text leaves a column out. Columns that are not named are guessed by their names. The name of a
    /// contact may be in parts, `firstName`, `middleName` and `lastName`, which are joined.
    pub mapping: Option<HashMap<String, String>>,
    /// The template whose options are those that are not said here.
    pub template_id: Option<uuid::Uuid>,
    /// What a new record says where its row says nothing, by field.
    pub defaults: Option<HashMap<String, String>>,
    /// What the file is; found out if absent.
    pub format: Option<ImportFormat>,
    /// What parts cells: a comma, a semicolon, a tab or `|`; found out if absent.
    #[oai(validator(min_length = 1, max_length = 1))]
    pub delimiter: Option<String>,
    /// The text's encoding by its name in the Encoding Standard, such as `windows-1252`; found out from all of the file if absent. A
    /// file that is not in the encoding that is said is refused.
    #[oai(validator(max_length = 40))]
    pub encoding: Option<String>,
    /// The sheet of a workbook that is read, by its name; the first one with rows if absent.
    #[oai(validator(max_length = 100))]
    pub sheet: Option<String>,
    /// How days are written; `auto` if absent. `YYYY-MM-DD` is always read. In the other orders a year of two digits is one of 1970 to
    /// 2069. Days are of the years 1900 to 2199.
    pub date_format: Option<ImportDateFormat>,
    /// The sign for decimals in numbers; as the cells of each column tell if absent. What stands between digits beside it makes groups of
    /// thousands. A number that may mean two things then, such as `1,000`, is refused.
    pub decimal_sign: Option<ImportDecimalSign>,
    /// The country (ISO 3166-1 alpha-2) of phone numbers that are written without one, such as `DE`: they are read as they are dialled
    /// there, by its own trunk and exit prefixes. What may be one number or another is refused.
    #[oai(validator(min_length = 2, max_length = 2))]
    pub phone_country: Option<String>,
    /// What an empty cell says of a record that is there; `keep` if absent.
    pub empty_cells: Option<ImportEmptyCells>,
    /// After so many refused rows the import is given up; never if absent.
    #[oai(validator(minimum(value = "0"), maximum(value = "5000000")))]
    pub max_errors: Option<i64>,
    /// Which events the changes write; `all` if absent.
    pub bulk_events: Option<ImportBulkEvents>,
}

impl OptionsInput {
    /// As the domain knows them, over those of a template. `object` is that of the path.
    pub(super) fn over(
        self,
        base: Option<&Options>,
        object: Option<import::Object>,
    ) -> Result<Options, Refusal> {
        let said = object.or(self.object.map(import::Object::from)).or(base.map(|base| base.object));
        let Some(said) = said else {
            return Err(Refusal::new(Code::ValidationError).detail("options.object", "Required"));
        };
        let mut options = base.cloned().unwrap_or_else(|| Options::new(said));
        options.object = said;
        if let Some(mode) = self.mode {
            options.mode = mode.into();
        }
        if let Some(match_on) = self.match_on {
            options.match_on = match_on;
        }
        if let Some(on_duplicate) = self.on_duplicate {
            options.on_duplicate = on_duplicate.into();
        }
        if let Some(date_format) = self.date_format {
            options.date_format = date_format.into();
        }
        if let Some(empty_cells) = self.empty_cells {
            options.empty_cells = empty_cells.into();
        }
        if let Some(bulk_events) = self.bulk_events {
            options.bulk_events = bulk_events.into();
        }
        options.decimal_sign = self.decimal_sign.map(Into::into).or(options.decimal_sign);
        options.dry_run = self.dry_run.unwrap_or(options.dry_run);
        let left_out = |field: String| (!field.is_empty()).then_some(field);
        let mapping = self.mapping.unwrap_or_default().into_iter();
        options.mapping.extend(mapping.map(|(column, field)| (column, left_out(field))));
        options.defaults.extend(self.defaults.unwrap_or_default());
        options.format = self.format.map(Into::into).or(options.format);
        options.delimiter =
            self.delimiter.and_then(|delimiter| delimiter.chars().next()).or(options.delimiter);
        options.encoding = self.encoding.or(options.encoding);
        options.sheet = self.sheet.or(options.sheet);
        options.phone_country = self.phone_country.or(options.phone_country);
        options.max_errors = self.max_errors.map(i64::unsigned_abs).or(options.max_errors);
        Ok(options)
    }
}
