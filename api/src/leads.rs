//! `/connection/leads`. Their conversion is in `lead_conversion.rs`.

use std::sync::Arc;

use chrono::NaiveDate;
use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::account::role::Role;
use tenon_common::crm::lead::{self, Lead, LeadDraft, Status};
use tenon_common::crm::record;
use tenon_common::id::{CompanyId, ContactId, LeadId, PipelineId, StageId, UserId};
use uuid::Uuid;

use crate::actor::ActorBody;
use crate::app::App;
use crate::body::{Body, FieldError, Rules};
use crate::caller::{Caller, LeadsDelete, LeadsRead, LeadsWrite};
use crate::error::ApiError;
use crate::lists::{self, Selected};
use crate::params;
use crate::response::{Created, Deleted, Fetched, Listed, Shown};
use crate::tags::Tags;
use crate::timestamp::Timestamp;

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
    /// The value's currency, as ISO 4217 names it; USD if a value comes without one.
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
            external_id: None,
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
    /// The value's currency, as ISO 4217 names it; USD if a value comes without one.
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

/// Where a lead goes.
#[derive(Object, Debug)]
#[oai(rename = "LeadMove", rename_all = "camelCase")]
pub struct LeadMove {
    /// The id of the stage.
    pub stage_id: Uuid,
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
        }
    }
}

impl LeadPatch {
    fn merge(self, mut draft: LeadDraft) -> LeadDraft {
        draft.title = self.title.or(draft.title);
        draft.status = self.status.map(Status::from).or(draft.status);
        self.external_id.update_to(&mut draft.external_id);
        self.value.update_to(&mut draft.value);
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

/// What a lead is replaced with. An AGENT that names no owner keeps it: it would lose the lead otherwise.
fn replacement(draft: LeadDraft, now: &LeadDraft, owns_only: bool) -> LeadDraft {
    let owner_id = draft.owner_id.or(now.owner_id.filter(|_| owns_only));
    LeadDraft { owner_id, ..draft }
}

/// The operations.
pub struct LeadsApi;

#[OpenApi(prefix_path = "/api/v1/connection/leads", tag = "Tags::Leads")]
impl LeadsApi {
    /// List leads
    ///
    /// Newest first, unless `sort` says otherwise. Page by number with `page` and `pageSize`, which also tells the total and
    /// reaches 10,000 leads, or by cursor with `limit` and then `cursor`, which reaches all of them. `filter`, `q`, `deleted`,
    /// `updatedSince` and fields by their names narrow the list together. Needs `leads:read`.
    #[oai(path = "/", method = "get", operation_id = "list_leads")]
    async fn list(
        &self,
        caller: Caller<LeadsRead>,
        app: Data<&Arc<App>>,
        request: &Request,
    ) -> Result<Listed<Selected<LeadBody>>, ApiError> {
        let query = lists::query(request, &lead::LIST, &app.cursors)?;
        let found = app.db.read(&caller.actor, async |tx| record::list::<Lead>(tx, &query).await).await?;
        Ok(lists::answer(request, &app.cursors, &query, found, LeadBody::from))
    }

    /// Create a lead
    ///
    /// Needs `leads:write`. Emits `lead.created`.
    #[oai(path = "/", method = "post", operation_id = "create_lead")]
    async fn create(
        &self,
        caller: Caller<LeadsWrite>,
        app: Data<&Arc<App>>,
        body: Body<LeadInput, LeadRules>,
    ) -> Result<Created<LeadBody>, ApiError> {
        let fields = LeadDraft::from(body.0).check().map_err(tenon_common::Error::Invalid)?;
        let lead = app.db.write(&caller.actor, async |tx| record::create::<Lead>(tx, fields).await).await?;
        let location = format!("/api/v1/connection/leads/{}", lead.id);
        Ok(Created { version: Some(lead.version), location, data: lead.into() })
    }

    /// Get a lead
    ///
    /// With `If-None-Match` 304 for the version that you have. Needs `leads:read`.
    #[oai(path = "/:id", method = "get", operation_id = "get_lead")]
    async fn get(
        &self,
        caller: Caller<LeadsRead>,
        app: Data<&Arc<App>>,
        /// The lead's id.
        id: Path<Uuid>,
        /// The `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Fetched<LeadBody>, ApiError> {
        let lead = app.db.read(&caller.actor, async |tx| record::get::<Lead>(tx, id.0).await).await?;
        let version = lead.version;
        Ok(Fetched::unless(if_none_match.as_deref(), lead.into(), version))
    }

    /// Replace a lead
    ///
    /// Fields that are absent are cleared. Needs `leads:write`. Emits `lead.updated` where the lead's own fields differ, and
    /// `lead.moved_to_stage` where its pipeline or stage does.
    #[oai(path = "/:id", method = "put", operation_id = "replace_lead")]
    async fn replace(
        &self,
        caller: Caller<LeadsWrite>,
        app: Data<&Arc<App>>,
        /// The lead's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<LeadInput, LeadRules>,
    ) -> Result<Shown<LeadBody>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let owns_only = caller.actor.role < Role::Admin;
        let draft = LeadDraft::from(body.0);
        draft.clone().check().map_err(tenon_common::Error::Invalid)?;
        let edit = async |tx: &mut tenon_common::TenantTx<'_>| {
            record::update(tx, id.0, expected, |now| replacement(draft, &now, owns_only)).await
        };
        let lead: Lead = app.db.write(&caller.actor, edit).await?;
        let version = lead.version;
        Ok(Shown::versioned(lead.into(), version))
    }

