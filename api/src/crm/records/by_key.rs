//! `…/by/{key}/{value}`: records by what another system knows them by.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use tenon_common::TenantTx;
use tenon_common::crm::record::{self, Head, Key, Precondition};

use crate::app::App;
use crate::calls::caller::Caller;
use crate::calls::once::{Answered, Once};
use crate::crm::records::answers::{created, shown};
use crate::crm::records::change::replacement;
use crate::crm::records::{DraftOf, Include, Patch, RecordAnswer, Resource};
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Deleted, Shown, Upserted};

/// The operations.
#[derive(Debug, Default)]
pub struct RecordsByKeyApi<R>(PhantomData<R>);

#[OpenApi(prefix_path = R::PATH)]
impl<R: Resource> RecordsByKeyApi<R> {
    /// Get {a record} by key
    ///
    /// With `If-None-Match` 304 for the version that you have. {note} Needs `{read}`.
    #[oai(path = "/by/:key/:value", method = "get", operation_id = "get_{record}_by_key")]
    async fn get(
        &self,
        caller: Caller<R::Read>,
        app: Data<&Arc<App>>,
        /// {keys}.
        key: Path<String>,
        /// The value, percent-encoded.
        value: Path<String>,
        /// Records that it names, to be answered beside it, parted by commas: {relations}. Then there is no 304.
        include: Query<Option<String>>,
        /// The `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<RecordAnswer<R::Body>, ApiError> {
        let key: Key<R::Record> = Key::parse(&key, &value)?;
        let include = Include::of_text(R::RELATIONS, include.as_deref(), &caller)?;
        let get = async |tx: &mut TenantTx<'_>| {
            let record = record::find_by(tx, &key).await?;
            let included = include.load(tx, std::slice::from_ref(&record)).await?;
            Ok((record, included))
        };
        let (record, included) = app.db.read(&caller.actor, get).await?;
        let version = record.version();
        Ok(RecordAnswer::unless(if_none_match.as_deref(), record.into(), version, included))
    }

    /// Create or replace {a record} by key
    ///
    /// 201 where no {record} has the value, which need not be in the body; 200 where one has it and is replaced: fields that are
    /// absent are cleared. Of several at once one creates. With `If-None-Match: *` it only creates, with `If-Match` it only
    /// replaces. {note} Needs `{write}`. Emits `{record}.created` or `{record}.updated`.
    #[oai(path = "/by/:key/:value", method = "put", operation_id = "upsert_{record}_by_key")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn upsert(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// {keys}.
        key: Path<String>,
        /// The value, percent-encoded.
        value: Path<String>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// `*`: {a record} that has the value is refused with 412.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<R::Input, R::Rules>,
    ) -> Result<Answered<Upserted<R::Body>>, ApiError> {
        let key: Key<R::Record> = Key::parse(&key, &value)?;
        let precondition = precondition(if_match.as_deref(), if_none_match.as_deref())?;
        let draft: DraftOf<R> = key.complete(body.0.into())?;
        let edit = replacement(draft.clone(), caller.actor.role);
        let upsert = async |tx: &mut TenantTx<'_>| {
            Ok(match record::upsert(tx, &key, precondition, draft, edit).await? {
                record::Upserted::Created(record) => Upserted::Created(created::<R>(record)),
                record::Upserted::Updated(record) => Upserted::Replaced(shown::<R>(record)),
            })
        };
        once.write(&app, &caller, prefer, upsert).await
    }

    /// Change {a record} by key
    ///
    /// JSON merge patch (RFC 7396): absent keeps a field, null clears it. The value itself can be changed too. {note} Needs
    /// `{write}`. Emits `{record}.updated`, unless nothing differs.
    #[oai(path = "/by/:key/:value", method = "patch", operation_id = "update_{record}_by_key")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// {keys}.
        key: Path<String>,
        /// The value, percent-encoded.
        value: Path<String>,
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
        let key: Key<R::Record> = Key::parse(&key, &value)?;
        let expected = params::if_match(if_match.as_deref())?;
        let patch = body.0;
        let update = async |tx: &mut TenantTx<'_>| {
            let before = record::lock_by(tx, &key).await?;
            let merge = |draft| patch.merge(draft);
            Ok(shown::<R>(record::update_locked(tx, before, expected, merge).await?))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Delete {a record} by key
    ///
    /// As by id. {note} Needs `{delete}`. Emits `{record}.deleted`.
    #[oai(path = "/by/:key/:value", method = "delete", operation_id = "delete_{record}_by_key")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn delete(
        &self,
        caller: Caller<R::Delete>,
        app: Data<&Arc<App>>,
        /// {keys}.
        key: Path<String>,
        /// The value, percent-encoded.
        value: Path<String>,
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
        let key: Key<R::Record> = Key::parse(&key, &value)?;
        let expected = params::if_match(if_match.as_deref())?;
        let delete = async |tx: &mut TenantTx<'_>| {
            let before = record::lock_by(tx, &key).await?;
            let record = record::delete_locked(tx, before, expected).await?;
            Ok(Deleted::preferring(prefer, || record.into()))
        };
        once.write(&app, &caller, prefer, delete).await
    }
}

/// What `If-Match` and `If-None-Match` ask of an upsert.
fn precondition(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Precondition, ApiError> {
    if params::if_none_match(if_none_match)? {
        return Ok(Precondition::Absent);
    }
    Ok(match (params::if_match(if_match)?, if_match) {
        (Some(version), _) => Precondition::Version(version),
        (None, Some(_)) => Precondition::Present,
        (None, None) => Precondition::None,
    })
}
