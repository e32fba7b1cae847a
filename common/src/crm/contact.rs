//! Contacts: the people that a tenant deals with.

mod draft;
mod fields;
mod purge;
mod record;
mod rows;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::account::role::Role;
use crate::actor::ActorReference;
use crate::change::{self, Change};
use crate::crm::references;
use crate::db::TenantTx;
use crate::db::record::record;
use crate::entity::EntityKind;
use crate::error::{Conflict, ConflictCode, Error, Result, broken_constraint};
use crate::event::EventType;
use crate::id::{CompanyId, ContactId, TenantId, UserId};
use crate::list::{self, Found, ListQuery};
use crate::wire;

pub use draft::{ContactDraft, ContactFields};
pub use fields::LIST;
pub use purge::purge;
use rows::Rows;

/// A contact, as the API and events show it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The key of another system.
    pub external_id: Option<String>,
    /// 1–100 characters.
    pub name: String,
    /// As it was sent; unique by its case-folded form among what is not deleted.
    pub email: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// As it was sent.
    pub phone_original: Option<String>,
    /// The company's name as text.
    pub company: Option<String>,
    /// The company that the contact belongs to; one that is deleted by now stays named.
    pub company_id: Option<CompanyId>,
    /// The position.
    pub title: Option<String>,
    /// Where the contact stands: `lead`, `client`, whatever the tenant says.
    pub lifecycle: Option<String>,
    /// The user who is responsible.
    pub owner_id: Option<UserId>,
    /// The user whom this contact is.
    pub user_id: Option<UserId>,
    /// Counts changes, from 1.
    pub version: i64,
    /// When it was created.
    #[serde(serialize_with = "wire::serialize")]
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    /// When it was last changed.
    #[serde(serialize_with = "wire::serialize")]
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: ActorReference,
    /// When it was deleted; null for what is not.
    #[serde(serialize_with = "wire::serialize_option")]
    pub deleted_at: Option<DateTime<Utc>>,
}

record!(Contact {
    id,
    tenant_id,
    external_id,
    name,
    email,
    phone,
    phone_original,
    company,
    company_id,
    title,
    lifecycle,
    owner_id,
    user_id,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
    deleted_at,
});

/// The columns, for its list.
const COLUMNS: &str = columns!();
// After `columns!`, which they use.
pub mod batch;
mod by_key;

pub use by_key::{ContactKey, Precondition, Upserted, find_by, lock_by, upsert};

/// Creates one contact.
pub async fn create(tx: &mut TenantTx<'_>, fields: ContactFields) -> Result<Contact> {
    let mut created = create_many(tx, vec![fields]).await?;
    created.pop().ok_or_else(|| Error::internal("a contact was created and not answered"))
}

/// Creates contacts and their events; two statements, whatever their number, and one more where they name companies. The first that collides is refused, and with it
/// all of them.
pub async fn create_many(tx: &mut TenantTx<'_>, fields: Vec<ContactFields>) -> Result<Vec<Contact>> {
    let contacts: Vec<Contact> = fields.into_iter().map(|fields| new(tx, fields)).collect::<Result<_>>()?;
    references::companies(tx, "companyId", contacts.iter().filter_map(|contact| contact.company_id)).await?;
    let inserted = insert(tx, &contacts).await?;
    if let Some(refused) = contacts.iter().find(|contact| !inserted.contains(&contact.id)) {
        return Err(collision(tx, refused, ConflictCode::Duplicate).await?);
    }
    record_created(tx, &contacts).await?;
    Ok(contacts)
}