    /// Change a lead
    ///
    /// JSON merge patch (RFC 7396): absent keeps a field, null clears it; clearing the pipeline or the stage clears both. Needs
    /// `leads:write`. Emits `lead.updated` where the lead's own fields differ, and `lead.moved_to_stage` where its pipeline or
    /// stage does.
    #[oai(path = "/:id", method = "patch", operation_id = "update_lead")]
    async fn update(
        &self,
        caller: Caller<LeadsWrite>,
        app: Data<&Arc<App>>,
        /// The lead's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<LeadPatch, LeadRules>,
    ) -> Result<Shown<LeadBody>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let patch = body.0;
        let edit = async |tx: &mut tenon_common::TenantTx<'_>| {
            record::update(tx, id.0, expected, |draft| patch.merge(draft)).await
        };
        let lead: Lead = app.db.write(&caller.actor, edit).await?;
        let version = lead.version;
        Ok(Shown::versioned(lead.into(), version))
    }

    /// Delete a lead
    ///
    /// It is hidden, its external id is free again, and it can be restored. Needs `leads:delete`. Emits `lead.deleted`.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_lead")]
    async fn delete(
        &self,
        caller: Caller<LeadsDelete>,
        app: Data<&Arc<App>>,
        /// The lead's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// `return=representation` for the last state in a 200.
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
    ) -> Result<Deleted<LeadBody>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let lead =
            app.db.write(&caller.actor, async |tx| record::delete::<Lead>(tx, id.0, expected).await).await?;
        Ok(Deleted::as_preferred(prefer.as_deref(), || lead.into()))
    }

    /// Restore a lead
    ///
    /// Brings a deleted lead back; without a stage where that was removed meanwhile. Refused with `RESTORE_CONFLICT` where
    /// another lead has its external id by now. Needs `leads:write`. Emits `lead.restored`.
    #[oai(path = "/:id/restore", method = "post", operation_id = "restore_lead")]
    async fn restore(
        &self,
        caller: Caller<LeadsWrite>,
        app: Data<&Arc<App>>,
        /// The lead's id.
        id: Path<Uuid>,
    ) -> Result<Shown<LeadBody>, ApiError> {
        let lead = app.db.write(&caller.actor, async |tx| record::restore::<Lead>(tx, id.0).await).await?;
        let version = lead.version;
        Ok(Shown::versioned(lead.into(), version))
    }

    /// Move a lead to a stage
    ///
    /// Of its pipeline or of another one. Needs `leads:write`. Emits `lead.moved_to_stage`, unless it is there already.
    #[oai(path = "/:id/move", method = "post", operation_id = "move_lead")]
    async fn move_to_stage(
        &self,
        caller: Caller<LeadsWrite>,
        app: Data<&Arc<App>>,
        /// The lead's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<LeadMove>,
    ) -> Result<Shown<LeadBody>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let stage = StageId(body.0.stage_id);
        let move_to = async |tx: &mut tenon_common::TenantTx<'_>| {
            lead::move_to(tx, LeadId(id.0), expected, stage).await
        };
        let lead = app.db.write(&caller.actor, move_to).await?;
        let version = lead.version;
        Ok(Shown::versioned(lead.into(), version))
    }
}
