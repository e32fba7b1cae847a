//! `…/batch/…`: many records in one request.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use tenon_common::crm::record::batch::{self, Edit, Upsert};
use tenon_common::crm::record::{Draft, Fields, Head, Key, Upserted};
use tenon_common::{Error, TenantTx};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::Caller;
use crate::calls::once::{Answered, Once};
use crate::crm::records::change::replacement;
use crate::crm::records::{DraftOf, Patch, Resource};
use crate::http::batch::{
    BatchChange, BatchDeletion, BatchReadResult, BatchReference, BatchResult, Batched, Items,
};
use crate::http::body::BatchBody;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::prefer::Prefer;
use crate::http::refusal::Refusal;

type Done = (StatusCode, Uuid, i64);

fn done(status: StatusCode, record: &impl Head) -> Done {
    (status, record.id(), record.version())
}

fn show<D>(describe: impl Fn(&D) -> Done) -> impl Fn(usize, Result<D, Refusal>) -> BatchResult {
    move |index, outcome| BatchResult::of(index, outcome.map(|done| describe(&done)))
}

fn checked<R: Resource>(draft: DraftOf<R>) -> Result<Fields<R::Record>, Refusal> {
    Ok(draft.check().map_err(Error::Invalid)?)
}

/// The operations.
#[derive(Debug, Default)]
pub struct RecordsBatchApi<R>(PhantomData<R>);

#[OpenApi(prefix_path = R::PATH)]
impl<R: Resource> RecordsBatchApi<R> {
    /// Read {records}
    ///
    /// Up to 500 by their ids. {note} Needs `{read}`.
    #[oai(path = "/batch/read", method = "post", operation_id = "read_{records}")]
    async fn read(
        &self,
        caller: Caller<R::Read>,
        app: Data<&Arc<App>>,
        body: BatchBody<BatchReference>,
    ) -> Result<Batched<BatchReadResult<R::Body>>, ApiError> {
        let asked = body.0.into_iter().map(|item| Ok(item?.id));
        let (items, ids) = Items::part(asked, false)?;
        let found = app.db.read(&caller.actor, async |tx| batch::get_each(tx, &ids).await).await?;
        let show = |index, outcome: Result<R::Record, Refusal>| {
            BatchReadResult::of(index, outcome.map(|record| (record.id(), record.into())))
        };
        Ok(items.end(found, show)?)
    }

    /// Create {records}
    ///
    /// Up to 500, each with an outcome of its own: one that is refused does not spoil the others. {note} Needs `{write}`. Emits
    /// `{record}.created` for each.
    #[oai(path = "/batch/create", method = "post", operation_id = "create_{records}")]
    async fn create(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// True for all or nothing: the first item that is refused is the answer, with its place in `details.index`.
        atomic: Query<Option<bool>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: BatchBody<R::Input, R::Rules>,
    ) -> Result<Answered<Batched<BatchResult>>, ApiError> {
        let asked = body.0.into_iter().map(|item| checked::<R>(item?.into()));
        let (items, fields) = Items::part(asked, atomic.0.unwrap_or(false))?;
        let create = async |tx: &mut TenantTx<'_>| {
            let created = batch::create_each(tx, fields).await?;
            items.end(created, show(|record: &R::Record| done(StatusCode::CREATED, record)))
        };
        once.write(&app, &caller, prefer, create).await
    }

    /// Change {records}
    ///
    /// Up to 500, each by a merge patch and with an outcome of its own. {note} Needs `{write}`. Emits `{record}.updated` for each
    /// that differs.
    #[oai(path = "/batch/update", method = "post", operation_id = "update_{records}")]
    async fn update(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// True for all or nothing: the first item that is refused is the answer, with its place in `details.index`.
        atomic: Query<Option<bool>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: BatchBody<BatchChange<R::Patch>>,
    ) -> Result<Answered<Batched<BatchResult>>, ApiError> {
        let asked = body.0.into_iter().map(|item| {
            let BatchChange { id, version, changes } = item?;
            Ok(Edit { id, expected: version, edit: |draft| changes.merge(draft) })
        });
        let (items, edits) = Items::part(asked, atomic.0.unwrap_or(false))?;
        let update = async |tx: &mut TenantTx<'_>| {
            let updated = batch::update_each(tx, edits).await?;
            items.end(updated, show(|record: &R::Record| done(StatusCode::OK, record)))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Create or replace {records}
    ///
    /// Up to 500, each by one of its unique values and with an outcome of its own: 201 where no {record} has the value, 200
    /// where one has it and is replaced. {note} Needs `{write}`. Emits `{record}.created` or `{record}.updated` for each.
    #[oai(path = "/batch/upsert", method = "post", operation_id = "upsert_{records}")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn upsert(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// By what {records} are known: {keys}. Every item must have it.
        key: Query<String>,
        /// True for all or nothing: the first item that is refused is the answer, with its place in `details.index`.
        atomic: Query<Option<bool>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: BatchBody<R::Input, R::Rules>,
    ) -> Result<Answered<Batched<BatchResult>>, ApiError> {
        if !Key::<R::Record>::is_known(&key) {
            let expected = format!("Expected {}", Key::<R::Record>::names());
            return Err(Refusal::new(Code::ValidationError).detail("key", expected).into());
        }
        let role = caller.actor.role;
        let asked = body.0.into_iter().map(|item| {
            let draft: DraftOf<R> = item?.into();
            let key = Key::<R::Record>::of(&key, &draft)?;
            let edit = replacement(draft.clone(), role);
            Ok(Upsert { key, fields: Ok(checked::<R>(draft)?), edit })
        });
        let (items, upserts) = Items::part(asked, atomic.0.unwrap_or(false))?;
        let upsert = async |tx: &mut TenantTx<'_>| {
            let upserted = batch::upsert_each(tx, upserts).await?;
            let show = show(|upserted: &Upserted<R::Record>| match upserted {
                Upserted::Created(record) => done(StatusCode::CREATED, record),
                Upserted::Updated(record) => done(StatusCode::OK, record),
            });
            items.end(upserted, show)
        };
        once.write(&app, &caller, prefer, upsert).await
    }

    /// Delete {records}
    ///
    /// Up to 500 by their ids, each with an outcome of its own; each can be restored by itself. {note} Needs `{delete}`. Emits
    /// `{record}.deleted` for each.
    #[oai(path = "/batch/delete", method = "post", operation_id = "delete_{records}")]
    async fn delete(
        &self,
        caller: Caller<R::Delete>,
        app: Data<&Arc<App>>,
        /// True for all or nothing: the first item that is refused is the answer, with its place in `details.index`.
        atomic: Query<Option<bool>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: BatchBody<BatchDeletion>,
    ) -> Result<Answered<Batched<BatchResult>>, ApiError> {
        let asked = body.0.into_iter().map(|item| {
            let BatchDeletion { id, version } = item?;
            Ok((id, version))
        });
        let (items, deletions) = Items::part(asked, atomic.0.unwrap_or(false))?;
        let delete = async |tx: &mut TenantTx<'_>| {
            let deleted = batch::delete_each(tx, deletions).await?;
            items.end(deleted, show(|record: &R::Record| done(StatusCode::NO_CONTENT, record)))
        };
        once.write(&app, &caller, prefer, delete).await
    }
}
