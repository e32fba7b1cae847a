//! `/import-templates`: how files of a kind are imported, kept under a name.

use std::collections::HashMap;
use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use tenon_common::TenantTx;
use tenon_common::id::ImportTemplateId;
use tenon_common::import::template::{self, Template, TemplateDraft};
use uuid::Uuid;

use super::options::{
    ImportBulkEvents, ImportDateFormat, ImportDecimalSign, ImportEmptyCells, ImportFormat, ImportMode,
    ImportObject, ImportOnDuplicate, OptionsInput,
};
use crate::app::App;
use crate::calls::caller::{Caller, ImportsRead, ImportsWrite};
use crate::calls::once::{Answered, Once};
use crate::http::actor::ActorBody;
use crate::http::body::Body;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::refusal::Refusal;
use crate::http::response::{Created, Deleted, Listed, Paging, Shown};
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;

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
    fn draft(self) -> Result<TemplateDraft, Refusal> {
        if self.options.template_id.is_some() {
            return Err(
                Refusal::new(Code::ValidationError).detail("options.templateId", "A template names none")
            );
        }
        Ok(TemplateDraft { name: self.name, options: self.options.over(None, None)? })
    }
}

fn versioned(template: Template) -> Shown<TemplateBody> {
    let version = template.version;
    Shown::versioned(template.into(), version)
}

const LIST: &str = "import-templates sort=-createdAt";

/// The operations.
pub struct ImportTemplatesApi;

#[OpenApi(prefix_path = "/api/v1/import-templates", tag = "Tags::Imports")]
impl ImportTemplatesApi {
    /// List import templates
    ///
    /// Newest first. Needs `imports:read`.
    #[oai(path = "/", method = "get", operation_id = "list_import_templates")]
    async fn list(
        &self,
        caller: Caller<ImportsRead>,
        app: Data<&Arc<App>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Templates on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Templates at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<TemplateBody>, ApiError> {
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        let window = Paging::window(&app.cursors, LIST, &asked)?;
        let page = app.db.read(&caller.actor, async |tx| template::list(tx, &window).await).await?;
        let paging = Paging { cursors: &app.cursors, query: LIST, window: &window };
        Ok(paging.list(page, Template::sort_key, TemplateBody::from))
    }

    /// Create an import template
    ///
    /// Imports name it with `templateId`; what they say themselves counts before it. Needs `imports:write`.
    #[oai(path = "/", method = "post", operation_id = "create_import_template")]
    async fn create(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<TemplateInput>,
    ) -> Result<Answered<Created<TemplateBody>>, ApiError> {
        let draft = body.0.draft()?;
        let create = async |tx: &mut TenantTx<'_>| {
            let made = template::create(tx, draft).await?;
            let (location, version) = (format!("/api/v1/import-templates/{}", made.id), Some(made.version));
            Ok(Created { data: made.into(), location, version })
        };
        once.write(&app, &caller, prefer, create).await
    }

    /// Get an import template
    ///
    /// Needs `imports:read`.
    #[oai(path = "/:id", method = "get", operation_id = "get_import_template")]
    async fn get(
        &self,
        caller: Caller<ImportsRead>,
        app: Data<&Arc<App>>,
        /// The template's id.
        id: Path<Uuid>,
    ) -> Result<Shown<TemplateBody>, ApiError> {
        let get = async |tx: &mut TenantTx<'_>| template::get(tx, ImportTemplateId(id.0)).await;
        Ok(versioned(app.db.read(&caller.actor, get).await?))
    }

    /// Replace an import template
    ///
    /// Needs `imports:write`.
    #[oai(path = "/:id", method = "put", operation_id = "replace_import_template")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn replace(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// The template's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<TemplateInput>,
    ) -> Result<Answered<Shown<TemplateBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let draft = body.0.draft()?;
        let update = async |tx: &mut TenantTx<'_>| {
            Ok(versioned(template::update(tx, ImportTemplateId(id.0), expected, draft).await?))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Delete an import template
    ///
    /// Imports that named it stay as they are. Needs `imports:write`.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_import_template")]
    async fn delete(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// The template's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=representation` for the last state in a 200.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Deleted<TemplateBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let delete = async |tx: &mut TenantTx<'_>| {
            let removed = template::delete(tx, ImportTemplateId(id.0), expected).await?;
            Ok(Deleted::preferring(prefer, || removed.into()))
        };
        once.write(&app, &caller, prefer, delete).await
    }
}
