//! `/connection/contacts`.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::TenantTx;
use tenon_common::account::role::Role;
use tenon_common::crm::contact::{self, Contact, ContactDraft};
use tenon_common::crm::record;
use tenon_common::id::{CompanyId, UserId};
use uuid::Uuid;

use crate::actor::ActorBody;
use crate::app::App;
use crate::body::{Body, FieldError, Rules};
use crate::caller::{Caller, ContactsDelete, ContactsRead, ContactsWrite};
use crate::error::ApiError;
use crate::lists::{self, SearchInput, Selected};
use crate::once::{Answered, Once};
use crate::params;
use crate::prefer::Prefer;
use crate::response::{Created, Deleted, Fetched, Listed, Shown};
use crate::tags::Tags;
use crate::timestamp::Timestamp;

/// A person that the organization deals with.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Contact", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ContactBody {
    /// The contact's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// The contact's key in another system; unique among contacts that are not deleted.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// The name.
    pub name: String,
    /// The e-mail address as it was sent; unique, regardless of case, among contacts that are not deleted.
    #[oai(nullable)]
    pub email: Option<String>,
    /// The phone number in E.164.
    #[oai(nullable)]
    pub phone: Option<String>,
    /// The phone number as it was sent.
    #[oai(nullable)]
    pub phone_original: Option<String>,
    /// The company's name as text.
    #[oai(nullable)]
    pub company: Option<String>,
    /// The id of the company that the contact belongs to. It stays when that company is deleted.
    #[oai(nullable)]
    pub company_id: Option<Uuid>,
    /// The position.
    #[oai(nullable)]
    pub title: Option<String>,
    /// Where the contact stands in your terms: `lead`, `client`, …
    #[oai(nullable)]
    pub lifecycle: Option<String>,
    /// The user who is responsible. An AGENT sees its own contacts.
    #[oai(nullable)]
    pub owner_id: Option<Uuid>,
    /// The user whom this contact is. A CLIENT sees itself.
    #[oai(nullable)]
    pub user_id: Option<Uuid>,
    /// Counts changes, from 1. The `ETag` is made of it.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub created_by: ActorBody,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
    /// When it was deleted; null for what is not.
    #[oai(nullable)]
    pub deleted_at: Option<Timestamp>,
}

/// A contact to create, or what one is replaced with.
#[derive(Object, Debug, Clone)]
#[oai(rename = "ContactInput", rename_all = "camelCase", example)]
pub struct ContactInput {
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// The contact's key in another system, 1 to 255 characters.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// An e-mail address.
    #[oai(nullable)]
    pub email: Option<String>,
    /// An international phone number; blanks, dots, dashes and brackets are taken out.
    #[oai(nullable)]
    pub phone: Option<String>,
    /// The company's name as text, 1 to 100 characters.
    #[oai(nullable)]
    pub company: Option<String>,
    /// The id of the company that the contact belongs to.
    #[oai(nullable)]
    pub company_id: Option<Uuid>,
    /// The position, 1 to 100 characters.
    #[oai(nullable)]
    pub title: Option<String>,
    /// Where the contact stands in your terms, 1 to 50 characters.
    #[oai(nullable)]
    pub lifecycle: Option<String>,
    /// The user who is responsible. What an AGENT creates is its own.
    #[oai(nullable)]
    pub owner_id: Option<Uuid>,
    /// The user whom this contact is.
    #[oai(nullable)]
    pub user_id: Option<Uuid>,
}

impl poem_openapi::types::Example for ContactInput {
    fn example() -> Self {
        Self {
            name: "John Doe".to_owned(),
            external_id: None,
            email: Some("john@example.com".to_owned()),
            phone: Some("+1234567890".to_owned()),
            company: Some("ACME Corp".to_owned()),
            company_id: None,
            title: None,
            lifecycle: None,
            owner_id: None,
            user_id: None,
        }
    }
}

