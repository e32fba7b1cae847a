//! `/exports`: lists that a worker writes into files.

mod body;
mod file;
mod input;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use tenon_common::TenantTx;
use tenon_common::export::job::{self, ExportJob, State};
use tenon_common::id::ExportId;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, ExportsRead, ExportsWrite};
use crate::calls::once::{Answered, Once};
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Listed, Paging, Shown};
use crate::openapi::tags::Tags;

use body::{ExportAccepted, ExportBody, ExportState};
use file::ExportFile;
use input::ExportInput;

/// The operations.
pub struct ExportsApi;

#[OpenApi(prefix_path = "/api/v1/exports", tag = "Tags::Exports")]
impl ExportsApi {
    /// Create an export
    ///
    /// Has all records of a list written into a file: the same as `GET …/export` of the list sends, and XLSX too, for lists that are
    /// too long to wait for. 202 answers the export, which goes on by itself: `GET` of its `Location` says how far it is, and when it
    /// has `succeeded`, `GET …/download` sends the file. An organization has one export written at a time, unless the operator says
    /// otherwise; the others wait. It is not one snapshot: a change that is made meanwhile may be in it or not.
    ///
    /// In XLSX instants and days are dates, in UTC, and no text is a formula; a list or an object is its JSON. A sheet has at most
    /// 1,048,575 records, and a cell 32,767 characters: an export that does not fit fails, and says so.
    ///
    /// Who may read what of the records is asked as for the list: the file of an AGENT has its own. What is exported needs its own
    /// permission too, such as `contacts:read`. Needs `exports:write`.
    #[oai(path = "/", method = "post", operation_id = "create_export")]
    async fn create(
        &self,
        caller: Caller<ExportsWrite>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<ExportInput>,
    ) -> Result<Answered<ExportAccepted>, ApiError> {
        caller.require(body.0.object.domain().reading())?;
        let new = body.0.check()?;
        let create = async |tx: &mut TenantTx<'_>| Ok(ExportAccepted(job::create(tx, new).await?.into()));
        once.write(&app, &caller, prefer, create).await
    }

    /// List exports
    ///
    /// Newest first. An AGENT sees its own. Needs `exports:read`.
    #[oai(path = "/", method = "get", operation_id = "list_exports")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn list(
        &self,
        caller: Caller<ExportsRead>,
        app: Data<&Arc<App>>,
        /// Only those that stand so.
        state: Query<Option<ExportState>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Exports on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Exports at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<ExportBody>, ApiError> {
        let state = state.0.map(State::from);
        let query = format!("exports state={}", state.map_or("any", State::name));
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let list = async |tx: &mut TenantTx<'_>| job::list(tx, state, &window).await;
        let page = app.db.read(&caller.actor, list).await?;
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        Ok(paging.list(page, ExportJob::sort_key, ExportBody::from))
    }

    /// Get an export
    ///
    /// Where it stands: how many records are written, and until when its file is kept. Needs `exports:read`.
    #[oai(path = "/:id", method = "get", operation_id = "get_export")]
    async fn get(
        &self,
        caller: Caller<ExportsRead>,
        app: Data<&Arc<App>>,
        /// The export's id.
        id: Path<Uuid>,
    ) -> Result<Shown<ExportBody>, ApiError> {
        let get = async |tx: &mut TenantTx<'_>| job::get(tx, ExportId(id.0)).await;
        Ok(shown(app.db.read(&caller.actor, get).await?))
    }

    /// Download the file of an export
    ///
    /// All of it, once the export has `succeeded`; before that, and of one that failed or was cancelled, 409 `STATE_CONFLICT`. It can
    /// be fetched until `expiresAt`, as often as you like; then the answer is 410 `EXPIRED`. An answer that is shorter than its
    /// `Content-Length` is not whole; ask again. A file that was made with a higher role than you have now is refused, your own too.
    /// What is exported needs its own permission too, such as `contacts:read`. Needs `exports:read`.
    #[oai(path = "/:id/download", method = "get", operation_id = "download_export")]
    async fn file(
        &self,
        caller: Caller<ExportsRead>,
        app: Data<&Arc<App>>,
        /// The export's id.
        id: Path<Uuid>,
    ) -> Result<ExportFile, ApiError> {
        let get = async |tx: &mut TenantTx<'_>| job::get(tx, ExportId(id.0)).await;
        let export = app.db.read(&caller.actor, get).await?;
        caller.require(export.object().reading())?;
        export.check_reach(&caller.actor)?;
        Ok(ExportFile::of(&app, &export).await?)
    }

    /// Cancel an export
    ///
    /// There will be no file. Needs `exports:write`.
    #[oai(path = "/:id/cancel", method = "post", operation_id = "cancel_export")]
    async fn cancel(
        &self,
        caller: Caller<ExportsWrite>,
        app: Data<&Arc<App>>,
        /// The export's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<ExportBody>>, ApiError> {
        let cancel = async |tx: &mut TenantTx<'_>| Ok(shown(job::cancel(tx, ExportId(id.0)).await?));
        once.write(&app, &caller, prefer, cancel).await
    }
}

fn shown(export: ExportJob) -> Shown<ExportBody> {
    Shown::plain(export.into())
}
