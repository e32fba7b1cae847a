//! What is shown and said of templates.

use std::collections::HashMap;

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;
use tenon_common::import::template::{Template, TemplateDraft};
use uuid::Uuid;

use crate::bulk::imports::options::{
    ImportBulkEvents, ImportDateFormat, ImportDecimalSign, ImportEmptyCells, ImportFormat, ImportMode,
    ImportObject, ImportOnDuplicate, OptionsInput,
};
use crate::http::actor::ActorBody;
use crate::http::code::Code;
use crate::http::refusal::Refusal;
use crate::http::timestamp::Timestamp;

/// How files of a kind are imported.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ImportTemplate", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct TemplateBody {
    /// The template's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// The name.
    pub name: String,
    /// What is said in place of the request.
    pub options: TemplateOptions,
    /// Counts changes, from 1. The `ETag` is made of it.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: ActorBody,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
}

/// The options of a template: see `ImportOptions`.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ImportTemplateOptions", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct TemplateOptions {
    /// What the rows become.
    pub object: ImportObject,
    /// What rows may do.
    pub mode: ImportMode,
    /// The unique values by which a row finds its record.
    pub match_on: Vec<String>,
    /// What becomes of a new record whose unique value is taken.
    pub on_duplicate: ImportOnDuplicate,
    /// Whether everything is tried and nothing kept.
    pub dry_run: bool,
    /// Columns and their fields; an empty text leaves a column out.
    pub mapping: HashMap<String, String>,
    /// What a new record says where its row says nothing, by field.
    pub defaults: HashMap<String, String>,
    /// What the file is; null to find it out.
    #[oai(nullable)]
    pub format: Option<ImportFormat>,
    /// What parts cells; null to find it out.
    #[oai(nullable)]
    pub delimiter: Option<String>,
    /// The text's encoding; null to find it out.
    #[oai(nullable)]
    pub encoding: Option<String>,
    /// The sheet of a workbook that is read; null for the first one with rows.
    #[oai(nullable)]
    pub sheet: Option<String>,
    /// How days are written.
    pub date_format: ImportDateFormat,
    /// The sign for decimals in numbers; null to have it found out.
    #[oai(nullable)]
    pub decimal_sign: Option<ImportDecimalSign>,
    /// The country of phone numbers that are written without one.
    #[oai(nullable)]
    pub phone_country: Option<String>,
    /// What an empty cell says of a record that is there.
    pub empty_cells: ImportEmptyCells,
    /// After so many refused rows the import is given up.
    #[oai(nullable)]
    pub max_errors: Option<i64>,
    /// Which events the changes write.
    pub bulk_events: ImportBulkEvents,
}

impl From<Template> for TemplateBody {
    fn from(template: Template) -> Self {
        let of = template.options();
        let mapping =
            of.mapping.iter().map(|(column, field)| (column.clone(), field.clone().unwrap_or_default()));
        let options = TemplateOptions {
            object: of.object.into(),
            mode: of.mode.into(),
            match_on: of.match_on.clone(),
            on_duplicate: of.on_duplicate.into(),
            dry_run: of.dry_run,
            mapping: mapping.collect(),
            defaults: of.defaults.clone().into_iter().collect(),
            format: of.format.map(ImportFormat::from),
            delimiter: of.delimiter.map(String::from),
            encoding: of.encoding.clone(),
            sheet: of.sheet.clone(),
            date_format: of.date_format.into(),
            decimal_sign: of.decimal_sign.map(ImportDecimalSign::from),
            phone_country: of.phone_country.clone(),
            empty_cells: of.empty_cells.into(),
            max_errors: of.max_errors.and_then(|most| i64::try_from(most).ok()),
            bulk_events: of.bulk_events.into(),
        };
        Self {
            options,
            id: template.id.0,
            tenant_id: template.tenant_id.0,
            name: template.name,
            version: template.version,
            created_at: template.created_at.into(),
            created_by: template.created_by.into(),
            updated_at: template.updated_at.into(),
            updated_by: template.updated_by.into(),
        }
    }
}

/// A template to make, or what one is replaced with.
#[derive(Object, Debug)]
#[oai(rename = "ImportTemplateInput", rename_all = "camelCase", example)]
pub struct TemplateInput {
    /// 1 to 100 characters, unique.
    pub name: String,
    /// What is said in place of the request; `object` is required, and `templateId` refused.
    pub options: OptionsInput,
}

impl Example for TemplateInput {
    fn example() -> Self {
        let mapping = HashMap::from([("E-Mail".to_owned(), "email".to_owned())]);
        let options = OptionsInput {
            object: Some(ImportObject::Contacts),
            mode: Some(ImportMode::Upsert),
            mapping: Some(mapping),
            ..OptionsInput::default()
        };
        Self { name: "Newsletter".to_owned(), options }
    }
}

impl TemplateInput {
    pub(super) fn draft(self) -> Result<TemplateDraft, Refusal> {
        if self.options.template_id.is_some() {
            return Err(
                Refusal::new(Code::ValidationError).detail("options.templateId", "A template names none")
            );
        }
        Ok(TemplateDraft { name: self.name, options: self.options.over(None, None)? })
    }
}
