//! What is a contact's own among the records of the CRM.

use std::sync::LazyLock;

use uuid::Uuid;

use crate::crm::contact::{Contact, ContactDraft, ContactFields, LIST};
use crate::crm::record::{
    Birth, Column, Draft, Events, Link, Record, Reference, Statements, Target, Unique, head,
};
use crate::crm::{linked, release};
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{FieldError, Result};
use crate::event::EventType;
use crate::id::UserId;
use crate::list::Listing;
use crate::rules;

head!(Contact);

static STATEMENTS: LazyLock<Statements> = LazyLock::new(Statements::of::<Contact>);

impl Draft for ContactDraft {
    type Fields = ContactFields;

    fn check(self) -> Result<ContactFields, Vec<FieldError>> {
        Self::check(self)
    }

    fn keep_owner(self, now: &Self) -> Self {
        Self { owner_id: self.owner_id.or(now.owner_id), ..self }
    }
}

impl Record for Contact {
    type Draft = ContactDraft;

    const KIND: EntityKind = EntityKind::Contact;
    const OWN: &'static [Column<Self>] = &[
        Column::text("external_id", |contact| contact.external_id.as_deref()),
        Column::text("name", |contact| Some(&contact.name)),
        Column::text("email", |contact| contact.email.as_deref()),
        Column::made("email_key", Self::email_key),
        Column::text("phone", |contact| contact.phone.as_deref()),
        Column::text("phone_original", |contact| contact.phone_original.as_deref()),
        Column::text("company", |contact| contact.company.as_deref()),
        Column::uuid("company_id", |contact| contact.company_id.map(|id| id.0)),
        Column::text("title", |contact| contact.title.as_deref()),
        Column::text("lifecycle", |contact| contact.lifecycle.as_deref()),
        Column::uuid("owner_id", |contact| contact.owner_id.map(|id| id.0)),
        Column::uuid("user_id", |contact| contact.user_id.map(|id| id.0)),
    ];
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique {
            constraint: "contacts_email",
            field: "email",
            column: "email_key",
            value: Self::email_key,
            parse: rules::email,
            draft: |draft| &mut draft.email,
        },
        Unique {
            constraint: "contacts_external_id",
            field: "externalId",
            column: "external_id",
            value: |contact| contact.external_id.clone(),
            parse: rules::external_id_key,
            draft: |draft| &mut draft.external_id,
        },
    ];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference {
            field: "ownerId",
            target: Target::MEMBER,
            constraint: "contacts_owner",
            id: |contact| contact.owner_id.map(|id| id.0),
        },
        Reference {
            field: "userId",
            target: Target::MEMBER,
            constraint: "contacts_user",
            id: |contact| contact.user_id.map(|id| id.0),
        },
        Reference {
            field: "companyId",
            target: Target::COMPANY,
            constraint: "contacts_company",
            id: |contact| contact.company_id.map(|id| id.0),
        },
    ];
    const LINKS: &'static [Link] = linked::OF_CONTACT;
    const EVENTS: Events = Events {
        created: EventType::CONTACT_CREATED,
        updated: EventType::CONTACT_UPDATED,
        deleted: EventType::CONTACT_DELETED,
        restored: EventType::CONTACT_RESTORED,
        purged: EventType::CONTACT_PURGED,
    };

    fn listing() -> &'static Listing {
        &LIST
    }

    fn statements() -> &'static Statements {
        &STATEMENTS
    }

    fn blank(birth: Birth) -> Self {
        Self {
            id: birth.id.into(),
            tenant_id: birth.tenant,
            external_id: None,
            name: String::new(),
            email: None,
            phone: None,
            phone_original: None,
            company: None,
            company_id: None,
            title: None,
            lifecycle: None,
            owner_id: None,
            user_id: None,
            version: 1,
            created_at: birth.at,
            created_by: birth.by,
            updated_at: birth.at,
            updated_by: birth.by,
            deleted_at: None,
        }
    }

    fn apply(&mut self, fields: ContactFields) -> Result<()> {
        self.name = fields.name;
        self.external_id = fields.external_id;
        self.email = fields.email.map(|(email, _)| email);
        (self.phone, self.phone_original) = fields.phone.unzip();
        self.company = fields.company;
        self.company_id = fields.company_id;
        self.title = fields.title;
        self.lifecycle = fields.lifecycle;
        self.owner_id = fields.owner_id;
        self.user_id = fields.user_id;
        Ok(())
    }

    fn owner(&self) -> Option<UserId> {
        self.owner_id
    }

    fn set_owner(&mut self, owner: UserId) {
        self.owner_id = Some(owner);
    }

    async fn release(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<()> {
        release::contact(tx, ids).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::record::Key;
    use crate::error::Error;

    #[test]
    fn a_key_completes_a_draft_and_contradicts_none() {
        let key = Key::<Contact>::parse("email", "Ada@Example.com").expect("an address");
        let completed = key.complete(ContactDraft::default()).expect("completed");
        assert_eq!(completed.email.as_deref(), Some("Ada@Example.com"));
        let written = |email: &str| ContactDraft { email: Some(email.to_owned()), ..ContactDraft::default() };
        let kept = key.complete(written("ADA@example.com")).expect("the same address");
        assert_eq!(kept.email.as_deref(), Some("ADA@example.com"));
        assert!(key.complete(written("grace@example.com")).is_err());
        let key = Key::<Contact>::parse("externalId", "crm-1").expect("an id");
        let completed = key.complete(ContactDraft::default()).expect("completed");
        assert_eq!(completed.external_id.as_deref(), Some("crm-1"));
        let other = ContactDraft { external_id: Some("CRM-1".to_owned()), ..ContactDraft::default() };
        assert!(key.complete(other).is_err());
    }

    #[test]
    fn what_is_no_key_is_named() {
        for (name, value, field) in
            [("phone", "+1", "/key"), ("email", "nobody", "/value"), ("externalId", " ", "/value")]
        {
            let Err(Error::Invalid(errors)) = Key::<Contact>::parse(name, value) else {
                panic!("{name} {value}")
            };
            assert_eq!(errors[0].pointer, field);
        }
    }

    #[test]
    fn a_draft_has_the_key_of_a_batch_or_is_refused() {
        let draft = ContactDraft { email: Some("Ada@Example.com".to_owned()), ..ContactDraft::default() };
        let key = Key::<Contact>::of("email", &draft).expect("a key");
        assert_eq!(key.field(), "email");
        let Err(Error::Invalid(errors)) = Key::<Contact>::of("externalId", &draft) else { panic!() };
        assert_eq!((errors[0].pointer.as_str(), errors[0].code), ("/externalId", "REQUIRED"));
        assert!(Key::<Contact>::of("phone", &draft).is_err());
        assert_eq!(Key::<Contact>::names(), "email or externalId");
    }
}
