//! The rows of leads.

use chrono::NaiveDate;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::crm::lead::Lead;
use crate::crm::references;
use crate::db::TenantTx;
use crate::error::{Conflict, ConflictCode, Error, Result, broken_constraint};
use crate::id::{CompanyId, ContactId, LeadId, PipelineId, StageId, UserId};
use crate::wire;

/// The columns of many leads, for `unnest`.
#[derive(Default)]
struct Rows {
    id: Vec<LeadId>,
    external_id: Vec<Option<String>>,
    title: Vec<String>,
    status: Vec<&'static str>,
    value_minor: Vec<Option<i64>>,
    currency: Vec<Option<String>>,
    owner_id: Vec<Option<UserId>>,
    contact_id: Vec<Option<ContactId>>,
    company_id: Vec<Option<CompanyId>>,
    pipeline_id: Vec<Option<PipelineId>>,
    stage_id: Vec<Option<StageId>>,
    expected_close_date: Vec<Option<NaiveDate>>,
}

impl Rows {
    fn of(leads: &[Lead]) -> Self {
        let mut rows = Self::default();
        for lead in leads {
            rows.id.push(lead.id);
            rows.external_id.push(lead.external_id.clone());
            rows.title.push(lead.title.clone());
            rows.status.push(lead.status.name());
            rows.value_minor.push(lead.value_minor);
            rows.currency.push(lead.currency.clone());
            rows.owner_id.push(lead.owner_id);
            rows.contact_id.push(lead.contact_id);
            rows.company_id.push(lead.company_id);
            rows.pipeline_id.push(lead.pipeline_id);
            rows.stage_id.push(lead.stage_id);
            rows.expected_close_date.push(lead.expected_close_date);
        }
        rows
    }
}

/// Inserts new leads.
pub(super) async fn insert(tx: &mut TenantTx<'_>, leads: &[Lead]) -> Result<()> {
    let rows = Rows::of(leads);
    let actor = tx.actor().principal.reference().to_string();
    let inserted: Vec<LeadId> = sqlx::query_scalar(
        "insert into tenon.leads (tenant_id, id, external_id, title, status, value_minor, currency, owner_id, contact_id, company_id,
                                  pipeline_id, stage_id, expected_close_date, created_at, created_by, updated_at, updated_by)
         select $1, l.id, l.external_id, l.title, l.status, l.value_minor, l.currency, l.owner_id, l.contact_id, l.company_id,
                l.pipeline_id, l.stage_id, l.expected_close_date, $14, $15, $14, $15
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::uuid[], $9::uuid[], $10::uuid[],
                     $11::uuid[], $12::uuid[], $13::date[])
             as l (id, external_id, title, status, value_minor, currency, owner_id, contact_id, company_id, pipeline_id, stage_id,
                   expected_close_date)
         on conflict do nothing
         returning id",
    )
    .bind(tx.actor().tenant)
    .bind(rows.id)
    .bind(rows.external_id)
    .bind(rows.title)
    .bind(rows.status)
    .bind(rows.value_minor)
    .bind(rows.currency)
    .bind(rows.owner_id)
    .bind(rows.contact_id)
    .bind(rows.company_id)
    .bind(rows.pipeline_id)
    .bind(rows.stage_id)
    .bind(rows.expected_close_date)
    .bind(leads.first().map_or_else(wire::now, |lead| lead.created_at))
    .bind(actor)
    .fetch_all(tx.conn())
    .await
    .map_err(refusal)?;
    match leads.iter().find(|lead| !inserted.contains(&lead.id)) {
        Some(refused) => Err(collision(tx, refused, ConflictCode::Duplicate).await?),
        None => Ok(()),
    }
}

/// Writes all of a lead. Where it may collide, behind a savepoint, so that the collision can still be looked up.
pub(super) async fn write(
    tx: &mut TenantTx<'_>,
    before: &Lead,
    lead: &Lead,
    conflict: ConflictCode,
) -> Result<()> {
    let unique = |lead: &Lead| (lead.external_id.clone(), lead.deleted_at.is_some());
    if lead.deleted_at.is_some() || unique(before) == unique(lead) {
        return write_row(tx.conn(), lead).await.map_err(refusal);
    }
    let mut savepoint = tx.conn().begin().await?;
    match write_row(&mut savepoint, lead).await {
        Ok(()) => Ok(savepoint.commit().await?),
        Err(error) if broken_constraint(&error) == Some("leads_external_id") => {
            savepoint.rollback().await?;
            tx.narrow_to_actor().await?;
            Err(collision(tx, lead, conflict).await?)
        }
        Err(error) => Err(refusal(error)),
    }
}

async fn write_row(connection: &mut PgConnection, lead: &Lead) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update tenon.leads set external_id = $3, title = $4, status = $5, value_minor = $6, currency = $7, owner_id = $8,
                contact_id = $9, company_id = $10, pipeline_id = $11, stage_id = $12, expected_close_date = $13, version = $14,
                updated_at = $15, updated_by = $16, deleted_at = $17,
                deleted_by = case when $17::timestamptz is null then null else $16 end
         where tenant_id = $1 and id = $2",
    )
    .bind(lead.tenant_id)
    .bind(lead.id)
    .bind(&lead.external_id)
    .bind(&lead.title)
    .bind(lead.status.name())
    .bind(lead.value_minor)
    .bind(&lead.currency)
    .bind(lead.owner_id)
    .bind(lead.contact_id)
    .bind(lead.company_id)
    .bind(lead.pipeline_id)
    .bind(lead.stage_id)
    .bind(lead.expected_close_date)
    .bind(lead.version)
    .bind(lead.updated_at)
    .bind(lead.updated_by.to_string())
    .bind(lead.deleted_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// With whom the external id collided, if the caller may see that record.
async fn collision(tx: &mut TenantTx<'_>, lead: &Lead, code: ConflictCode) -> Result<Error> {
    let with: Option<Uuid> = sqlx::query_scalar(
        "select id from tenon.leads where tenant_id = $1 and external_id = $2 and deleted_at is null and id <> $3",
    )
    .bind(lead.tenant_id)
    .bind(&lead.external_id)
    .bind(lead.id)
    .fetch_optional(tx.conn())
    .await?;
    let message = "Another lead has this externalId".to_owned();
    Ok(Error::Conflict(Conflict { code, message, field: Some("externalId"), with }))
}

fn refusal(error: sqlx::Error) -> Error {
    match broken_constraint(&error) {
        Some("leads_owner") => references::not_a_member("ownerId"),
        Some("leads_contact") => references::unknown("contactId", "contact"),
        Some("leads_company") => references::unknown("companyId", "company"),
        Some("leads_stage") => references::unknown("stageId", "stage"),
        _ => error.into(),
    }
}
