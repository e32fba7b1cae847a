//! Changes of many contacts.

use std::collections::{HashMap, HashSet};

use sqlx::Connection;
use uuid::Uuid;

use super::{Named, Names, Outcomes, repeated};
use crate::change;
use crate::crm::contact::rows::Rows;
use crate::crm::contact::{Contact, ContactDraft, apply, changed, refusal, stamp, store};
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{ConflictCode, Error, Result, broken_constraint};
use crate::event::EventType;
use crate::id::ContactId;

/// One contact's change.
#[derive(Clone, Copy, Debug)]
pub struct Edit<E> {
    /// Which.
    pub id: ContactId,
    /// The version that it must have, if any.
    pub expected: Option<i64>,
    /// What to make of it.
    pub edit: E,
}

/// A contact before and after.
pub(super) struct Pair {
    before: Contact,
    after: Contact,
}

/// Changes contacts, each if it has the expected version. What changes nothing writes nothing.
pub async fn update_each<E>(tx: &mut TenantTx<'_>, edits: Vec<Edit<E>>) -> Result<Outcomes<Contact>>
where
    E: FnOnce(ContactDraft) -> ContactDraft,
{
    let ids: Vec<ContactId> = edits.iter().map(|edit| edit.id).collect();
    let mut locked = Locked::of(tx, &ids).await?;
    let plan = |edit: Edit<E>| Pair::edited(tx, locked.take(edit.id, edit.expected)?, edit.edit);
    let planned = edits.into_iter().map(plan).collect();
    store_each(tx, planned, EventType::CONTACT_UPDATED).await
}

/// Deletes contacts, each if it has the expected version. Answers their last states.
pub async fn delete_each(
    tx: &mut TenantTx<'_>,
    deletions: Vec<(ContactId, Option<i64>)>,
) -> Result<Outcomes<Contact>> {
    let ids: Vec<ContactId> = deletions.iter().map(|(id, _)| *id).collect();
    let mut locked = Locked::of(tx, &ids).await?;
    let plan = |(id, expected): (ContactId, Option<i64>)| {
        let before = locked.take(id, expected)?;
        let mut after = before.clone();
        stamp(tx, &mut after);
        after.deleted_at = Some(after.updated_at);
        Ok(Pair { before, after })
    };
    let planned = deletions.into_iter().map(plan).collect();
    store_each(tx, planned, EventType::CONTACT_DELETED).await
}

/// Contacts that this transaction has locked, each to be taken once.
struct Locked {
    contacts: HashMap<ContactId, Contact>,
    taken: HashSet<ContactId>,
}

impl Locked {
    /// In the order of their ids, so that two batches do not wait for each other.
    async fn of(tx: &mut TenantTx<'_>, ids: &[ContactId]) -> Result<Self> {
        let statement = concat!(
            "select ",
            columns!(),
            " from tenon.contacts where tenant_id = $1 and id = any ($2) and deleted_at is null order by id for no key update"
        );
        let found: Vec<Contact> =
            sqlx::query_as(statement).bind(tx.actor().tenant).bind(ids).fetch_all(tx.conn()).await?;
        let contacts = found.into_iter().map(|contact| (contact.id, contact)).collect();
        Ok(Self { contacts, taken: HashSet::new() })
    }

    fn take(&mut self, id: ContactId, expected: Option<i64>) -> Result<Contact> {
        if !self.taken.insert(id) {
            return Err(repeated("id"));
        }
        let contact = self.contacts.remove(&id).ok_or(Error::NotFound(EntityKind::Contact))?;
        match expected {
            Some(expected) if expected != contact.version => Err(Error::Stale { current: contact.version }),
            _ => Ok(contact),
        }
    }
}

impl Pair {
    pub(super) fn edited(
        tx: &TenantTx<'_>,
        before: Contact,
        edit: impl FnOnce(ContactDraft) -> ContactDraft,
    ) -> Result<Self> {
        let fields = edit(ContactDraft::from(&before)).check().map_err(Error::Invalid)?;
        let mut after = before.clone();
        apply(&mut after, fields);
        if after.says() != before.says() {
            stamp(tx, &mut after);
        }
        Ok(Self { before, after })
    }

    fn changes(&self) -> bool {
        self.before.version != self.after.version
    }

    /// Whom and what it names that it did not name before.
    fn names(&self) -> Names {
        let Self { before, after } = self;
        let moved = self.moves();
        Names {
            owner: after.owner_id.filter(|_| moved),
            user: after.user_id.filter(|_| moved),
            company: after.company_id.filter(|_| after.company_id != before.company_id),
        }
    }

    fn moves(&self) -> bool {
        (self.after.owner_id, self.after.user_id) != (self.before.owner_id, self.before.user_id)
    }
}

/// Writes what is planned and its events. All at once, or one by one where that collides.
pub(super) async fn store_each(
    tx: &mut TenantTx<'_>,
    planned: Vec<Result<Pair>>,
    event: EventType,
) -> Result<Outcomes<Contact>> {
    let named = Named::of(tx, planned.iter().flatten().map(Pair::names).collect()).await?;
    let check = |pair: Pair| named.check(pair.names()).map(|()| pair);
    let planned: Vec<Result<Pair>> = planned.into_iter().map(|pair| pair.and_then(check)).collect();
    if planned.iter().flatten().any(Pair::moves) {
        tx.widen_to_tenant().await?;
    }
    let afters: Vec<&Contact> =
        planned.iter().flatten().filter(|pair| pair.changes()).map(|pair| &pair.after).collect();
    let planned = match write_all(tx, &afters).await? {
        true => planned,
        false => store_one_by_one(tx, planned).await?,
    };
    let changes: Vec<_> = planned
        .iter()
        .flatten()
        .filter(|pair| pair.changes())
        .map(|pair| changed(event, Some(&pair.before), &pair.after))
        .collect::<Result<_>>()?;
    change::record(tx, &changes).await?;
    Ok(planned.into_iter().map(|pair| pair.map(|pair| pair.after)).collect())
}

async fn store_one_by_one(tx: &mut TenantTx<'_>, planned: Vec<Result<Pair>>) -> Result<Vec<Result<Pair>>> {
    let mut stored = Vec::with_capacity(planned.len());
    for pair in planned {
        let outcome = match pair {
            Ok(pair) if pair.changes() => {
                if pair.moves() {
                    tx.widen_to_tenant().await?;
                }
                match store(tx, &pair.before, &pair.after, ConflictCode::Duplicate).await {
                    Ok(()) => Ok(pair),
                    Err(conflict @ Error::Conflict(_)) => Err(conflict),
                    Err(failed) => return Err(failed),
                }
            }
            other => other,
        };
        stored.push(outcome);
    }
    Ok(stored)
}

/// One statement, behind a savepoint; whether it was done, or collided.
async fn write_all(tx: &mut TenantTx<'_>, contacts: &[&Contact]) -> Result<bool> {
    let Some(first) = contacts.first() else { return Ok(true) };
    let (tenant, by) = (first.tenant_id, first.updated_by.to_string());
    let rows = Rows::of(contacts.iter().copied());
    let versions: Vec<i64> = contacts.iter().map(|contact| contact.version).collect();
    let updated: Vec<_> = contacts.iter().map(|contact| contact.updated_at).collect();
    let deleted: Vec<_> = contacts.iter().map(|contact| contact.deleted_at).collect();
    // A record that is deleted is a delete batch with what hangs on it: each is brought back by itself.
    let batches: Vec<Uuid> = contacts.iter().map(|_| Uuid::now_v7()).collect();
    let mut savepoint = tx.conn().begin().await?;
    let written = sqlx::query(
        "update tenon.contacts c set
                external_id = u.external_id, name = u.name, email = u.email, email_key = u.email_key, phone = u.phone,
                phone_original = u.phone_original, company = u.company, title = u.title, lifecycle = u.lifecycle,
                owner_id = u.owner_id, user_id = u.user_id, company_id = u.company_id, version = u.version, updated_at = u.updated_at, updated_by = $17,
                deleted_at = u.deleted_at, deleted_by = case when u.deleted_at is null then null else $17 end,
                delete_batch_id = case when u.deleted_at is null then null else u.batch_id end
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                     $11::text[], $12::uuid[], $13::uuid[], $14::bigint[], $15::timestamptz[], $16::timestamptz[], $18::uuid[],
                     $19::uuid[])
             as u (id, external_id, name, email, email_key, phone, phone_original, company, title, lifecycle, owner_id, user_id,
                   version, updated_at, deleted_at, batch_id, company_id)
         where c.tenant_id = $1 and c.id = u.id",
    )
    .bind(tenant)
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
    .bind(versions)
    .bind(updated)
    .bind(deleted)
    .bind(by)
    .bind(batches)
    .bind(rows.company_id)
    .execute(&mut *savepoint)
    .await;
    match written {
        Ok(_) => {
            savepoint.commit().await?;
            Ok(true)
        }
        Err(error)
            if matches!(broken_constraint(&error), Some("contacts_email" | "contacts_external_id")) =>
        {
            savepoint.rollback().await?;
            Ok(false)
        }
        Err(error) => Err(refusal(error)),
    }
}
