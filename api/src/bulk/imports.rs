//! `/imports`: files whose rows become records.

mod body;
mod digest;
mod file;
mod options;
mod progress;
mod reading;
mod receive;
mod request;
mod templates;
mod uploaded;

use std::sync::Arc;

use poem::http::HeaderMap;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use tenon_common::TenantTx;
use tenon_common::id::ImportId;
use tenon_common::import::preview;
use tenon_common::import::rows::{self, RowOutcome};
use tenon_common::import::{self, Import, Object};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, ImportsRead, ImportsWrite};
use crate::calls::once::{Answered, Once, OnceStreamed};
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Listed, Paging, Shown};
use crate::http::sse;
use crate::openapi::tags::Tags;

pub use body::{ImportBody, ImportRowBody, ImportState, RowOutcomeName};
pub use file::ErrorsFile;
pub use progress::Watched;
pub use reading::PreviewBody;
pub use request::{Accepted, ImportRequest};
pub use templates::ImportTemplatesApi;

/// The operations.
pub struct ImportsApi;

#[OpenApi(tag = "Tags::Imports")]
impl ImportsApi {
    /// Import a file
    ///
    /// `multipart/form-data` with a part `options` (JSON) and a part `file`: CSV, NDJSON, an array of JSON objects, or XLSX, whose
    /// encoding and delimiter are found out. Or JSON with `options` and up to 10,000 `rows`, or the `uploadId` of a file that has come in
    /// pieces. A file that is not what it says, and a
    /// mapping that does not fit its columns, are refused at once with the reason; 202 answers the import, which goes on by itself:
    /// `GET` of its `Location` follows it. With `dryRun` everything is tried and nothing kept; `POST …/resume` then does it.
    /// Columns of which `mapping` says nothing are guessed by their names; `GET …/preview` shows how the file was read. A row that is
    /// refused is a result, not a failure: the others are done. What is imported needs its own permission too, such as `contacts:write`.
    /// Needs `imports:write`.
    #[oai(path = "/api/v1/imports", method = "post", operation_id = "create_import")]
    async fn create(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same file and options under it within 24 hours are imported once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: OnceStreamed,
        /// `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        request: ImportRequest,
    ) -> Result<Answered<Accepted>, ApiError> {
        receive::import(&app, &caller, once, prefer, request, None).await
    }

    /// Import contacts
    ///
    /// The same as `POST /imports` with `object` `contacts`, which need not be said. Needs `imports:write` and `contacts:write`.
    #[oai(path = "/api/v1/connection/contacts/import", method = "post", operation_id = "import_contacts")]
    async fn create_contacts(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same file and options under it within 24 hours are imported once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: OnceStreamed,
        /// `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        request: ImportRequest,
    ) -> Result<Answered<Accepted>, ApiError> {
        receive::import(&app, &caller, once, prefer, request, Some(Object::Contacts)).await
    }

    /// List imports
    ///
    /// Newest first. Needs `imports:read`.
    #[oai(path = "/api/v1/imports", method = "get", operation_id = "list_imports")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn list(
        &self,
        caller: Caller<ImportsRead>,
        app: Data<&Arc<App>>,
        /// Only those that stand so.
        state: Query<Option<ImportState>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Imports on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Imports at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<ImportBody>, ApiError> {
        let state = state.0.map(import::State::from);
        let query = format!("imports state={}", state.map_or("any", import::State::name));
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let list = async |tx: &mut TenantTx<'_>| import::list(tx, state, &window).await;
        let page = app.db.read(&caller.actor, list).await?;
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        Ok(paging.list(page, Import::sort_key, ImportBody::from))
    }

