//! `/connection/contacts/batch/…`.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use tenon_common::account::role::Role;
use tenon_common::crm::contact::{Contact, ContactDraft, ContactFields};
use tenon_common::crm::record::batch::{self, Edit, Upsert};
use tenon_common::crm::record::{Key, Upserted};
use tenon_common::{Error, TenantTx};
use uuid::Uuid;

use crate::app::App;
use crate::batch::{
    BatchChange, BatchDeletion, BatchReadResult, BatchReference, BatchResult, Batched, Items,
};
use crate::body::BatchBody;
use crate::caller::{Caller, ContactsDelete, ContactsRead, ContactsWrite};
use crate::code::Code;
use crate::contacts::{ContactBody, ContactInput, ContactPatch, ContactRules, replacement};
use crate::error::ApiError;
use crate::once::{Answered, Once};
use crate::prefer::Prefer;
use crate::refusal::Refusal;
use crate::tags::Tags;

type Done = (StatusCode, Uuid, i64);

fn done(status: StatusCode, contact: &Contact) -> Done {
    (status, contact.id.0, contact.version)
}

fn show<D>(describe: impl Fn(&D) -> Done) -> impl Fn(usize, Result<D, Refusal>) -> BatchResult {
    move |index, outcome| BatchResult::of(index, outcome.map(|done| describe(&done)))
}

fn checked(input: ContactInput) -> Result<ContactFields, Refusal> {
    Ok(ContactDraft::from(input).check().map_err(Error::Invalid)?)
}

/// The key of an item: a value that it must have.
fn key_of(name: &str, input: &ContactInput) -> Result<Key<Contact>, Refusal> {
    let value = match name {
        "email" => input.email.as_deref(),
        _ => input.external_id.as_deref(),
    };
    let missing =
        || tenon_common::error::FieldError::new(name, "REQUIRED", "This field is the key of the batch");
    let value = value.ok_or_else(|| Error::Invalid(vec![missing()]))?;
    Ok(Key::<Contact>::parse(name, value)?)
}

/// The operations.
pub struct ContactsBatchApi;

#[OpenApi(prefix_path = "/api/v1/connection/contacts/batch", tag = "Tags::Contacts")]
impl ContactsBatchApi {
    /// Read contacts
    ///
    /// Up to 500 by their ids. Needs `contacts:read`.
    #[oai(path = "/read", method = "post", operation_id = "read_contacts")]
    async fn read(
        &self,
        caller: Caller<ContactsRead>,
        app: Data<&Arc<App>>,
        body: BatchBody<BatchReference>,
    ) -> Result<Batched<BatchReadResult<ContactBody>>, ApiError> {
        let asked = body.0.into_iter().map(|item| Ok(item?.id));
        let (items, ids) = Items::part(asked, false)?;
        let found = app.db.read(&caller.actor, async |tx| batch::get_each(tx, &ids).await).await?;
        let show = |index, outcome: Result<Contact, Refusal>| {
            BatchReadResult::of(index, outcome.map(|contact| (contact.id.0, contact.into())))
        };
        Ok(items.end(found, show)?)
    }

