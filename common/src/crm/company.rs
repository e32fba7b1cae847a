//! Companies: the organizations that a tenant deals with.

mod draft;
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
use crate::error::{Conflict, ConflictCode, Error, FieldError, Result, broken_constraint};
use crate::event::EventType;
use crate::id::{CompanyId, TenantId, UserId};
use crate::page::{Page, SortKey, Window};
use crate::wire;

pub use draft::{CompanyDraft, CompanyFields, MAX_EMPLOYEES};
use rows::Rows;

/// A company, as the API and events show it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The key of another system.
    pub external_id: Option<String>,
    /// 1–100 characters.
    pub name: String,
    /// One of the tenant's industries.
    pub industry: Option<String>,
    /// An http or https URL.
    pub website: Option<String>,
    /// How many people work there.
    pub employees: Option<i32>,
    /// The domain of its addresses, in lower case.
    pub domain: Option<String>,
    /// The user who is responsible.
    pub owner_id: Option<UserId>,
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

record!(Company {
    id,
    tenant_id,
    external_id,
    name,
    industry,
    website,
    employees,
    domain,
    owner_id,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
    deleted_at,
});

/// Creates one company.
pub async fn create(tx: &mut TenantTx<'_>, fields: CompanyFields) -> Result<Company> {
    let mut created = create_many(tx, vec![fields]).await?;
    created.pop().ok_or_else(|| Error::internal("a company was created and not answered"))
}

/// Creates companies and their events; two statements, whatever their number. The first that collides is refused, and with it
/// all of them.
pub async fn create_many(tx: &mut TenantTx<'_>, fields: Vec<CompanyFields>) -> Result<Vec<Company>> {
    let companies: Vec<Company> = fields.into_iter().map(|fields| new(tx, fields)).collect::<Result<_>>()?;
    let rows = Rows::of(&companies);
    let actor = tx.actor().principal.reference().to_string();
    let inserted: Vec<CompanyId> = sqlx::query_scalar(
        "insert into tenon.companies (tenant_id, id, external_id, name, industry, website, employees, domain, owner_id,
                                      created_at, created_by, updated_at, updated_by)
         select $1, c.id, c.external_id, c.name, c.industry, c.website, c.employees, c.domain, c.owner_id, $10, $11, $10, $11
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::text[], $9::uuid[])
             as c (id, external_id, name, industry, website, employees, domain, owner_id)
         on conflict do nothing
         returning id",
    )
    .bind(tx.actor().tenant)
    .bind(rows.id)
    .bind(rows.external_id)
    .bind(rows.name)
    .bind(rows.industry)
    .bind(rows.website)
    .bind(rows.employees)
    .bind(rows.domain)
    .bind(rows.owner_id)
    .bind(companies.first().map_or_else(wire::now, |company| company.created_at))
    .bind(actor)
    .fetch_all(tx.conn())
    .await
    .map_err(refusal)?;
    if let Some(refused) = companies.iter().find(|company| !inserted.contains(&company.id)) {
        return Err(collision(tx, refused, ConflictCode::Duplicate).await?);
    }
    let changes = companies
        .iter()
        .map(|company| changed(EventType::COMPANY_CREATED, None, company))
        .collect::<Result<Vec<_>>>()?;
    change::record(tx, &changes).await?;
    Ok(companies)
}

/// The company, if there is one that is not deleted.
pub async fn find(tx: &mut TenantTx<'_>, id: CompanyId) -> Result<Option<Company>> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.companies where tenant_id = $1 and id = $2 and deleted_at is null"
    );
    Ok(sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?)
}

/// The company, or the refusal that there is none.
pub async fn get(tx: &mut TenantTx<'_>, id: CompanyId) -> Result<Company> {
    find(tx, id).await?.ok_or(Error::NotFound(EntityKind::Company))
}