    /// Get an import
    ///
    /// Where it stands: how many rows are done and what became of them, how fast it goes, and what each column is for. With
    /// `Accept: text/event-stream` the same is sent whenever it has changed, as events `progress`, until the import has ended, or the
    /// credential is not good for it any more: to 20 clients of an organization at once, unless the operator chose otherwise; one
    /// more is 429 with `details.policy` `readers`. Needs `imports:read`.
    #[oai(path = "/api/v1/imports/:id", method = "get", operation_id = "get_import")]
    async fn get(
        &self,
        caller: Caller<ImportsRead>,
        app: Data<&Arc<App>>,
        /// The import's id.
        id: Path<Uuid>,
        headers: &HeaderMap,
    ) -> Result<Watched, ApiError> {
        let get = async |tx: &mut TenantTx<'_>| import::get(tx, ImportId(id.0)).await;
        let found = app.db.read(&caller.actor, get).await?;
        Ok(match sse::is_wanted(headers) {
            true => Watched::events(app.0.clone(), (*caller).clone(), found)?,
            false => Watched::once(found),
        })
    }

    /// Preview an import
    ///
    /// How its file was read, what each column is for, and the first 10 rows as they would be stored, or with the reasons why not; what
    /// other records say is not asked. There once all of the file was looked at, so before a dry run has tried every row; until then 409
    /// `STATE_CONFLICT`. A file that was read otherwise than it was meant is imported anew with other options and `importId`: it need not be
    /// sent again. Kept until `revertUntil`, then 410 `EXPIRED`. Needs `imports:read`, and what listing the records needs, such as
    /// `contacts:read`.
    #[oai(path = "/api/v1/imports/:id/preview", method = "get", operation_id = "preview_import")]
    async fn preview(
        &self,
        caller: Caller<ImportsRead>,
        app: Data<&Arc<App>>,
        /// The import's id.
        id: Path<Uuid>,
    ) -> Result<Shown<PreviewBody>, ApiError> {
        let get = async |tx: &mut TenantTx<'_>| import::get(tx, ImportId(id.0)).await;
        let found = app.db.read(&caller.actor, get).await?;
        caller.require(found.options().object.reading())?;
        let rows = preview::preview(&app.storage, &found).await?;
        Ok(Shown::plain(PreviewBody::of(&found, rows)))
    }

    /// List the rows of an import
    ///
    /// What became of each row that is done, in their order, and why of those that were refused or left out. Kept until `revertUntil`, then
    /// 410 `EXPIRED`. What is imported needs its own permission too, such as `contacts:read`. Needs `imports:read`.
    #[oai(path = "/api/v1/imports/:id/rows", method = "get", operation_id = "list_import_rows")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn rows(
        &self,
        caller: Caller<ImportsRead>,
        app: Data<&Arc<App>>,
        /// The import's id.
        id: Path<Uuid>,
        /// Only rows with this outcome.
        outcome: Query<Option<RowOutcomeName>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Rows on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Rows at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<ImportRowBody>, ApiError> {
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        self.list_rows(&caller, &app, id.0, outcome.0, asked).await
    }

    /// List the errors of an import
    ///
    /// The rows that were refused, with every reason. The same as the rows with `outcome=failed`, kept as long, and for whom those are
    /// for. Needs `imports:read`.
    #[oai(path = "/api/v1/imports/:id/errors", method = "get", operation_id = "list_import_errors")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn errors(
        &self,
        caller: Caller<ImportsRead>,
        app: Data<&Arc<App>>,
        /// The import's id.
        id: Path<Uuid>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Rows on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Rows at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<ImportRowBody>, ApiError> {
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        self.list_rows(&caller, &app, id.0, Some(RowOutcomeName::Failed), asked).await
    }

    /// Download the errors of an import
    ///
    /// CSV: the rows that were refused as they were, with `_row`, `_code` and `_message` behind them. Mended, it can be imported as it
    /// is: those three columns are passed over. What a row had more of than columns stands behind them. Kept until `revertUntil`, then
    /// 410 `EXPIRED`. What is imported needs its own permission too, such as `contacts:read`. Needs `imports:read`.
    #[oai(path = "/api/v1/imports/:id/errors.csv", method = "get", operation_id = "download_import_errors")]
    async fn download(
        &self,
        caller: Caller<ImportsRead>,
        app: Data<&Arc<App>>,
        /// The import's id.
        id: Path<Uuid>,
    ) -> Result<ErrorsFile, ApiError> {
        let read = async |tx: &mut TenantTx<'_>| readable(tx, &caller, id.0).await;
        let import = app.db.read(&caller.actor, read).await?;
        Ok(file::errors(app.0.clone(), caller.actor.clone(), &import)?)
    }

