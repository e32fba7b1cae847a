//! Many contacts in one transaction, each with an outcome of its own. What is wrong with one is no other's concern; what fails
//! for all is the function's own error. The number of statements does not depend on the number of contacts, unless some that
//! are changed collide.

mod changes;
mod upserts;

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::crm::contact::{Contact, ContactFields, insert, new, record_created};
use crate::crm::references;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Conflict, ConflictCode, Error, FieldError, Result};
use crate::id::{CompanyId, ContactId, UserId};

pub use changes::{Edit, delete_each, update_each};
pub use upserts::{Upsert, upsert_each};

/// What became of each, in the order in which they were asked for.
pub type Outcomes<T> = Vec<Result<T>>;

/// The contacts of these ids.
pub async fn get_each(tx: &mut TenantTx<'_>, ids: &[ContactId]) -> Result<Outcomes<Contact>> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.contacts where tenant_id = $1 and id = any ($2) and deleted_at is null"
    );
    let found: Vec<Contact> =
        sqlx::query_as(statement).bind(tx.actor().tenant).bind(ids).fetch_all(tx.conn()).await?;
    let found: HashMap<ContactId, Contact> = found.into_iter().map(|contact| (contact.id, contact)).collect();
    let get = |id| found.get(id).cloned().ok_or(Error::NotFound(EntityKind::Contact));
    Ok(ids.iter().map(get).collect())
}

/// Creates contacts and their events; those that collide, with each other too, are refused.
pub async fn create_each(tx: &mut TenantTx<'_>, fields: Vec<ContactFields>) -> Result<Outcomes<Contact>> {
    let named = Named::of(tx, fields.iter().map(Names::of).collect()).await?;
    let check = |fields: ContactFields| {
        named.check(Names::of(&fields))?;
        new(tx, fields)
    };
    let mut outcomes: Outcomes<Contact> = fields.into_iter().map(check).collect();
    let contacts: Vec<Contact> = outcomes.iter().flatten().cloned().collect();
    let (inserted, refused) = insert_or_refuse(tx, contacts).await?;
    for outcome in &mut outcomes {
        if let Ok(contact) = outcome
            && !inserted.contains(&contact.id)
        {
            *outcome = Err(refused.error(contact));
        }
    }
    let created: Vec<Contact> = outcomes.iter().flatten().cloned().collect();
    record_created(tx, &created).await?;
    Ok(outcomes)
}

/// Inserts what collides with nothing, and finds out with whom the others do.
async fn insert_or_refuse(
    tx: &mut TenantTx<'_>,
    contacts: Vec<Contact>,
) -> Result<(HashSet<ContactId>, Takers)> {
    if contacts.is_empty() {
        return Ok((HashSet::new(), Takers::default()));
    }
    let inserted: HashSet<ContactId> = insert(tx, &contacts).await?.into_iter().collect();
    let refused = contacts.iter().filter(|contact| !inserted.contains(&contact.id));
    let refused = Takers::of(tx, refused).await?;
    Ok((inserted, refused))
}

/// Who has the unique values that were refused, as far as the caller may see them.
#[derive(Debug, Default)]
struct Takers {
    emails: HashMap<String, Uuid>,
    external_ids: HashMap<String, Uuid>,
}

impl Takers {
    async fn of<'a>(tx: &mut TenantTx<'_>, refused: impl Iterator<Item = &'a Contact>) -> Result<Self> {
        let (emails, ids): (Vec<_>, Vec<_>) =
            refused.map(|contact| (contact.email_key(), contact.external_id.clone())).unzip();
        if emails.is_empty() {
            return Ok(Self::default());
        }
        let found: Vec<(Uuid, Option<String>, Option<String>)> = sqlx::query_as(
            "select id, email_key, external_id from tenon.contacts
             where tenant_id = $1 and (email_key = any ($2) or external_id = any ($3)) and deleted_at is null",
        )
        .bind(tx.actor().tenant)
        .bind(emails)
        .bind(ids)
        .fetch_all(tx.conn())
        .await?;
        let mut takers = Self::default();
        for (id, email, external_id) in found {
            takers.emails.extend(email.map(|email| (email, id)));
            takers.external_ids.extend(external_id.map(|external_id| (external_id, id)));
        }
        Ok(takers)
    }

    fn error(&self, contact: &Contact) -> Error {
        let by_email = contact.email_key().and_then(|email| self.emails.get(&email).copied());
        let by_id = contact.external_id.as_ref().and_then(|id| self.external_ids.get(id).copied());
        let is_email = by_email.is_some() || (by_id.is_none() && contact.email.is_some());
        let field = if is_email { "email" } else { "externalId" };
        Error::Conflict(Conflict {
            code: ConflictCode::Duplicate,
            message: format!("Another contact has this {field}"),
            field: Some(field),
            with: by_email.or(by_id),
        })
    }
}

/// Whom and what a contact names.
#[derive(Clone, Copy, Debug)]
struct Names {
    owner: Option<UserId>,
    user: Option<UserId>,
    company: Option<CompanyId>,
}

impl Names {
    fn of(fields: &ContactFields) -> Self {
        Self { owner: fields.owner_id, user: fields.user_id, company: fields.company_id }
    }
}

/// Which of the users that are named are members, and which of the companies the caller sees. A foreign key would refuse all for
/// one that is not.
struct Named {
    members: HashSet<UserId>,
    companies: HashSet<CompanyId>,
}

impl Named {
    /// At most two statements, and none where nothing is named.
    async fn of(tx: &mut TenantTx<'_>, names: Vec<Names>) -> Result<Self> {
        let users = names.iter().flat_map(|names| [names.owner, names.user]).flatten().collect();
        let companies = names.iter().filter_map(|names| names.company).collect();
        Ok(Self {
            members: members(tx, users).await?,
            companies: references::seen_companies(tx, companies).await?,
        })
    }

    fn check(&self, names: Names) -> Result<()> {
        let is_member = |id: Option<UserId>| id.is_none_or(|id| self.members.contains(&id));
        if !is_member(names.owner) {
            return Err(references::not_a_member("ownerId"));
        }
        if !is_member(names.user) {
            return Err(references::not_a_member("userId"));
        }
        match names.company.is_none_or(|id| self.companies.contains(&id)) {
            true => Ok(()),
            false => Err(references::unknown("companyId", "company")),
        }
    }
}

async fn members(tx: &mut TenantTx<'_>, named: HashSet<UserId>) -> Result<HashSet<UserId>> {
    if named.is_empty() {
        return Ok(named);
    }
    let found: Vec<UserId> = sqlx::query_scalar(
        "select user_id from tenon.memberships where tenant_id = $1 and user_id = any ($2)",
    )
    .bind(tx.actor().tenant)
    .bind(named.into_iter().collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    Ok(found.into_iter().collect())
}

/// Two items of a batch cannot mean the same record.
fn repeated(field: &str) -> Error {
    let message = "An earlier item of the batch means the same record";
    Error::Invalid(vec![FieldError::new(field, "REPEATED", message)])
}