    /// Create contacts
    ///
    /// Up to 500, each with an outcome of its own: one that is refused does not spoil the others. Needs `contacts:write`. Emits
    /// `contact.created` for each.
    #[oai(path = "/create", method = "post", operation_id = "create_contacts")]
    async fn create(
        &self,
        caller: Caller<ContactsWrite>,
        app: Data<&Arc<App>>,
        /// True for all or nothing: the first item that is refused is the answer, with its place in `details.index`.
        atomic: Query<Option<bool>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: BatchBody<ContactInput, ContactRules>,
    ) -> Result<Answered<Batched<BatchResult>>, ApiError> {
        let asked = body.0.into_iter().map(|item| checked(item?));
        let (items, fields) = Items::part(asked, atomic.0.unwrap_or(false))?;
        let create = async |tx: &mut TenantTx<'_>| {
            let created = batch::create_each(tx, fields).await?;
            items.end(created, show(|contact| done(StatusCode::CREATED, contact)))
        };
        once.write(&app, &caller, prefer, create).await
    }

    /// Change contacts
    ///
    /// Up to 500, each by a merge patch and with an outcome of its own. Needs `contacts:write`. Emits `contact.updated` for each
    /// that differs.
    #[oai(path = "/update", method = "post", operation_id = "update_contacts")]
    async fn update(
        &self,
        caller: Caller<ContactsWrite>,
        app: Data<&Arc<App>>,
        /// True for all or nothing: the first item that is refused is the answer, with its place in `details.index`.
        atomic: Query<Option<bool>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: BatchBody<BatchChange<ContactPatch>>,
    ) -> Result<Answered<Batched<BatchResult>>, ApiError> {
        let asked = body.0.into_iter().map(|item| {
            let BatchChange { id, version, changes } = item?;
            Ok(Edit { id, expected: version, edit: |draft| changes.merge(draft) })
        });
        let (items, edits) = Items::part(asked, atomic.0.unwrap_or(false))?;
        let update = async |tx: &mut TenantTx<'_>| {
            let updated = batch::update_each(tx, edits).await?;
            items.end(updated, show(|contact| done(StatusCode::OK, contact)))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Create or replace contacts
    ///
    /// Up to 500, each by its e-mail address or external id and with an outcome of its own: 201 where no contact has the value, 200
    /// where one has it and is replaced. Needs `contacts:write`. Emits `contact.created` or `contact.updated` for each.
    #[oai(path = "/upsert", method = "post", operation_id = "upsert_contacts")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn upsert(
        &self,
        caller: Caller<ContactsWrite>,
        app: Data<&Arc<App>>,
        /// By what contacts are known: `email` or `externalId`. Every item must have it.
        key: Query<String>,
        /// True for all or nothing: the first item that is refused is the answer, with its place in `details.index`.
        atomic: Query<Option<bool>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: BatchBody<ContactInput, ContactRules>,
    ) -> Result<Answered<Batched<BatchResult>>, ApiError> {
        if !matches!(key.as_str(), "email" | "externalId") {
            return Err(Refusal::new(Code::ValidationError)
                .detail("key", "Expected email or externalId")
                .into());
        }
        let owns_only = caller.actor.role < Role::Admin;
        let asked = body.0.into_iter().map(|item| {
            let input = item?;
            let key = key_of(&key, &input)?;
            let draft = ContactDraft::from(input.clone());
            let edit = move |now: ContactDraft| replacement(draft, &now, owns_only);
            Ok(Upsert { key, fields: checked(input)?, edit })
        });
        let (items, upserts) = Items::part(asked, atomic.0.unwrap_or(false))?;
        let upsert = async |tx: &mut TenantTx<'_>| {
            let upserted = batch::upsert_each(tx, upserts).await?;
            let show = show(|upserted| match upserted {
                Upserted::Created(contact) => done(StatusCode::CREATED, contact),
                Upserted::Updated(contact) => done(StatusCode::OK, contact),
            });
            items.end(upserted, show)
        };
        once.write(&app, &caller, prefer, upsert).await
    }

    /// Delete contacts
    ///
    /// Up to 500 by their ids, each with an outcome of its own; each can be restored by itself. Needs `contacts:delete`. Emits
    /// `contact.deleted` for each.
    #[oai(path = "/delete", method = "post", operation_id = "delete_contacts")]
    async fn delete(
        &self,
        caller: Caller<ContactsDelete>,
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
            let item = item?;
            Ok((item.id, item.version))
        });
        let (items, deletions) = Items::part(asked, atomic.0.unwrap_or(false))?;
        let delete = async |tx: &mut TenantTx<'_>| {
            let deleted = batch::delete_each(tx, deletions).await?;
            items.end(deleted, show(|contact| done(StatusCode::NO_CONTENT, contact)))
        };
        once.write(&app, &caller, prefer, delete).await
    }
}