/// Changes to a contact (RFC 7396): absent keeps a field, null clears it.
#[derive(Object, Debug)]
#[oai(rename = "ContactPatch", rename_all = "camelCase")]
pub struct ContactPatch {
    /// 1 to 100 characters after trimming. Cannot be cleared.
    pub name: Option<String>,
    /// The contact's key in another system.
    #[oai(nullable)]
    pub external_id: MaybeUndefined<String>,
    /// An e-mail address.
    #[oai(nullable)]
    pub email: MaybeUndefined<String>,
    /// An international phone number.
    #[oai(nullable)]
    pub phone: MaybeUndefined<String>,
    /// The company's name as text.
    #[oai(nullable)]
    pub company: MaybeUndefined<String>,
    /// The id of the company that the contact belongs to.
    #[oai(nullable)]
    pub company_id: MaybeUndefined<Uuid>,
    /// The position.
    #[oai(nullable)]
    pub title: MaybeUndefined<String>,
    /// Where the contact stands in your terms.
    #[oai(nullable)]
    pub lifecycle: MaybeUndefined<String>,
    /// The user who is responsible: giving a contact away.
    #[oai(nullable)]
    pub owner_id: MaybeUndefined<Uuid>,
    /// The user whom this contact is.
    #[oai(nullable)]
    pub user_id: MaybeUndefined<Uuid>,
}

impl From<Contact> for ContactBody {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.id.0,
            tenant_id: contact.tenant_id.0,
            external_id: contact.external_id,
            name: contact.name,
            email: contact.email,
            phone: contact.phone,
            phone_original: contact.phone_original,
            company: contact.company,
            company_id: contact.company_id.map(|id| id.0),
            title: contact.title,
            lifecycle: contact.lifecycle,
            owner_id: contact.owner_id.map(|id| id.0),
            user_id: contact.user_id.map(|id| id.0),
            version: contact.version,
            created_at: contact.created_at.into(),
            created_by: contact.created_by.into(),
            updated_at: contact.updated_at.into(),
            updated_by: contact.updated_by.into(),
            deleted_at: contact.deleted_at.map(Timestamp),
        }
    }
}

impl From<ContactInput> for ContactDraft {
    fn from(input: ContactInput) -> Self {
        Self {
            name: Some(input.name),
            external_id: input.external_id,
            email: input.email,
            phone: input.phone,
            company: input.company,
            company_id: input.company_id.map(CompanyId),
            title: input.title,
            lifecycle: input.lifecycle,
            owner_id: input.owner_id.map(UserId),
            user_id: input.user_id.map(UserId),
        }
    }
}

impl ContactPatch {
    pub(crate) fn merge(self, mut draft: ContactDraft) -> ContactDraft {
        draft.name = self.name.or(draft.name);
        self.external_id.update_to(&mut draft.external_id);
        self.email.update_to(&mut draft.email);
        self.phone.update_to(&mut draft.phone);
        self.company.update_to(&mut draft.company);
        self.company_id.map_value(CompanyId).update_to(&mut draft.company_id);
        self.title.update_to(&mut draft.title);
        self.lifecycle.update_to(&mut draft.lifecycle);
        self.owner_id.map_value(UserId).update_to(&mut draft.owner_id);
        self.user_id.map_value(UserId).update_to(&mut draft.user_id);
        draft
    }
}

/// The rules of a contact's fields.
pub struct ContactRules;

impl Rules for ContactRules {
    fn broken(body: &Map<String, Value>) -> Vec<FieldError> {
        let text = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
        let draft = ContactDraft {
            // Whether it has to be there, the schema says.
            name: text("name").or_else(|| Some("-".to_owned())),
            external_id: text("externalId"),
            email: text("email"),
            phone: text("phone"),
            company: text("company"),
            company_id: None,
            title: text("title"),
            lifecycle: text("lifecycle"),
            owner_id: None,
            user_id: None,
        };
        let errors = draft.check().err().unwrap_or_default();
        errors.into_iter().map(FieldError::from).collect()
    }
}

