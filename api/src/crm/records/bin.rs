//! Deleted records: bringing them back, and removing them for good.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path};
use tenon_common::TenantTx;
use tenon_common::crm::record;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::Caller;
use crate::calls::once::{Answered, Once};
use crate::crm::records::Resource;
use crate::crm::records::answers::shown;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Deleted, Shown};

/// The operations.
#[derive(Debug, Default)]
pub struct RecordsBinApi<R>(PhantomData<R>);

#[OpenApi(prefix_path = R::PATH)]
impl<R: Resource> RecordsBinApi<R> {
    /// Restore {a record}
    ///
    /// Brings a deleted {record} back. Refused with `RESTORE_CONFLICT` where another {record} has one of its unique values ({unique})
    /// by now. {note} Needs `{write}`. Emits `{record}.restored`.
    #[oai(path = "/:id/restore", method = "post", operation_id = "restore_{record}")]
    async fn restore(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<R::Body>>, ApiError> {
        let restore = async |tx: &mut TenantTx<'_>| Ok(shown::<R>(record::restore(tx, id.0).await?));
        once.write(&app, &caller, prefer, restore).await
    }

    /// Purge {a record}
    ///
    /// Removes a deleted {record} for good: it cannot be restored. Refused with `STATE_CONFLICT` where it is not deleted. {note} Needs
    /// `{delete}`. Emits `{record}.purged`.
    #[oai(path = "/:id/purge", method = "post", operation_id = "purge_{record}")]
    async fn purge(
        &self,
        caller: Caller<R::Delete>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
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
    ) -> Result<Answered<Deleted<R::Body>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let purge = async |tx: &mut TenantTx<'_>| {
            let record: R::Record = record::purge(tx, id.0, expected).await?;
            Ok(Deleted::preferring(prefer, || record.into()))
        };
        once.write(&app, &caller, prefer, purge).await
    }
}
