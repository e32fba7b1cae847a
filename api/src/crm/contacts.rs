//! `/connection/contacts`.

use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::crm::contact::{Contact, ContactDraft};
use tenon_common::id::{CompanyId, UserId};
use uuid::Uuid;

use crate::calls::caller::{ContactsDelete, ContactsRead, ContactsWrite};
use crate::crm::records::{Kind, Patch, Relation, Resource};
use crate::http::actor::ActorBody;
use crate::http::body::{FieldError, Rules};
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;

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
    /// An international phone number; blanks, dots, dashes and brackets are taken out, and so are a zero that is dialled within the
    /// country only, and an extension.
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
            external_id: Some("crm-1001".to_owned()),
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
            phone_original: None,
            company: input.company,
            company_id: input.company_id.map(CompanyId),
            title: input.title,
            lifecycle: input.lifecycle,
            owner_id: input.owner_id.map(UserId),
            user_id: input.user_id.map(UserId),
        }
    }
}

impl Patch<ContactDraft> for ContactPatch {
    fn merge(self, mut draft: ContactDraft) -> ContactDraft {
        draft.name = self.name.or(draft.name);
        self.external_id.update_to(&mut draft.external_id);
        self.email.update_to(&mut draft.email);
        if !self.phone.is_undefined() {
            draft.phone_original = None;
        }
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
            title: text("title"),
            lifecycle: text("lifecycle"),
            ..ContactDraft::default()
        };
        let errors = draft.check().err().unwrap_or_default();
        errors.into_iter().map(FieldError::from).collect()
    }
}

/// Contacts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contacts;

impl Resource for Contacts {
    type Record = Contact;
    type Body = ContactBody;
    type Input = ContactInput;
    type Patch = ContactPatch;
    type Rules = ContactRules;
    type Read = ContactsRead;
    type Write = ContactsWrite;
    type Delete = ContactsDelete;

    const PATH: &'static str = "/api/v1/connection/contacts";
    const TAG: Tags = Tags::Contacts;
    const RELATIONS: &'static [Relation<Contact>] = &[
        Relation { name: "company", kind: Kind::Companies, id: |contact| contact.company_id.map(|id| id.0) },
        Relation { name: "owner", kind: Kind::Users, id: |contact| contact.owner_id.map(|id| id.0) },
        Relation { name: "user", kind: Kind::Users, id: |contact| contact.user_id.map(|id| id.0) },
    ];
}