/// Companies that are not deleted, newest first.
pub async fn list(tx: &mut TenantTx<'_>, window: &Window) -> Result<Page<Company>> {
    let tenant = tx.actor().tenant;
    let items = match window.last() {
        None => {
            let statement = concat!(
                "select ",
                columns!(),
                " from tenon.companies where tenant_id = $1 and deleted_at is null
                 order by created_at desc, id desc limit $2 offset $3"
            );
            let query = sqlx::query_as(statement).bind(tenant).bind(window.fetch()).bind(window.offset());
            query.fetch_all(tx.conn()).await?
        }
        Some(last) => {
            let statement = concat!(
                "select ",
                columns!(),
                " from tenon.companies where tenant_id = $1 and deleted_at is null and (created_at, id) < ($3, $4)
                 order by created_at desc, id desc limit $2"
            );
            let query =
                sqlx::query_as(statement).bind(tenant).bind(window.fetch()).bind(last.at).bind(last.id);
            query.fetch_all(tx.conn()).await?
        }
    };
    let total = match window.counts() {
        true => {
            let count = "select count(*) from tenon.companies where tenant_id = $1 and deleted_at is null";
            Some(sqlx::query_scalar(count).bind(tenant).fetch_one(tx.conn()).await?)
        }
        false => None,
    };
    Ok(Page::of(items, total, window))
}

/// Changes a company to what `edit` makes of it, under a row lock, if it has the expected version. A change that changes
/// nothing writes nothing, no event either.
pub async fn update(
    tx: &mut TenantTx<'_>,
    id: CompanyId,
    expected: Option<i64>,
    edit: impl FnOnce(CompanyDraft) -> CompanyDraft,
) -> Result<Company> {
    let before = lock(tx, id, false).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Error::Stale { current: before.version });
    }
    let fields = edit(CompanyDraft::from(&before)).check().map_err(Error::Invalid)?;
    let mut after = before.clone();
    apply(&mut after, fields);
    if after.says() == before.says() {
        return Ok(before);
    }
    if after.owner_id != before.owner_id {
        tx.widen_to_tenant().await?;
    }
    stamp(tx, &mut after);
    store(tx, &before, &after, ConflictCode::Duplicate).await?;
    change::record(tx, &[changed(EventType::COMPANY_UPDATED, Some(&before), &after)?]).await?;
    Ok(after)
}

/// Hides a company and frees its external id; its contacts and leads stay, and keep its id. Answers its last state.
pub async fn delete(tx: &mut TenantTx<'_>, id: CompanyId, expected: Option<i64>) -> Result<Company> {
    let before = lock(tx, id, false).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Error::Stale { current: before.version });
    }
    let mut after = before.clone();
    stamp(tx, &mut after);
    after.deleted_at = Some(after.updated_at);
    store(tx, &before, &after, ConflictCode::Duplicate).await?;
    change::record(tx, &[changed(EventType::COMPANY_DELETED, Some(&before), &after)?]).await?;
    Ok(after)
}

/// Brings a deleted company back. Refused with the record that has its external id by now.
pub async fn restore(tx: &mut TenantTx<'_>, id: CompanyId) -> Result<Company> {
    let before = lock(tx, id, true).await?;
    let mut after = before.clone();
    stamp(tx, &mut after);
    after.deleted_at = None;
    store(tx, &before, &after, ConflictCode::RestoreConflict).await?;
    change::record(tx, &[changed(EventType::COMPANY_RESTORED, Some(&before), &after)?]).await?;
    Ok(after)
}

impl Company {
    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.id.0 }
    }

    /// What it says, without what every change changes.
    fn says(&self) -> CompanyFields {
        CompanyFields {
            name: self.name.clone(),
            external_id: self.external_id.clone(),
            industry: self.industry.clone(),
            website: self.website.clone(),
            employees: self.employees,
            domain: self.domain.clone(),
            owner_id: self.owner_id,
        }
    }
}

fn new(tx: &TenantTx<'_>, fields: CompanyFields) -> Result<Company> {
    let actor = tx.actor();
    let now = wire::now();
    let by = actor.principal.reference();
    // What an AGENT creates is its own: it could not see it otherwise.
    let own = (actor.role < Role::Admin).then(|| actor.principal.user()).flatten();
    if own.is_some() && fields.owner_id.is_some() && fields.owner_id != own {
        return Err(Error::Forbidden(
            "Your role may create companies for yourself only; give them away afterwards".to_owned(),
        ));
    }
    let mut company = Company {
        id: CompanyId::new(),
        tenant_id: actor.tenant,
        external_id: None,
        name: String::new(),
        industry: None,
        website: None,
        employees: None,
        domain: None,
        owner_id: None,
        version: 1,
        created_at: now,
        created_by: by,
        updated_at: now,
        updated_by: by,
        deleted_at: None,
    };
    apply(&mut company, fields);
    company.owner_id = company.owner_id.or(own);
    Ok(company)
}