/// Inserts what collides with nothing; the ids of what it inserted. One statement.
async fn insert(tx: &mut TenantTx<'_>, contacts: &[Contact]) -> Result<Vec<ContactId>> {
    let rows = Rows::of(contacts);
    let actor = tx.actor().principal.reference().to_string();
    let inserted = sqlx::query_scalar(
        "insert into tenon.contacts (tenant_id, id, external_id, name, email, email_key, phone, phone_original, company, title,
                                     lifecycle, owner_id, user_id, company_id, created_at, created_by, updated_at, updated_by)
         select $1, c.id, c.external_id, c.name, c.email, c.email_key, c.phone, c.phone_original, c.company, c.title,
                c.lifecycle, c.owner_id, c.user_id, c.company_id, $15, $16, $15, $16
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                     $11::text[], $12::uuid[], $13::uuid[], $14::uuid[])
             as c (id, external_id, name, email, email_key, phone, phone_original, company, title, lifecycle, owner_id, user_id,
                   company_id)
         on conflict do nothing
         returning id",
    )
    .bind(tx.actor().tenant)
    .bind(rows.id)
    .bind(rows.external_id)
    .bind(rows.name)
    .bind(rows.email)
    .bind(rows.email_key)
    .bind(rows.phone)
    .bind(rows.phone_original)
    .bind(rows.company)
    .bind(rows.title)
    .bind(rows.lifecycle)
    .bind(rows.owner_id)
    .bind(rows.user_id)
    .bind(rows.company_id)
    .bind(contacts.first().map_or_else(wire::now, |contact| contact.created_at))
    .bind(actor)
    .fetch_all(tx.conn())
    .await
    .map_err(refusal)?;
    Ok(inserted)
}

async fn record_created(tx: &mut TenantTx<'_>, contacts: &[Contact]) -> Result<()> {
    let created = contacts.iter().map(|contact| changed(EventType::CONTACT_CREATED, None, contact));
    change::record(tx, &created.collect::<Result<Vec<_>>>()?).await
}

/// The contact, if there is one that is not deleted.
pub async fn find(tx: &mut TenantTx<'_>, id: ContactId) -> Result<Option<Contact>> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.contacts where tenant_id = $1 and id = $2 and deleted_at is null"
    );
    Ok(sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?)
}

/// The contact, or the refusal that there is none.
pub async fn get(tx: &mut TenantTx<'_>, id: ContactId) -> Result<Contact> {
    find(tx, id).await?.ok_or(Error::NotFound(EntityKind::Contact))
}

/// The contacts that a query of [`LIST`] asks for.
pub async fn list(tx: &mut TenantTx<'_>, query: &ListQuery) -> Result<Found<Contact>> {
    list::fetch(tx, query).await
}

/// Changes a contact to what `edit` makes of it, under a row lock, if it has the expected version. A change that changes
/// nothing writes nothing, no event either.
pub async fn update(
    tx: &mut TenantTx<'_>,
    id: ContactId,
    expected: Option<i64>,
    edit: impl FnOnce(ContactDraft) -> ContactDraft,
) -> Result<Contact> {
    let before = lock(tx, id, false).await?;
    update_locked(tx, before, expected, edit).await
}

/// The same for a contact that this transaction has locked.
pub async fn update_locked(
    tx: &mut TenantTx<'_>,
    before: Contact,
    expected: Option<i64>,
    edit: impl FnOnce(ContactDraft) -> ContactDraft,
) -> Result<Contact> {
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Error::Stale { current: before.version });
    }
    let fields = edit(ContactDraft::from(&before)).check().map_err(Error::Invalid)?;
    let mut after = before.clone();
    apply(&mut after, fields);
    if after.says() == before.says() {
        return Ok(before);
    }
    if after.company_id != before.company_id {
        references::companies(tx, "companyId", after.company_id).await?;
    }
    if (after.owner_id, after.user_id) != (before.owner_id, before.user_id) {
        tx.widen_to_tenant().await?;
    }
    stamp(tx, &mut after);
    store(tx, &before, &after, ConflictCode::Duplicate).await?;
    change::record(tx, &[changed(EventType::CONTACT_UPDATED, Some(&before), &after)?]).await?;
    Ok(after)
}

