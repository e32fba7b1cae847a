//! `/connection/leads`. Where they go and what becomes of them: `lead_moves.rs`, `lead_conversion.rs`.

use chrono::NaiveDate;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::crm::lead::{Lead, LeadDraft, Status};
use tenon_common::id::{CompanyId, ContactId, PipelineId, StageId, UserId};
use uuid::Uuid;

use crate::calls::caller::{LeadsDelete, LeadsRead, LeadsWrite};
use crate::crm::records::{Kind, Patch, Relation, Resource};
use crate::http::actor::ActorBody;
use crate::http::body::{FieldError, Rules};
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;

/// How far a lead has come.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum LeadStatus {
    /// Nobody has spoken to it yet.
    New,
    /// Somebody has.
    Contacted,
    /// It may become business.
    Qualified,
    /// It became business.
    Converted,
    /// It will not.
    Lost,
}

impl From<Status> for LeadStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::New => Self::New,
            Status::Contacted => Self::Contacted,
            Status::Qualified => Self::Qualified,
            Status::Converted => Self::Converted,
            Status::Lost => Self::Lost,
        }
    }
}

impl From<LeadStatus> for Status {
    fn from(status: LeadStatus) -> Self {
        match status {
            LeadStatus::New => Self::New,
            LeadStatus::Contacted => Self::Contacted,
            LeadStatus::Qualified => Self::Qualified,
            LeadStatus::Converted => Self::Converted,
            LeadStatus::Lost => Self::Lost,
        }
    }
}

/// What may become business.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Lead", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct LeadBody {
    /// The lead's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// The lead's key in another system; unique among leads that are not deleted.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// What it is about.
    pub title: String,
    /// How far it has come.
    pub status: LeadStatus,
    /// What it is worth, exactly.
    #[oai(nullable)]
    pub value: Option<f64>,
    /// The value's currency, as ISO 4217 names it.
    #[oai(nullable)]
    pub currency: Option<String>,
    /// The user who is responsible. An AGENT sees its own leads.
    #[oai(nullable)]
    pub owner_id: Option<Uuid>,
    /// The id of the person. It stays when that contact is deleted.
    #[oai(nullable)]
    pub contact_id: Option<Uuid>,
    /// The id of the company. It stays when that company is deleted.
    #[oai(nullable)]
    pub company_id: Option<Uuid>,
    /// The id of the pipeline that it is in.
    #[oai(nullable)]
    pub pipeline_id: Option<Uuid>,
    /// The id of the stage that it is in; null where it is in no pipeline.
    #[oai(nullable)]
    pub stage_id: Option<Uuid>,
    /// When it is expected to be won.
    #[oai(nullable)]
    pub expected_close_date: Option<NaiveDate>,
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

/// A lead to create, or what one is replaced with.
#[derive(Object, Debug, Clone)]
#[oai(rename = "LeadInput", rename_all = "camelCase", example)]
pub struct LeadInput {
    /// What it is about, 1 to 100 characters after trimming.
    pub title: String,
    /// How far it has come.
    pub status: LeadStatus,
    /// The lead's key in another system, 1 to 255 characters.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// What it is worth: 0 or more, with at most as many digits after the point as the currency has. Kept exactly.
    #[oai(nullable)]
    pub value: Option<f64>,
    /// The value's currency, as ISO 4217 names it; USD if a value comes without one, but not for a lead that has another currency.
    #[oai(nullable)]
    pub currency: Option<String>,
    /// The user who is responsible. What an AGENT creates is its own.
    #[oai(nullable)]
    pub owner_id: Option<Uuid>,
    /// The id of the person.
    #[oai(nullable)]
    pub contact_id: Option<Uuid>,
    /// The id of the company.
    #[oai(nullable)]
    pub company_id: Option<Uuid>,
    /// The id of the pipeline. Without `stageId` it means the pipeline's first stage.
    #[oai(nullable)]
    pub pipeline_id: Option<Uuid>,
    /// The id of the stage. Without `pipelineId` the pipeline is the stage's.
    #[oai(nullable)]
    pub stage_id: Option<Uuid>,
    /// When it is expected to be won.
    #[oai(nullable)]
    pub expected_close_date: Option<NaiveDate>,
}