fn apply(company: &mut Company, fields: CompanyFields) {
    company.name = fields.name;
    company.external_id = fields.external_id;
    company.industry = fields.industry;
    company.website = fields.website;
    company.employees = fields.employees;
    company.domain = fields.domain;
    company.owner_id = fields.owner_id;
}

fn stamp(tx: &TenantTx<'_>, company: &mut Company) {
    company.version += 1;
    company.updated_at = wire::now().max(company.updated_at);
    company.updated_by = tx.actor().principal.reference();
}

async fn lock(tx: &mut TenantTx<'_>, id: CompanyId, deleted: bool) -> Result<Company> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.companies where tenant_id = $1 and id = $2 and (deleted_at is not null) = $3 for no key update"
    );
    let found = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(deleted)
        .fetch_optional(tx.conn())
        .await?;
    found.ok_or(Error::NotFound(EntityKind::Company))
}

/// Writes all of a company. Where it may collide, behind a savepoint, so that the collision can still be looked up.
async fn store(
    tx: &mut TenantTx<'_>,
    before: &Company,
    company: &Company,
    conflict: ConflictCode,
) -> Result<()> {
    let unique = |company: &Company| (company.external_id.clone(), company.deleted_at.is_some());
    if company.deleted_at.is_some() || unique(before) == unique(company) {
        return write(tx.conn(), company).await.map_err(refusal);
    }
    let mut savepoint = tx.conn().begin().await?;
    match write(&mut savepoint, company).await {
        Ok(()) => Ok(savepoint.commit().await?),
        Err(error) if broken_constraint(&error) == Some("companies_external_id") => {
            savepoint.rollback().await?;
            tx.narrow_to_actor().await?;
            Err(collision(tx, company, conflict).await?)
        }
        Err(error) => Err(refusal(error)),
    }
}

async fn write(connection: &mut PgConnection, company: &Company) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update tenon.companies set external_id = $3, name = $4, industry = $5, website = $6, employees = $7, domain = $8,
                owner_id = $9, version = $10, updated_at = $11, updated_by = $12, deleted_at = $13,
                deleted_by = case when $13::timestamptz is null then null else $12 end
         where tenant_id = $1 and id = $2",
    )
    .bind(company.tenant_id)
    .bind(company.id)
    .bind(&company.external_id)
    .bind(&company.name)
    .bind(&company.industry)
    .bind(&company.website)
    .bind(company.employees)
    .bind(&company.domain)
    .bind(company.owner_id)
    .bind(company.version)
    .bind(company.updated_at)
    .bind(company.updated_by.to_string())
    .bind(company.deleted_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// With whom the external id collided, if the caller may see that record.
async fn collision(tx: &mut TenantTx<'_>, company: &Company, code: ConflictCode) -> Result<Error> {
    let with: Option<Uuid> = sqlx::query_scalar(
        "select id from tenon.companies where tenant_id = $1 and external_id = $2 and deleted_at is null and id <> $3",
    )
    .bind(company.tenant_id)
    .bind(&company.external_id)
    .bind(company.id)
    .fetch_optional(tx.conn())
    .await?;
    let message = "Another company has this externalId".to_owned();
    Ok(Error::Conflict(Conflict { code, message, field: Some("externalId"), with }))
}

fn refusal(error: sqlx::Error) -> Error {
    match broken_constraint(&error) {
        Some("companies_owner") => references::not_a_member("ownerId"),
        Some("companies_industry") => Error::Invalid(vec![FieldError::new(
            "industry",
            "UNKNOWN_INDUSTRY",
            "Must be one of the organization's industries, which GET /api/v1/meta/industries lists",
        )]),
        _ => error.into(),
    }
}

fn changed(event: EventType, before: Option<&Company>, after: &Company) -> Result<Change> {
    let show = |company: &Company| serde_json::to_value(company).map_err(Error::internal);
    Ok(Change {
        event,
        object: after.id.0,
        version: after.version,
        at: after.updated_at,
        before: before.map(show).transpose()?,
        after: show(after)?,
    })
}