/// Hides a contact and frees its unique values. Answers its last state.
pub async fn delete(tx: &mut TenantTx<'_>, id: ContactId, expected: Option<i64>) -> Result<Contact> {
    let before = lock(tx, id, false).await?;
    delete_locked(tx, before, expected).await
}

/// The same for a contact that this transaction has locked.
pub async fn delete_locked(tx: &mut TenantTx<'_>, before: Contact, expected: Option<i64>) -> Result<Contact> {
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Error::Stale { current: before.version });
    }
    let mut after = before.clone();
    stamp(tx, &mut after);
    after.deleted_at = Some(after.updated_at);
    store(tx, &before, &after, ConflictCode::Duplicate).await?;
    change::record(tx, &[changed(EventType::CONTACT_DELETED, Some(&before), &after)?]).await?;
    Ok(after)
}

/// Brings a deleted contact back. Refused with the record that has its e-mail or external id by now.
pub async fn restore(tx: &mut TenantTx<'_>, id: ContactId) -> Result<Contact> {
    let before = lock(tx, id, true).await?;
    let mut after = before.clone();
    stamp(tx, &mut after);
    after.deleted_at = None;
    store(tx, &before, &after, ConflictCode::RestoreConflict).await?;
    change::record(tx, &[changed(EventType::CONTACT_RESTORED, Some(&before), &after)?]).await?;
    Ok(after)
}

impl Contact {
    /// What uniqueness is about.
    fn email_key(&self) -> Option<String> {
        self.email.as_ref().map(|email| email.to_lowercase())
    }

    /// What it says, without what every change changes.
    fn says(&self) -> ContactFields {
        ContactFields {
            name: self.name.clone(),
            external_id: self.external_id.clone(),
            email: self.email.clone().zip(self.email_key()),
            phone: self.phone.clone().zip(self.phone_original.clone()),
            company: self.company.clone(),
            company_id: self.company_id,
            title: self.title.clone(),
            lifecycle: self.lifecycle.clone(),
            owner_id: self.owner_id,
            user_id: self.user_id,
        }
    }
}

fn new(tx: &TenantTx<'_>, fields: ContactFields) -> Result<Contact> {
    let actor = tx.actor();
    let now = wire::now();
    let by = actor.principal.reference();
    // What an AGENT creates is its own: it could not see it otherwise.
    let own = (actor.role < Role::Admin).then(|| actor.principal.user()).flatten();
    if own.is_some() && fields.owner_id.is_some() && fields.owner_id != own {
        return Err(Error::Forbidden(
            "Your role may create contacts for yourself only; give them away afterwards".to_owned(),
        ));
    }
    let mut contact = Contact {
        id: ContactId::new(),
        tenant_id: actor.tenant,
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
        created_at: now,
        created_by: by,
        updated_at: now,
        updated_by: by,
        deleted_at: None,
    };
    apply(&mut contact, fields);
    contact.owner_id = contact.owner_id.or(own);
    Ok(contact)
}

fn apply(contact: &mut Contact, fields: ContactFields) {
    contact.name = fields.name;
    contact.external_id = fields.external_id;
    contact.email = fields.email.map(|(email, _)| email);
    (contact.phone, contact.phone_original) = fields.phone.unzip();
    contact.company = fields.company;
    contact.company_id = fields.company_id;
    contact.title = fields.title;
    contact.lifecycle = fields.lifecycle;
    contact.owner_id = fields.owner_id;
    contact.user_id = fields.user_id;
}

fn stamp(tx: &TenantTx<'_>, contact: &mut Contact) {
    contact.version += 1;
    contact.updated_at = wire::now().max(contact.updated_at);
    contact.updated_by = tx.actor().principal.reference();
}

async fn lock(tx: &mut TenantTx<'_>, id: ContactId, deleted: bool) -> Result<Contact> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.contacts where tenant_id = $1 and id = $2 and (deleted_at is not null) = $3 for no key update"
    );
    let found = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(deleted)
        .fetch_optional(tx.conn())
        .await?;
    found.ok_or(Error::NotFound(EntityKind::Contact))
}

