//! `/import-templates`: how files of a kind are imported, kept under a name.

mod body;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use tenon_common::TenantTx;
use tenon_common::id::ImportTemplateId;
use tenon_common::import::template::{self, Template};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, ImportsRead, ImportsWrite};
use crate::calls::kept;
use crate::calls::once::{Answered, Once};
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Created, Deleted, Listed, Shown};
use crate::openapi::tags::Tags;

pub use body::{TemplateBody, TemplateInput};

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
        kept::list::<Template, _>(&app, &caller, LIST, &asked).await
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
