//! Creating, replacing, changing and deleting records one by one.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path};
use tenon_common::crm::record::{self, Draft};
use tenon_common::role::Role;
use tenon_common::{Error, TenantTx};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::Caller;
use crate::calls::once::{Answered, Once};
use crate::crm::records::answers::{created, shown};
use crate::crm::records::{DraftOf, Patch, Resource};
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Created, Deleted, Shown};

/// The operations.
#[derive(Debug, Default)]
pub struct RecordsApi<R>(PhantomData<R>);

#[OpenApi(prefix_path = R::PATH)]
impl<R: Resource> RecordsApi<R> {
    /// Create {a record}
    ///
    /// {note} Needs `{write}`. Emits `{record}.created`.
    #[oai(path = "/", method = "post", operation_id = "create_{record}")]
    async fn create(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<R::Input, R::Rules>,
    ) -> Result<Answered<Created<R::Body>>, ApiError> {
        let draft: DraftOf<R> = body.0.into();
        let fields = draft.check().map_err(Error::Invalid)?;
        let create = async |tx: &mut TenantTx<'_>| Ok(created::<R>(record::create(tx, fields).await?));
        once.write(&app, &caller, prefer, create).await
    }

    /// Replace {a record}
    ///
    /// Fields that are absent are cleared. {note} Needs `{write}`. Emits `{record}.updated`, unless nothing differs.
    #[oai(path = "/:id", method = "put", operation_id = "replace_{record}")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn replace(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
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
        body: Body<R::Input, R::Rules>,
    ) -> Result<Answered<Shown<R::Body>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let draft: DraftOf<R> = body.0.into();
        draft.clone().check().map_err(Error::Invalid)?;
        let edit = replacement(draft, caller.actor.role);
        let replace =
            async |tx: &mut TenantTx<'_>| Ok(shown::<R>(record::update(tx, id.0, expected, edit).await?));
        once.write(&app, &caller, prefer, replace).await
    }

    /// Change {a record}
    ///
    /// JSON merge patch (RFC 7396): absent keeps a field, null clears it. {note} Needs `{write}`. Emits `{record}.updated`, unless
    /// nothing differs.
    #[oai(path = "/:id", method = "patch", operation_id = "update_{record}")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
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
        body: Body<R::Patch, R::Rules>,
    ) -> Result<Answered<Shown<R::Body>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let patch = body.0;
        let update = async |tx: &mut TenantTx<'_>| {
            let merge = |draft| patch.merge(draft);
            Ok(shown::<R>(record::update(tx, id.0, expected, merge).await?))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Delete {a record}
    ///
    /// It is hidden, its unique values ({unique}) are free again, and it can be restored. {note} Needs `{delete}`. Emits
    /// `{record}.deleted`.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_{record}")]
    async fn delete(
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
        let delete = async |tx: &mut TenantTx<'_>| {
            let record: R::Record = record::delete(tx, id.0, expected).await?;
            Ok(Deleted::preferring(prefer, || record.into()))
        };
        once.write(&app, &caller, prefer, delete).await
    }
}

/// What a record is replaced with. An AGENT that names no owner keeps it: it would lose the record otherwise.
pub(super) fn replacement<D: Draft>(draft: D, role: Role) -> impl FnOnce(D) -> D {
    move |now| {
        let draft = draft.replacing(&now);
        if role < Role::Admin { draft.keep_owner(&now) } else { draft }
    }
}
