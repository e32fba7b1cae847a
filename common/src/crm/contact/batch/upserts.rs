//! Upserts of many contacts by one of their unique values.

use std::collections::{HashMap, HashSet};

use super::changes::{Pair, store_each};
use super::{Named, Names, Outcomes, insert_or_refuse, repeated};
use crate::crm::contact::{Contact, ContactDraft, ContactFields, ContactKey, Upserted, new, record_created};
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::event::EventType;

/// One contact's upsert.
#[derive(Clone, Debug)]
pub struct Upsert<E> {
    /// By what it is known; of one kind within a batch.
    pub key: ContactKey,
    /// What to create, with the key among it.
    pub fields: ContactFields,
    /// What to make of the one that is there.
    pub edit: E,
}

/// What is to be done with an item.
enum Step<E> {
    Refuse(Error),
    Create(Box<Contact>, ContactKey, E),
    Update(Box<Contact>, E),
}

/// Creates the contacts that are not there and changes those that are.
pub async fn upsert_each<E>(tx: &mut TenantTx<'_>, upserts: Vec<Upsert<E>>) -> Result<Outcomes<Upserted>>
where
    E: FnOnce(ContactDraft) -> ContactDraft,
{
    let steps = first_look(tx, upserts).await?;
    let (created, steps) = create_missing(tx, steps).await?;
    let planned = steps
        .into_iter()
        .map(|step| match step {
            Step::Refuse(error) => Some(Err(error)),
            Step::Update(before, edit) => Some(Pair::edited(tx, *before, edit)),
            Step::Create(..) => None,
        })
        .collect::<Vec<_>>();
    let made: Vec<bool> = planned.iter().map(Option::is_none).collect();
    record_created(tx, &created).await?;
    let updated = store_each(tx, planned.into_iter().flatten().collect(), EventType::CONTACT_UPDATED).await?;
    let (mut created, mut updated) = (created.into_iter(), updated.into_iter());
    let lost = || Error::internal("an upsert has no outcome");
    let outcome = |made: bool| match made {
        true => created.next().map(Upserted::Created).ok_or_else(lost),
        false => updated.next().unwrap_or_else(|| Err(lost())).map(Upserted::Updated),
    };
    Ok(made.into_iter().map(outcome).collect())
}

/// Locks what is there, and decides what to do with each item.
async fn first_look<E>(tx: &mut TenantTx<'_>, upserts: Vec<Upsert<E>>) -> Result<Vec<Step<E>>> {
    let mut found = lock_each_by(tx, upserts.iter().map(|upsert| &upsert.key)).await?;
    let named = Named::of(tx, upserts.iter().map(|upsert| Names::of(&upsert.fields)).collect()).await?;
    let mut seen = HashSet::new();
    let step = |Upsert { key, fields, edit }: Upsert<E>| {
        if !seen.insert(key.clone()) {
            return Step::Refuse(repeated(key.field()));
        }
        if let Some(before) = found.remove(key.value()) {
            return Step::Update(Box::new(before), edit);
        }
        match named.check(Names::of(&fields)).and_then(|()| new(tx, fields)) {
            Ok(contact) => Step::Create(Box::new(contact), key, edit),
            Err(refused) => Step::Refuse(refused),
        }
    };
    Ok(upserts.into_iter().map(step).collect())
}

/// Creates what is not there. Where somebody was quicker by now, the step becomes an update; where another contact has the other
/// unique value, a refusal. Answers what was created, in the order of the steps.
async fn create_missing<E>(
    tx: &mut TenantTx<'_>,
    steps: Vec<Step<E>>,
) -> Result<(Vec<Contact>, Vec<Step<E>>)> {
    let mut missing: Vec<Contact> = Vec::new();
    let mut keys: Vec<&ContactKey> = Vec::new();
    for step in &steps {
        if let Step::Create(contact, key, _) = step {
            missing.push((**contact).clone());
            keys.push(key);
        }
    }
    // In one order, so that two batches do not wait for each other.
    missing.sort_by_cached_key(|contact| (contact.email_key(), contact.external_id.clone()));
    let (inserted, takers) = insert_or_refuse(tx, missing).await?;
    let mut late = match inserted.len() == keys.len() {
        true => HashMap::new(),
        false => lock_each_by(tx, keys.into_iter()).await?,
    };
    let mut created = Vec::with_capacity(inserted.len());
    let decide = |step| match step {
        Step::Create(contact, key, edit) if !inserted.contains(&contact.id) => match late.remove(key.value())
        {
            Some(before) => Step::Update(Box::new(before), edit),
            None => Step::Refuse(takers.error(&contact)),
        },
        Step::Create(contact, key, edit) => {
            created.push((*contact).clone());
            Step::Create(contact, key, edit)
        }
        other => other,
    };
    let steps = steps.into_iter().map(decide).collect();
    Ok((created, steps))
}

/// The contacts that have these values, by them, under row locks taken in the order of their ids.
async fn lock_each_by<'a>(
    tx: &mut TenantTx<'_>,
    keys: impl Iterator<Item = &'a ContactKey>,
) -> Result<HashMap<String, Contact>> {
    let keys: Vec<&ContactKey> = keys.collect();
    let by_email = matches!(keys.first(), Some(ContactKey::Email(..)));
    let statement = match by_email {
        true => concat!(
            "select ",
            columns!(),
            " from tenon.contacts where tenant_id = $1 and email_key = any ($2) and deleted_at is null
             order by id for no key update"
        ),
        false => concat!(
            "select ",
            columns!(),
            " from tenon.contacts where tenant_id = $1 and external_id = any ($2) and deleted_at is null
             order by id for no key update"
        ),
    };
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let values: Vec<&str> = keys.into_iter().map(ContactKey::value).collect();
    let found: Vec<Contact> =
        sqlx::query_as(statement).bind(tx.actor().tenant).bind(values).fetch_all(tx.conn()).await?;
    let value = |contact: &Contact| match by_email {
        true => contact.email_key(),
        false => contact.external_id.clone(),
    };
    Ok(found.into_iter().filter_map(|contact| Some((value(&contact)?, contact))).collect())
}
