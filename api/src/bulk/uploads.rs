//! `/uploads`: files that come in pieces, to be imported.

mod body;
mod offset;
mod receive;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use tenon_common::TenantTx;
use tenon_common::id::UploadId;
use tenon_common::upload;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, ImportsWrite};
use crate::calls::once::{Answered, Once};
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::prefer::Prefer;
use crate::http::response::{Created, Deleted, Shown};
use crate::openapi::tags::Tags;

pub use body::{UploadBody, UploadInput, UploadState};
pub use offset::UploadOffset;
pub use receive::Piece;

/// The operations.
pub struct UploadsApi;

#[OpenApi(prefix_path = "/api/v1/uploads", tag = "Tags::Imports")]
impl UploadsApi {
    /// Begin an upload
    ///
    /// For a file that is too large, or a connection that is too weak, for one request: it is sent in pieces, and imported with
    /// `uploadId` once it is complete. Needs `imports:write`.
    #[oai(path = "/", method = "post", operation_id = "create_upload")]
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
        body: Body<UploadInput>,
    ) -> Result<Answered<Created<UploadBody>>, ApiError> {
        let (draft, most) = (body.0.into(), app.imports.bytes);
        let create = async |tx: &mut TenantTx<'_>| {
            let made = upload::create(tx, draft, most).await?;
            let location = format!("/api/v1/uploads/{}", made.id);
            Ok(Created { data: made.into(), location, version: None })
        };
        once.write(&app, &caller, prefer, create).await
    }

    /// Get an upload
    ///
    /// `received` says how much is there, and so where the next piece begins. Needs `imports:write`.
    #[oai(path = "/:id", method = "get", operation_id = "get_upload")]
    async fn get(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// The upload's id.
        id: Path<Uuid>,
    ) -> Result<Shown<UploadBody>, ApiError> {
        let get = async |tx: &mut TenantTx<'_>| upload::get(tx, UploadId(id.0)).await;
        Ok(Shown::plain(app.db.read(&caller.actor, get).await?.into()))
    }

    /// Send a piece of an upload
    ///
    /// Bytes of the file, as many as you like, from `Upload-Offset` on, which must be what was `received`: another one is refused with
    /// 409 and the right one in `details.received`. After a connection has broken off, ask for the upload and go on from there: what
    /// had arrived is kept. Pieces of some megabytes are best; an upload has at most 10,000. Needs `imports:write`.
    #[oai(path = "/:id", method = "patch", operation_id = "append_upload")]
    async fn append(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// The upload's id.
        id: Path<Uuid>,
        /// Where in the file the piece begins.
        #[oai(name = "Upload-Offset")]
        offset: UploadOffset,
        piece: Piece,
    ) -> Result<Shown<UploadBody>, ApiError> {
        let upload = receive::append(&app, &caller, UploadId(id.0), offset, piece).await?;
        Ok(Shown::plain(upload.into()))
    }

    /// Delete an upload
    ///
    /// With all that was received. One that nothing is sent to for 24 hours goes by itself. Imports that took it stay. Needs
    /// `imports:write`.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_upload")]
    async fn delete(
        &self,
        caller: Caller<ImportsWrite>,
        app: Data<&Arc<App>>,
        /// The upload's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=representation` for the last state in a 200.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Deleted<UploadBody>>, ApiError> {
        let id = UploadId(id.0);
        let discard = async |tx: &mut TenantTx<'_>| {
            let last = upload::get(tx, id).await?;
            upload::discard(tx, id).await?;
            Ok(Deleted::preferring(prefer, || last.into()))
        };
        let answered = once.write(&app, &caller, prefer, discard).await?;
        if let Err(error) = upload::remove(&app.db, &app.storage, &caller.actor, id).await {
            tracing::warn!(%error, upload_id = %id, "an upload could not be removed; will be once it has expired");
        }
        Ok(answered)
    }
}
