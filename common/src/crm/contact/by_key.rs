//! Contacts by a unique value of theirs in place of the id: what another system knows them by.

use crate::crm::contact::{Contact, ContactDraft, collision, insert, new, record_created, update_locked};
use crate::crm::references;
use crate::crm::rules;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{ConflictCode, Error, FieldError, Result};

/// A unique value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContactKey {
    /// An e-mail address, as it was sent and as it is compared.
    Email(String, String),
    /// The key of another system.
    ExternalId(String),
}

/// What must be so for an upsert to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// There is none yet.
    Absent,
    /// There is one, of any version.
    Present,
    /// There is one, of this version.
    Version(i64),
}

/// What an upsert came to.
#[derive(Clone, Debug)]
pub enum Upserted {
    /// There was none.
    Created(Contact),
    /// There was one.
    Updated(Contact),
}

impl ContactKey {
    /// The value of a key of this name: `email` or `externalId`.
    pub fn parse(name: &str, value: &str) -> Result<Self> {
        let wrong = |field, code, message| Error::Invalid(vec![FieldError::new(field, code, message)]);
        let broken = |(code, message)| wrong("value", code, message);
        match name {
            "email" => rules::email(value).map(|(sent, key)| Self::Email(sent, key)).map_err(broken),
            "externalId" => rules::external_id(value).map(Self::ExternalId).map_err(broken),
            _ => Err(wrong("key", "UNKNOWN_KEY", "Expected email or externalId".to_owned())),
        }
    }

    /// The field that has it.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::Email(..) => "email",
            Self::ExternalId(_) => "externalId",
        }
    }

    /// As it is compared.
    pub(super) fn value(&self) -> &str {
        match self {
            Self::Email(_, key) | Self::ExternalId(key) => key,
        }
    }

    /// The draft with this value, where it has none; refused where it has another one.
    pub fn complete(&self, draft: ContactDraft) -> Result<ContactDraft> {
        let other = |field| {
            let message = "Must be the value of the path, or absent";
            Err(Error::Invalid(vec![FieldError::new(field, "KEY_MISMATCH", message)]))
        };
        match self {
            Self::Email(sent, key) => match &draft.email {
                None => Ok(ContactDraft { email: Some(sent.clone()), ..draft }),
                Some(email) if rules::email(email).is_ok_and(|(_, email)| email != *key) => other("email"),
                Some(_) => Ok(draft),
            },
            Self::ExternalId(key) => match &draft.external_id {
                None => Ok(ContactDraft { external_id: Some(key.clone()), ..draft }),
                Some(id) if rules::external_id(id).is_ok_and(|id| id != *key) => other("externalId"),
                Some(_) => Ok(draft),
            },
        }
    }
}

/// The contact that has the value, or the refusal that there is none.
pub async fn find_by(tx: &mut TenantTx<'_>, key: &ContactKey) -> Result<Contact> {
    let (statement, value) = match key {
        ContactKey::Email(_, key) => (
            concat!(
                "select ",
                columns!(),
                " from tenon.contacts where tenant_id = $1 and email_key = $2 and deleted_at is null"
            ),
            key,
        ),
        ContactKey::ExternalId(key) => (
            concat!(
                "select ",
                columns!(),
                " from tenon.contacts where tenant_id = $1 and external_id = $2 and deleted_at is null"
            ),
            key,
        ),
    };
    let found =
        sqlx::query_as(statement).bind(tx.actor().tenant).bind(value).fetch_optional(tx.conn()).await?;
    found.ok_or(Error::NotFound(EntityKind::Contact))
}

/// The same under a row lock, for a change: it has the value still when the lock is granted.
pub async fn lock_by(tx: &mut TenantTx<'_>, key: &ContactKey) -> Result<Contact> {
    try_lock_by(tx, key).await?.ok_or(Error::NotFound(EntityKind::Contact))
}

async fn try_lock_by(tx: &mut TenantTx<'_>, key: &ContactKey) -> Result<Option<Contact>> {
    let (statement, value) = match key {
        ContactKey::Email(_, key) => (
            concat!(
                "select ",
                columns!(),
                " from tenon.contacts where tenant_id = $1 and email_key = $2 and deleted_at is null for no key update"
            ),
            key,
        ),
        ContactKey::ExternalId(key) => (
            concat!(
                "select ",
                columns!(),
                " from tenon.contacts where tenant_id = $1 and external_id = $2 and deleted_at is null for no key update"
            ),
            key,
        ),
    };
    Ok(sqlx::query_as(statement).bind(tx.actor().tenant).bind(value).fetch_optional(tx.conn()).await?)
}

/// Creates the contact that has the value, or changes the one that is there to what `edit` makes of it. Of several at once one
/// creates and the others change what it created.
pub async fn upsert(
    tx: &mut TenantTx<'_>,
    key: &ContactKey,
    precondition: Precondition,
    draft: ContactDraft,
    edit: impl FnOnce(ContactDraft) -> ContactDraft,
) -> Result<Upserted> {
    let fields = draft.check().map_err(Error::Invalid)?;
    if let Some(before) = try_lock_by(tx, key).await? {
        return update_if(tx, before, precondition, edit).await;
    }
    if matches!(precondition, Precondition::Present | Precondition::Version(_)) {
        return Err(Error::NotFound(EntityKind::Contact));
    }
    let contact = new(tx, fields)?;
    references::companies(tx, "companyId", contact.company_id).await?;
    if insert(tx, std::slice::from_ref(&contact)).await?.is_empty() {
        // Somebody was quicker by now, or another contact has its other unique value.
        return match try_lock_by(tx, key).await? {
            Some(before) => update_if(tx, before, precondition, edit).await,
            None => Err(collision(tx, &contact, ConflictCode::Duplicate).await?),
        };
    }
    record_created(tx, std::slice::from_ref(&contact)).await?;
    Ok(Upserted::Created(contact))
}

async fn update_if(
    tx: &mut TenantTx<'_>,
    before: Contact,
    precondition: Precondition,
    edit: impl FnOnce(ContactDraft) -> ContactDraft,
) -> Result<Upserted> {
    let expected = match precondition {
        Precondition::Absent => return Err(Error::Stale { current: before.version }),
        Precondition::Version(version) => Some(version),
        Precondition::None | Precondition::Present => None,
    };
    update_locked(tx, before, expected, edit).await.map(Upserted::Updated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_completes_a_draft_and_contradicts_none() {
        let key = ContactKey::parse("email", "Ada@Example.com").expect("an address");
        let completed = key.complete(ContactDraft::default()).expect("completed");
        assert_eq!(completed.email.as_deref(), Some("Ada@Example.com"));
        let written = |email: &str| ContactDraft { email: Some(email.to_owned()), ..ContactDraft::default() };
        let kept = key.complete(written("ADA@example.com")).expect("the same address");
        assert_eq!(kept.email.as_deref(), Some("ADA@example.com"));
        assert!(key.complete(written("grace@example.com")).is_err());
        let key = ContactKey::parse("externalId", "crm-1").expect("an id");
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
            let Err(Error::Invalid(errors)) = ContactKey::parse(name, value) else {
                panic!("{name} {value}")
            };
            assert_eq!(errors[0].pointer, field);
        }
    }
}
