//! `/connection/pipelines`. Their stages one by one are in `stages.rs`.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::TenantTx;
use tenon_common::crm::pipeline::{self, Pipeline, PipelineDraft};
use tenon_common::crm::record;
use tenon_common::id::{PipelineId, StageId};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, PipelinesDelete, PipelinesRead, PipelinesWrite};
use crate::calls::once::{Answered, Once};
use crate::crm::records::answers::{created, shown};
use crate::crm::records::{Patch, Resource};
use crate::crm::stages::{self, PipelineStageInput, StageBody};
use crate::http::actor::ActorBody;
use crate::http::body::{Body, FieldError, Rules};
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Created, Deleted, Shown};
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;

/// The stages that leads go through.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Pipeline", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct PipelineBody {
    /// The pipeline's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// The pipeline's key in another system; unique among pipelines that are not deleted.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// The name.
    pub name: String,
    /// Its stages, in their order.
    pub stages: Vec<StageBody>,
    /// Counts changes, those of the stages too, from 1. The `ETag` is made of it.
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

/// A pipeline to create, or what one is replaced with.
#[derive(Object, Debug, Clone)]
#[oai(rename = "PipelineInput", rename_all = "camelCase", example)]
pub struct PipelineInput {
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// The pipeline's key in another system, 1 to 255 characters.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// All of its stages, at most 100; none if absent.
    pub stages: Option<Vec<PipelineStageInput>>,
}

impl poem_openapi::types::Example for PipelineInput {
    fn example() -> Self {
        let stage = |name: &str, display_order, probability| PipelineStageInput {
            id: None,
            name: name.to_owned(),
            display_order,
            probability: Some(probability),
        };
        Self {
            name: "Sales".to_owned(),
            external_id: Some("crm-1001".to_owned()),
            stages: Some(vec![stage("Qualified", 1, 20), stage("Proposal", 2, 60)]),
        }
    }
}

/// Changes to a pipeline (RFC 7396): absent keeps a field, null clears it.
#[derive(Object, Debug)]
#[oai(rename = "PipelinePatch", rename_all = "camelCase")]
pub struct PipelinePatch {
    /// 1 to 100 characters after trimming. Cannot be cleared.
    pub name: Option<String>,
    /// The pipeline's key in another system.
    #[oai(nullable)]
    pub external_id: MaybeUndefined<String>,
    /// All of its stages, at most 100.
    #[oai(nullable)]
    pub stages: MaybeUndefined<Vec<PipelineStageInput>>,
}

impl From<Pipeline> for PipelineBody {
    fn from(pipeline: Pipeline) -> Self {
        Self {
            id: pipeline.id.0,
            tenant_id: pipeline.tenant_id.0,
            external_id: pipeline.external_id,
            name: pipeline.name,
            stages: pipeline.stages.into_iter().map(StageBody::from).collect(),
            version: pipeline.version,
            created_at: pipeline.created_at.into(),
            created_by: pipeline.created_by.into(),
            updated_at: pipeline.updated_at.into(),
            updated_by: pipeline.updated_by.into(),
            deleted_at: pipeline.deleted_at.map(Timestamp),
        }
    }
}

impl From<PipelineInput> for PipelineDraft {
    fn from(input: PipelineInput) -> Self {
        let stages = input.stages.unwrap_or_default();
        Self {
            name: Some(input.name),
            external_id: input.external_id,
            stages: stages.into_iter().map(Into::into).collect(),
        }
    }
}

impl Patch<PipelineDraft> for PipelinePatch {
    fn merge(self, mut draft: PipelineDraft) -> PipelineDraft {
        draft.name = self.name.or(draft.name);
        self.external_id.update_to(&mut draft.external_id);
        match self.stages {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => draft.stages.clear(),
            MaybeUndefined::Value(stages) => draft.stages = stages.into_iter().map(Into::into).collect(),
        }
        draft
    }
}

/// The rules of the fields of a pipeline and its stages.
pub struct PipelineRules;

impl Rules for PipelineRules {
    fn broken(body: &Map<String, Value>) -> Vec<FieldError> {
        let text = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
        let none = Map::new();
        let listed = body.get("stages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let draft = PipelineDraft {
            // Whether it has to be there, the schema says.
            name: text("name").or_else(|| Some("-".to_owned())),
            external_id: text("externalId"),
            stages: listed.iter().map(|stage| stages::said(stage.as_object().unwrap_or(&none))).collect(),
        };
        let errors = draft.check().err().unwrap_or_default();
        errors.into_iter().map(FieldError::from).collect()
    }
}

/// Pipelines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pipelines;

impl Resource for Pipelines {
    type Record = Pipeline;
    type Body = PipelineBody;
    type Input = PipelineInput;
    type Patch = PipelinePatch;
    type Rules = PipelineRules;
    type Read = PipelinesRead;
    type Write = PipelinesWrite;
    type Delete = PipelinesDelete;

    const PATH: &'static str = "/api/v1/connection/pipelines";
    const TAG: Tags = Tags::Pipelines;
    const NOTES: &'static [(&'static str, &'static str)] = &[
        ("restore_pipeline", "It has the stages again that it had."),
        ("upsert_pipeline_by_key", IN_USE),
        ("update_pipeline_by_key", IN_USE),
        ("delete_pipeline_by_key", IN_USE),
    ];
}