/// What a contact is replaced with. An AGENT that names no owner keeps it: it would lose the contact otherwise.
pub(crate) fn replacement(draft: ContactDraft, now: &ContactDraft, owns_only: bool) -> ContactDraft {
    let owner_id = draft.owner_id.or(now.owner_id.filter(|_| owns_only));
    ContactDraft { owner_id, ..draft }
}

pub(crate) fn created(contact: Contact) -> Created<ContactBody> {
    let location = format!("/api/v1/connection/contacts/{}", contact.id);
    Created { version: Some(contact.version), location, data: contact.into() }
}

pub(crate) fn shown(contact: Contact) -> Shown<ContactBody> {
    let version = contact.version;
    Shown::versioned(contact.into(), version)
}

/// The operations.
pub struct ContactsApi;

#[OpenApi(prefix_path = "/api/v1/connection/contacts", tag = "Tags::Contacts")]
impl ContactsApi {
    /// List contacts
    ///
    /// Newest first, unless `sort` says otherwise. Page by number with `page` and `pageSize`, which also tells the total and
    /// reaches 10,000 contacts, or by cursor with `limit` and then `cursor`, which reaches all of them. `filter`, `q`, `deleted`,
    /// `updatedSince` and fields by their names (`lifecycle=client`) narrow the list together. Needs `contacts:read`.
    #[oai(path = "/", method = "get", operation_id = "list_contacts")]
    async fn list(
        &self,
        caller: Caller<ContactsRead>,
        app: Data<&Arc<App>>,
        request: &Request,
    ) -> Result<Listed<Selected<ContactBody>>, ApiError> {
        let query = lists::query(request, &contact::LIST, &app.cursors)?;
        let found = app.db.read(&caller.actor, async |tx| record::list::<Contact>(tx, &query).await).await?;
        Ok(lists::answer(request, &app.cursors, &query, found, ContactBody::from))
    }

    /// Search contacts
    ///
    /// What the list answers, with the filter as JSON: for conditions that are too long for a URL. Pages by cursor.
    /// Needs `contacts:read`.
    #[oai(path = "/search", method = "post", operation_id = "search_contacts")]
    async fn search(
        &self,
        caller: Caller<ContactsRead>,
        app: Data<&Arc<App>>,
        body: Body<SearchInput>,
    ) -> Result<Listed<Selected<ContactBody>>, ApiError> {
        let query = body.0.query(&contact::LIST, &app.cursors)?;
        let found = app.db.read(&caller.actor, async |tx| record::list::<Contact>(tx, &query).await).await?;
        Ok(lists::page(&app.cursors, &query, found, ContactBody::from))
    }

    /// Create a contact
    ///
    /// Needs `contacts:write`. Emits `contact.created`.
    #[oai(path = "/", method = "post", operation_id = "create_contact")]
    async fn create(
        &self,
        caller: Caller<ContactsWrite>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<ContactInput, ContactRules>,
    ) -> Result<Answered<Created<ContactBody>>, ApiError> {
        let fields = ContactDraft::from(body.0).check().map_err(tenon_common::Error::Invalid)?;
        let create = async |tx: &mut TenantTx<'_>| Ok(created(record::create::<Contact>(tx, fields).await?));
        once.write(&app, &caller, prefer, create).await
    }

    /// Get a contact
    ///
    /// With `If-None-Match` 304 for the version that you have. Needs `contacts:read`.
    #[oai(path = "/:id", method = "get", operation_id = "get_contact")]
    async fn get(
        &self,
        caller: Caller<ContactsRead>,
        app: Data<&Arc<App>>,
        /// The contact's id.
        id: Path<Uuid>,
        /// The `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Fetched<ContactBody>, ApiError> {
        let contact = app.db.read(&caller.actor, async |tx| record::get::<Contact>(tx, id.0).await).await?;
        let version = contact.version;
        Ok(Fetched::unless(if_none_match.as_deref(), contact.into(), version))
    }