impl poem_openapi::types::Example for LeadInput {
    fn example() -> Self {
        Self {
            title: "New website".to_owned(),
            status: LeadStatus::New,
            external_id: Some("crm-1001".to_owned()),
            value: Some(1250.5),
            currency: Some("EUR".to_owned()),
            owner_id: None,
            contact_id: None,
            company_id: None,
            pipeline_id: None,
            stage_id: None,
            expected_close_date: NaiveDate::from_ymd_opt(2026, 12, 31),
        }
    }
}

/// Changes to a lead (RFC 7396): absent keeps a field, null clears it.
#[derive(Object, Debug)]
#[oai(rename = "LeadPatch", rename_all = "camelCase")]
pub struct LeadPatch {
    /// What it is about, 1 to 100 characters after trimming. Cannot be cleared.
    pub title: Option<String>,
    /// How far it has come. Cannot be cleared.
    pub status: Option<LeadStatus>,
    /// The lead's key in another system, 1 to 255 characters.
    #[oai(nullable)]
    pub external_id: MaybeUndefined<String>,
    /// What it is worth: 0 or more, with at most as many digits after the point as the currency has. Kept exactly.
    #[oai(nullable)]
    pub value: MaybeUndefined<f64>,
    /// The value's currency, as ISO 4217 names it; USD for a value of a lead that has none. Cannot be cleared while there is a value.
    #[oai(nullable)]
    pub currency: MaybeUndefined<String>,
    /// The user who is responsible. Another one: giving a lead away.
    #[oai(nullable)]
    pub owner_id: MaybeUndefined<Uuid>,
    /// The id of the person.
    #[oai(nullable)]
    pub contact_id: MaybeUndefined<Uuid>,
    /// The id of the company.
    #[oai(nullable)]
    pub company_id: MaybeUndefined<Uuid>,
    /// The id of the pipeline. Without `stageId` it means the pipeline's first stage.
    #[oai(nullable)]
    pub pipeline_id: MaybeUndefined<Uuid>,
    /// The id of the stage. Without `pipelineId` the pipeline is the stage's.
    #[oai(nullable)]
    pub stage_id: MaybeUndefined<Uuid>,
    /// When it is expected to be won.
    #[oai(nullable)]
    pub expected_close_date: MaybeUndefined<NaiveDate>,
}

impl From<Lead> for LeadBody {
    fn from(lead: Lead) -> Self {
        let value = lead.value();
        Self {
            id: lead.id.0,
            tenant_id: lead.tenant_id.0,
            external_id: lead.external_id,
            title: lead.title,
            status: lead.status.into(),
            value,
            currency: lead.currency,
            owner_id: lead.owner_id.map(|id| id.0),
            contact_id: lead.contact_id.map(|id| id.0),
            company_id: lead.company_id.map(|id| id.0),
            pipeline_id: lead.pipeline_id.map(|id| id.0),
            stage_id: lead.stage_id.map(|id| id.0),
            expected_close_date: lead.expected_close_date,
            version: lead.version,
            created_at: lead.created_at.into(),
            created_by: lead.created_by.into(),
            updated_at: lead.updated_at.into(),
            updated_by: lead.updated_by.into(),
            deleted_at: lead.deleted_at.map(Timestamp),
        }
    }
}

impl From<LeadInput> for LeadDraft {
    fn from(input: LeadInput) -> Self {
        Self {
            title: Some(input.title),
            external_id: input.external_id,
            status: Some(input.status.into()),
            value: input.value,
            currency: input.currency,
            owner_id: input.owner_id.map(UserId),
            contact_id: input.contact_id.map(ContactId),
            company_id: input.company_id.map(CompanyId),
            pipeline_id: input.pipeline_id.map(PipelineId),
            stage_id: input.stage_id.map(StageId),
            expected_close_date: input.expected_close_date,
            names_currency: false,
        }
    }
}