const IN_USE: &str =
    "A stage with leads in it is not removed: that is 409 `STAGE_IN_USE`; by id `moveTo` says where they go.";

/// The operations.
#[derive(Debug, Default)]
pub struct PipelinesApi;

#[OpenApi(prefix_path = "/api/v1/connection/pipelines", tag = "Tags::Pipelines")]
impl PipelinesApi {
    /// Create a pipeline
    ///
    /// Needs `pipelines:write`. Emits `pipeline.created`.
    #[oai(path = "/", method = "post", operation_id = "create_pipeline")]
    async fn create(
        &self,
        caller: Caller<PipelinesWrite>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<PipelineInput, PipelineRules>,
    ) -> Result<Answered<Created<PipelineBody>>, ApiError> {
        let fields = PipelineDraft::from(body.0).check().map_err(tenon_common::Error::Invalid)?;
        let create =
            async |tx: &mut TenantTx<'_>| Ok(created::<Pipelines>(record::create(tx, fields).await?));
        once.write(&app, &caller, prefer, create).await
    }

    /// Replace a pipeline
    ///
    /// Fields that are absent are cleared. `stages` is all of its stages: one with the `id` of a stage keeps that stage, one
    /// without is new, and a stage that is left out is removed; where there are leads in that, `moveTo` says which stage they
    /// go to, and without it that is 409 `STAGE_IN_USE`. `moveTo` needs `leads:write` too. Needs `pipelines:write`. Emits `pipeline.updated` where the
    /// pipeline's own fields differ, and `pipeline.stage.updated` where its stages do.
    #[oai(path = "/:id", method = "put", operation_id = "replace_pipeline")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn replace(
        &self,
        caller: Caller<PipelinesWrite>,
        app: Data<&Arc<App>>,
        /// The pipeline's id.
        id: Path<Uuid>,
        /// The stage that leads of removed stages go to.
        #[oai(name = "moveTo")]
        move_to: Query<Option<Uuid>>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<PipelineInput, PipelineRules>,
    ) -> Result<Answered<Shown<PipelineBody>>, ApiError> {
        stages::moves_leads(&caller, move_to.0)?;
        let expected = params::if_match(if_match.as_deref())?;
        let draft = PipelineDraft::from(body.0);
        draft.clone().check().map_err(tenon_common::Error::Invalid)?;
        let (id, move_to) = (PipelineId(id.0), move_to.map(StageId));
        let replace = async |tx: &mut TenantTx<'_>| {
            Ok(shown::<Pipelines>(pipeline::update(tx, id, expected, move_to, |_| draft).await?))
        };
        once.write(&app, &caller, prefer, replace).await
    }

    /// Change a pipeline
    ///
    /// JSON merge patch (RFC 7396): absent keeps a field, null clears it; `stages` is replaced as a whole, as by `PUT`. `moveTo` needs
    /// `leads:write` too. Needs `pipelines:write`. Emits `pipeline.updated` where the pipeline's own fields differ, and `pipeline.stage.updated` where
    /// its stages do.
    #[oai(path = "/:id", method = "patch", operation_id = "update_pipeline")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<PipelinesWrite>,
        app: Data<&Arc<App>>,
        /// The pipeline's id.
        id: Path<Uuid>,
        /// The stage that leads of removed stages go to.
        #[oai(name = "moveTo")]
        move_to: Query<Option<Uuid>>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<PipelinePatch, PipelineRules>,
    ) -> Result<Answered<Shown<PipelineBody>>, ApiError> {
        stages::moves_leads(&caller, move_to.0)?;
        let expected = params::if_match(if_match.as_deref())?;
        let patch = body.0;
        let (id, move_to) = (PipelineId(id.0), move_to.map(StageId));
        let update = async |tx: &mut TenantTx<'_>| {
            let merge = |draft| patch.merge(draft);
            Ok(shown::<Pipelines>(pipeline::update(tx, id, expected, move_to, merge).await?))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Delete a pipeline
    ///
    /// It is hidden with its stages, its external id is free again, and it can be restored. Where there are leads in it,
    /// `moveTo` says which stage of another pipeline they go to; without it that is 409 `STAGE_IN_USE`. `moveTo` needs `leads:write` too. Needs
    /// `pipelines:delete`. Emits `pipeline.deleted`, and `lead.moved_to_stage` for each lead that moves.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_pipeline")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn delete(
        &self,
        caller: Caller<PipelinesDelete>,
        app: Data<&Arc<App>>,
        /// The pipeline's id.
        id: Path<Uuid>,
        /// The stage that leads of removed stages go to.
        #[oai(name = "moveTo")]
        move_to: Query<Option<Uuid>>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=representation` for the last state in a 200.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Deleted<PipelineBody>>, ApiError> {
        stages::moves_leads(&caller, move_to.0)?;
        let expected = params::if_match(if_match.as_deref())?;
        let (id, move_to) = (PipelineId(id.0), move_to.map(StageId));
        let delete = async |tx: &mut TenantTx<'_>| {
            let pipeline = pipeline::delete(tx, id, expected, move_to).await?;
            Ok(Deleted::preferring(prefer, || pipeline.into()))
        };
        once.write(&app, &caller, prefer, delete).await
    }
}
