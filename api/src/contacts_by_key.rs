//! `/connection/contacts/by/{key}/{value}`: contacts by what another system knows them by.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path};
use tenon_common::TenantTx;
use tenon_common::account::role::Role;
use tenon_common::crm::contact::{Contact, ContactDraft};
use tenon_common::crm::record::{self, Key, Precondition};

use crate::app::App;
use crate::body::Body;
use crate::caller::{Caller, ContactsDelete, ContactsRead, ContactsWrite};
use crate::contacts::{ContactBody, ContactInput, ContactPatch, ContactRules, created, replacement, shown};
use crate::error::ApiError;
use crate::once::{Answered, Once};
use crate::params;
use crate::prefer::Prefer;
use crate::response::{Deleted, Fetched, Shown, Upserted};
use crate::tags::Tags;

/// The operations.
pub struct ContactsByKeyApi;

#[OpenApi(prefix_path = "/api/v1/connection/contacts/by", tag = "Tags::Contacts")]
impl ContactsByKeyApi {
    /// Get a contact by key
    ///
    /// With `If-None-Match` 304 for the version that you have. Needs `contacts:read`.
    #[oai(path = "/:key/:value", method = "get", operation_id = "get_contact_by_key")]
    async fn get(
        &self,
        caller: Caller<ContactsRead>,
        app: Data<&Arc<App>>,
        /// `email` or `externalId`.
        key: Path<String>,
        /// The value, percent-encoded.
        value: Path<String>,
        /// The `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Fetched<ContactBody>, ApiError> {
        let key = Key::<Contact>::parse(&key, &value)?;
        let contact = app.db.read(&caller.actor, async |tx| record::find_by(tx, &key).await).await?;
        let version = contact.version;
        Ok(Fetched::unless(if_none_match.as_deref(), contact.into(), version))
    }

    /// Create or replace a contact by key
    ///
    /// 201 where no contact has the value, which need not be in the body; 200 where one has it and is replaced: fields that are
    /// absent are cleared. Of several at once one creates. With `If-None-Match: *` it only creates, with `If-Match` it only
    /// replaces. Needs `contacts:write`. Emits `contact.created` or `contact.updated`.
    #[oai(path = "/:key/:value", method = "put", operation_id = "upsert_contact_by_key")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn upsert(
        &self,
        caller: Caller<ContactsWrite>,
        app: Data<&Arc<App>>,
        /// `email` or `externalId`.
        key: Path<String>,
        /// The value, percent-encoded.
        value: Path<String>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// `*`: a contact that has the value is refused with 412.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<ContactInput, ContactRules>,
    ) -> Result<Answered<Upserted<ContactBody>>, ApiError> {
        let key = Key::<Contact>::parse(&key, &value)?;
        let precondition = precondition(if_match.as_deref(), if_none_match.as_deref())?;
        let draft = key.complete(ContactDraft::from(body.0))?;
        let owns_only = caller.actor.role < Role::Admin;
        let upsert = async |tx: &mut TenantTx<'_>| {
            let edit = |now| replacement(draft.clone(), &now, owns_only);
            Ok(match record::upsert(tx, &key, precondition, draft.clone(), edit).await? {
                record::Upserted::Created(contact) => Upserted::Created(created(contact)),
                record::Upserted::Updated(contact) => Upserted::Replaced(shown(contact)),
            })
        };
        once.write(&app, &caller, prefer, upsert).await
    }

    /// Change a contact by key
    ///
    /// JSON merge patch (RFC 7396): absent keeps a field, null clears it. The value itself can be changed too. Needs
    /// `contacts:write`. Emits `contact.updated`, unless nothing differs.
    #[oai(path = "/:key/:value", method = "patch", operation_id = "update_contact_by_key")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<ContactsWrite>,
        app: Data<&Arc<App>>,
        /// `email` or `externalId`.
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
        body: Body<ContactPatch, ContactRules>,
    ) -> Result<Answered<Shown<ContactBody>>, ApiError> {
        let key = Key::<Contact>::parse(&key, &value)?;
        let expected = params::if_match(if_match.as_deref())?;
        let patch = body.0;
        let update = async |tx: &mut TenantTx<'_>| {
            let before = record::lock_by(tx, &key).await?;
            Ok(shown(record::update_locked(tx, before, expected, |draft| patch.merge(draft)).await?))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Delete a contact by key
    ///
    /// As by id. Needs `contacts:delete`. Emits `contact.deleted`.
    #[oai(path = "/:key/:value", method = "delete", operation_id = "delete_contact_by_key")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn delete(
        &self,
        caller: Caller<ContactsDelete>,
        app: Data<&Arc<App>>,
        /// `email` or `externalId`.
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
    ) -> Result<Answered<Deleted<ContactBody>>, ApiError> {
        let key = Key::<Contact>::parse(&key, &value)?;
        let expected = params::if_match(if_match.as_deref())?;
        let delete = async |tx: &mut TenantTx<'_>| {
            let before = record::lock_by(tx, &key).await?;
            let contact = record::delete_locked(tx, before, expected).await?;
            Ok(Deleted::preferring(prefer, || contact.into()))
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