impl Patch<LeadDraft> for LeadPatch {
    fn merge(self, mut draft: LeadDraft) -> LeadDraft {
        draft.title = self.title.or(draft.title);
        draft.status = self.status.map(Status::from).or(draft.status);
        self.external_id.update_to(&mut draft.external_id);
        self.value.update_to(&mut draft.value);
        draft.names_currency |= self.currency.is_null();
        self.currency.update_to(&mut draft.currency);
        self.owner_id.map_value(UserId).update_to(&mut draft.owner_id);
        self.contact_id.map_value(ContactId).update_to(&mut draft.contact_id);
        self.company_id.map_value(CompanyId).update_to(&mut draft.company_id);
        // Pipeline and stage go together: who names one of them leaves the other to it.
        if !self.pipeline_id.is_undefined() || !self.stage_id.is_undefined() {
            draft.pipeline_id = self.pipeline_id.take().map(PipelineId);
            draft.stage_id = self.stage_id.take().map(StageId);
        }
        self.expected_close_date.update_to(&mut draft.expected_close_date);
        draft
    }
}

/// The rules of a lead's fields.
pub struct LeadRules;

impl Rules for LeadRules {
    fn broken(body: &Map<String, Value>) -> Vec<FieldError> {
        let text = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
        let draft = LeadDraft {
            // Whether they have to be there, the schema says.
            title: text("title").or_else(|| Some("-".to_owned())),
            status: Some(Status::New),
            external_id: text("externalId"),
            // How precise a value may be depends on the currency, which a PATCH may leave to the lead.
            value: body.get("value").and_then(Value::as_f64).filter(|_| body.contains_key("currency")),
            currency: text("currency"),
            ..LeadDraft::default()
        };
        let errors = draft.check().err().unwrap_or_default();
        errors.into_iter().map(FieldError::from).collect()
    }
}

/// Leads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leads;

impl Resource for Leads {
    type Record = Lead;
    type Body = LeadBody;
    type Input = LeadInput;
    type Patch = LeadPatch;
    type Rules = LeadRules;
    type Read = LeadsRead;
    type Write = LeadsWrite;
    type Delete = LeadsDelete;

    const PATH: &'static str = "/api/v1/connection/leads";
    const TAG: Tags = Tags::Leads;
    const RELATIONS: &'static [Relation<Lead>] = &[
        Relation { name: "owner", kind: Kind::Users, id: |lead| lead.owner_id.map(|id| id.0) },
        Relation { name: "contact", kind: Kind::Contacts, id: |lead| lead.contact_id.map(|id| id.0) },
        Relation { name: "company", kind: Kind::Companies, id: |lead| lead.company_id.map(|id| id.0) },
        Relation { name: "pipeline", kind: Kind::Pipelines, id: |lead| lead.pipeline_id.map(|id| id.0) },
    ];
    const NOTES: &'static [(&'static str, &'static str)] = &[
        ("replace_lead", MOVES),
        ("update_lead", CLEARS_AND_MOVES),
        ("upsert_lead_by_key", MOVES),
        ("update_lead_by_key", CLEARS_AND_MOVES),
        ("update_leads", CLEARS_AND_MOVES),
        ("upsert_leads", MOVES),
        ("restore_lead", "It comes back without a stage where that was removed meanwhile."),
    ];
}

const MOVES: &str = "Another pipeline or stage emits `lead.moved_to_stage`, and `lead.updated` only where other fields differ too.";
const CLEARS_AND_MOVES: &str = "Clearing the pipeline or the stage clears both. Another pipeline or stage emits \
                                `lead.moved_to_stage`, and `lead.updated` only where other fields differ too.";