    /// Cancel an import
    ///
    /// The rows that are under way are its last. What was done until then stays, and can be reverted; the import can be resumed.
    /// Needs `imports:write`.
    #[oai(path = "/api/v1/imports/:id/cancel", method = "post", operation_id = "cancel_import")]
    async fn cancel(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// The import's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<ImportBody>>, ApiError> {
        let act = async |tx: &mut TenantTx<'_>| Ok(shown(import::cancel(tx, ImportId(id.0)).await?));
        once.write(&app, &caller, prefer, act).await
    }

    /// Resume an import
    ///
    /// Goes on where it was, if it was cancelled or has failed; after too many errors with as many more. Of a dry run it does what
    /// was tried. Possible until `revertUntil`, and not once it was taken back in part. What is imported needs its own permission
    /// too, such as `contacts:write`. Needs `imports:write`.
    #[oai(path = "/api/v1/imports/:id/resume", method = "post", operation_id = "resume_import")]
    async fn resume(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// The import's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<ImportBody>>, ApiError> {
        let act = async |tx: &mut TenantTx<'_>| {
            let object = import::get(tx, ImportId(id.0)).await?.options().object;
            caller.allow(object.permission())?;
            Ok(shown(import::resume(tx, ImportId(id.0)).await?))
        };
        once.write(&app, &caller, prefer, act).await
    }

    /// Revert an import
    ///
    /// Deletes the records that it made, and puts back what it changed. What somebody has changed since is left alone, and counted in
    /// `kept`. Possible until `revertUntil`. A dry run has done nothing that could be reverted. What was imported needs
    /// its own permissions too, such as `contacts:write` and `contacts:delete`. Needs `imports:write`.
    #[oai(path = "/api/v1/imports/:id/revert", method = "post", operation_id = "revert_import")]
    async fn revert(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// The import's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<ImportBody>>, ApiError> {
        let act = async |tx: &mut TenantTx<'_>| {
            let object = import::get(tx, ImportId(id.0)).await?.options().object;
            caller.allow_all([object.permission(), object.deleting()])?;
            Ok(shown(import::revert(tx, ImportId(id.0)).await?))
        };
        once.write(&app, &caller, prefer, act).await
    }
}

/// An import of records that the caller may read.
async fn readable(
    tx: &mut TenantTx<'_>,
    caller: &Caller<ImportsRead>,
    id: Uuid,
) -> tenon_common::Result<Import> {
    let import = import::get(tx, ImportId(id)).await?;
    caller.allow(import.options().object.reading())?;
    Ok(import)
}

fn shown(import: Import) -> Shown<ImportBody> {
    Shown::plain(import.into())
}

impl ImportsApi {
    async fn list_rows(
        &self,
        caller: &Caller<ImportsRead>,
        app: &App,
        id: Uuid,
        outcome: Option<RowOutcomeName>,
        asked: tenon_common::page::PageQuery,
    ) -> Result<Listed<ImportRowBody>, ApiError> {
        let outcome = outcome.map(RowOutcomeName::name);
        let query = format!("import-rows import={id} outcome={}", outcome.unwrap_or("any"));
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let list = async |tx: &mut TenantTx<'_>| {
            let import = readable(tx, caller, id).await?;
            rows::list(tx, &import, outcome, &window).await
        };
        let page = app.db.read(&caller.actor, list).await?;
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        Ok(paging.list(page, RowOutcome::sort_key, ImportRowBody::from))
    }
}