    /// Replace a contact
    ///
    /// Fields that are absent are cleared. Needs `contacts:write`. Emits `contact.updated`, unless nothing differs.
    #[oai(path = "/:id", method = "put", operation_id = "replace_contact")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn replace(
        &self,
        caller: Caller<ContactsWrite>,
        app: Data<&Arc<App>>,
        /// The contact's id.
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
        body: Body<ContactInput, ContactRules>,
    ) -> Result<Answered<Shown<ContactBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let owns_only = caller.actor.role < Role::Admin;
        let draft = ContactDraft::from(body.0);
        draft.clone().check().map_err(tenon_common::Error::Invalid)?;
        let edit = |now| replacement(draft, &now, owns_only);
        let replace =
            async |tx: &mut TenantTx<'_>| Ok(shown(record::update(tx, id.0, expected, edit).await?));
        once.write(&app, &caller, prefer, replace).await
    }

    /// Change a contact
    ///
    /// JSON merge patch (RFC 7396): absent keeps a field, null clears it. Needs `contacts:write`. Emits `contact.updated`,
    /// unless nothing differs.
    #[oai(path = "/:id", method = "patch", operation_id = "update_contact")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<ContactsWrite>,
        app: Data<&Arc<App>>,
        /// The contact's id.
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
        body: Body<ContactPatch, ContactRules>,
    ) -> Result<Answered<Shown<ContactBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let patch = body.0;
        let update = async |tx: &mut TenantTx<'_>| {
            Ok(shown(record::update(tx, id.0, expected, |draft| patch.merge(draft)).await?))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Delete a contact
    ///
    /// It is hidden, its e-mail address and external id are free again, and it can be restored. Needs `contacts:delete`.
    /// Emits `contact.deleted`.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_contact")]
    async fn delete(
        &self,
        caller: Caller<ContactsDelete>,
        app: Data<&Arc<App>>,
        /// The contact's id.
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
    ) -> Result<Answered<Deleted<ContactBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let delete = async |tx: &mut TenantTx<'_>| {
            let contact = record::delete::<Contact>(tx, id.0, expected).await?;
            Ok(Deleted::preferring(prefer, || contact.into()))
        };
        once.write(&app, &caller, prefer, delete).await
    }

    /// Restore a contact
    ///
    /// Brings a deleted contact back. Refused with `RESTORE_CONFLICT` where another contact has its e-mail address or external
    /// id by now. Needs `contacts:write`. Emits `contact.restored`.
    #[oai(path = "/:id/restore", method = "post", operation_id = "restore_contact")]
    async fn restore(
        &self,
        caller: Caller<ContactsWrite>,
        app: Data<&Arc<App>>,
        /// The contact's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<ContactBody>>, ApiError> {
        let restore = async |tx: &mut TenantTx<'_>| Ok(shown(record::restore::<Contact>(tx, id.0).await?));
        once.write(&app, &caller, prefer, restore).await
    }

    /// Purge a contact
    ///
    /// Removes a deleted contact for good: it cannot be restored. Refused with `STATE_CONFLICT` where it is not deleted. Needs
    /// `contacts:delete`. Emits `contact.purged`.
    #[oai(path = "/:id/purge", method = "post", operation_id = "purge_contact")]
    async fn purge(
        &self,
        caller: Caller<ContactsDelete>,
        app: Data<&Arc<App>>,
        /// The contact's id.
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
    ) -> Result<Answered<Deleted<ContactBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let purge = async |tx: &mut TenantTx<'_>| {
            let contact = record::purge::<Contact>(tx, id.0, expected).await?;
            Ok(Deleted::preferring(prefer, || contact.into()))
        };
        once.write(&app, &caller, prefer, purge).await
    }
}