/// Writes all of a contact. Where it may collide, behind a savepoint, so that the collision can still be looked up.
async fn store(
    tx: &mut TenantTx<'_>,
    before: &Contact,
    contact: &Contact,
    conflict: ConflictCode,
) -> Result<()> {
    let unique =
        |contact: &Contact| (contact.email_key(), contact.external_id.clone(), contact.deleted_at.is_some());
    if contact.deleted_at.is_some() || unique(before) == unique(contact) {
        return write(tx.conn(), contact).await.map_err(refusal);
    }
    let mut savepoint = tx.conn().begin().await?;
    match write(&mut savepoint, contact).await {
        Ok(()) => Ok(savepoint.commit().await?),
        Err(error)
            if matches!(broken_constraint(&error), Some("contacts_email" | "contacts_external_id")) =>
        {
            savepoint.rollback().await?;
            tx.narrow_to_actor().await?;
            Err(collision(tx, contact, conflict).await?)
        }
        Err(error) => Err(refusal(error)),
    }
}

async fn write(connection: &mut PgConnection, contact: &Contact) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update tenon.contacts set external_id = $3, name = $4, email = $5, email_key = $6, phone = $7, phone_original = $8,
                company = $9, title = $10, lifecycle = $11, owner_id = $12, user_id = $13, version = $14, updated_at = $15,
                updated_by = $16, deleted_at = $17, deleted_by = case when $17::timestamptz is null then null else $16 end,
                delete_batch_id = case when $17::timestamptz is null then null else $18::uuid end, company_id = $19
         where tenant_id = $1 and id = $2",
    )
    .bind(contact.tenant_id)
    .bind(contact.id)
    .bind(&contact.external_id)
    .bind(&contact.name)
    .bind(&contact.email)
    .bind(contact.email_key())
    .bind(&contact.phone)
    .bind(&contact.phone_original)
    .bind(&contact.company)
    .bind(&contact.title)
    .bind(&contact.lifecycle)
    .bind(contact.owner_id)
    .bind(contact.user_id)
    .bind(contact.version)
    .bind(contact.updated_at)
    .bind(contact.updated_by.to_string())
    .bind(contact.deleted_at)
    .bind(Uuid::now_v7())
    .bind(contact.company_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Which field collided, and with whom, if the caller may see that record.
async fn collision(tx: &mut TenantTx<'_>, contact: &Contact, code: ConflictCode) -> Result<Error> {
    let taken: Option<(Uuid, bool)> = sqlx::query_as(
        "select id, coalesce(email_key = $2, false) from tenon.contacts
         where tenant_id = $1 and (email_key = $2 or external_id = $3) and deleted_at is null and id <> $4
         order by 2 desc limit 1",
    )
    .bind(contact.tenant_id)
    .bind(contact.email_key())
    .bind(&contact.external_id)
    .bind(contact.id)
    .fetch_optional(tx.conn())
    .await?;
    let by_email = taken.map_or(contact.email.is_some(), |(_, by_email)| by_email);
    let field = if by_email { "email" } else { "externalId" };
    let message = format!("Another contact has this {field}");
    Ok(Error::Conflict(Conflict { code, message, field: Some(field), with: taken.map(|(id, _)| id) }))
}

fn refusal(error: sqlx::Error) -> Error {
    match broken_constraint(&error) {
        Some("contacts_company") => references::unknown("companyId", "company"),
        Some("contacts_owner") => references::not_a_member("ownerId"),
        Some("contacts_user") => references::not_a_member("userId"),
        _ => error.into(),
    }
}

fn changed(event: EventType, before: Option<&Contact>, after: &Contact) -> Result<Change> {
    let show = |contact: &Contact| serde_json::to_value(contact).map_err(Error::internal);
    Ok(Change {
        event,
        object: after.id.0,
        version: after.version,
        at: after.updated_at,
        before: before.map(show).transpose()?,
        after: show(after)?,
    })
}
