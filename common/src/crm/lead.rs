//! Leads: what may become business.

mod draft;
mod fields;
mod place;
mod record;
mod status;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use uuid::Uuid;

use crate::actor::ActorReference;
use crate::crm::money;
use crate::crm::record::{self as records, Rows};
use crate::db::TenantTx;
use crate::db::record::record;
use crate::error::Result;
use crate::event::EventType;
use crate::id::{CompanyId, ContactId, LeadId, PipelineId, StageId, TenantId, UserId};
use crate::wire;

pub use draft::{LeadDraft, LeadFields};
pub use fields::LIST;
pub use status::Status;

/// A lead. On the wire it has `value` where this has minor units.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead {
    /// Its id.
    pub id: LeadId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The key of another system.
    pub external_id: Option<String>,
    /// 1–100 characters.
    pub title: String,
    /// How far it has come.
    pub status: Status,
    /// What it is worth, in the currency's minor unit.
    pub value_minor: Option<i64>,
    /// ISO 4217; never null where there is a value.
    pub currency: Option<String>,
    /// The user who is responsible.
    pub owner_id: Option<UserId>,
    /// The person.
    pub contact_id: Option<ContactId>,
    /// The company.
    pub company_id: Option<CompanyId>,
    /// The pipeline that it is in.
    pub pipeline_id: Option<PipelineId>,
    /// The stage of that pipeline; a lead in a pipeline is in a stage of it.
    pub stage_id: Option<StageId>,
    /// When it is expected to be won.
    pub expected_close_date: Option<NaiveDate>,
    /// Counts changes, from 1.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: ActorReference,
    /// When it was deleted; null for what is not.
    pub deleted_at: Option<DateTime<Utc>>,
}

record!(Lead {
    id,
    tenant_id,
    external_id,
    title,
    status,
    value_minor,
    currency,
    owner_id,
    contact_id,
    company_id,
    pipeline_id,
    stage_id,
    expected_close_date,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
    deleted_at,
});

/// The columns, for its list.
const COLUMNS: &str = columns!();

impl Serialize for Lead {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut lead = serializer.serialize_struct("Lead", LIST.members.len())?;
        lead.serialize_field("id", &self.id)?;
        lead.serialize_field("tenantId", &self.tenant_id)?;
        lead.serialize_field("externalId", &self.external_id)?;
        lead.serialize_field("title", &self.title)?;
        lead.serialize_field("status", &self.status)?;
        lead.serialize_field("value", &self.value())?;
        lead.serialize_field("currency", &self.currency)?;
        lead.serialize_field("ownerId", &self.owner_id)?;
        lead.serialize_field("contactId", &self.contact_id)?;
        lead.serialize_field("companyId", &self.company_id)?;
        lead.serialize_field("pipelineId", &self.pipeline_id)?;
        lead.serialize_field("stageId", &self.stage_id)?;
        lead.serialize_field("expectedCloseDate", &self.expected_close_date)?;
        lead.serialize_field("version", &self.version)?;
        lead.serialize_field("createdAt", &wire::Instant(self.created_at))?;
        lead.serialize_field("createdBy", &self.created_by)?;
        lead.serialize_field("updatedAt", &wire::Instant(self.updated_at))?;
        lead.serialize_field("updatedBy", &self.updated_by)?;
        lead.serialize_field("deletedAt", &self.deleted_at.map(wire::Instant))?;
        lead.end()
    }
}

/// Moves a lead to a stage, of whichever pipeline. Where it is there already, nothing is written.
pub async fn move_to(
    tx: &mut TenantTx<'_>,
    id: LeadId,
    expected: Option<i64>,
    stage: StageId,
) -> Result<Lead> {
    let moved = |now| LeadDraft { pipeline_id: None, stage_id: Some(stage), ..now };
    records::update(tx, id.0, expected, moved).await
}

/// Sets a locked lead to converted and names what it became. Whether it may be, the caller has asked.
pub(super) async fn convert(
    tx: &mut TenantTx<'_>,
    before: Lead,
    contact: Option<ContactId>,
    company: Option<CompanyId>,
) -> Result<Lead> {
    let after =
        Lead { status: Status::Converted, contact_id: contact, company_id: company, ..before.clone() };
    records::save(tx, before, after, EventType::LEAD_CONVERTED).await
}

/// Moves all leads of some stages to another one, each with its event. For the removal of stages.
pub(super) async fn relocate(
    tx: &mut TenantTx<'_>,
    from: &[StageId],
    (pipeline, stage): (PipelineId, StageId),
) -> Result<()> {
    let from: Vec<Uuid> = from.iter().map(|stage| stage.0).collect();
    let rows = Rows { column: "stage_id", ids: &from, deleted: Some(false) };
    let place = |lead: &mut Lead| (lead.pipeline_id, lead.stage_id) = (Some(pipeline), Some(stage));
    records::rewrite(tx, rows, place).await
}

impl Lead {
    /// What it is worth, in its currency.
    pub fn value(&self) -> Option<f64> {
        Some(money::from_minor(self.value_minor?, self.currency.as_deref()?))
    }

    fn place(&self) -> (Option<PipelineId>, Option<StageId>) {
        (self.pipeline_id, self.stage_id)
    }
}
