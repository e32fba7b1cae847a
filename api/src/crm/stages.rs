//! `/connection/pipelines/{id}/stages`: the stages of a pipeline, one by one.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::TenantTx;
use tenon_common::crm::pipeline::{self, Pipeline, Stage, StageDraft};
use tenon_common::crm::record;
use tenon_common::id::{PipelineId, StageId};
use tenon_common::role::Permission;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, Identity, PipelinesRead, PipelinesWrite};
use crate::calls::once::{Answered, Once};
use crate::http::body::{Body, FieldError, Rules};
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::refusal::Refusal;
use crate::http::response::{Created, Deleted, Fetched, Shown};
use crate::openapi::tags::Tags;

/// A stage of a pipeline.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Stage", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct StageBody {
    /// The stage's id.
    pub id: Uuid,
    /// The name.
    pub name: String,
    /// Its place: stages are shown by rising numbers, and the older one first where two have the same.
    pub display_order: i32,
    /// How likely a lead in it is won, in per cent.
    #[oai(nullable)]
    pub probability: Option<i32>,
}

/// A stage to create, or what one is replaced with.
#[derive(Object, Debug, Clone)]
#[oai(rename = "StageInput", rename_all = "camelCase", example)]
pub struct StageInput {
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// Its place, 0 to 10,000: stages are shown by rising numbers.
    pub display_order: i32,
    /// How likely a lead in it is won, in per cent, 0 to 100.
    #[oai(nullable)]
    pub probability: Option<i32>,
}

/// A stage of a pipeline that is created or replaced as a whole.
#[derive(Object, Debug, Clone)]
#[oai(rename = "PipelineStageInput", rename_all = "camelCase")]
pub struct PipelineStageInput {
    /// The id of the pipeline's stage that is kept; absent for a new one.
    #[oai(nullable)]
    pub id: Option<Uuid>,
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// Its place, 0 to 10,000: stages are shown by rising numbers.
    pub display_order: i32,
    /// How likely a lead in it is won, in per cent, 0 to 100.
    #[oai(nullable)]
    pub probability: Option<i32>,
}

impl poem_openapi::types::Example for StageInput {
    fn example() -> Self {
        Self { name: "Qualified".to_owned(), display_order: 1, probability: Some(20) }
    }
}

/// Changes to a stage (RFC 7396): absent keeps a field, null clears it.
#[derive(Object, Debug)]
#[oai(rename = "StagePatch", rename_all = "camelCase")]
pub struct StagePatch {
    /// 1 to 100 characters after trimming. Cannot be cleared.
    pub name: Option<String>,
    /// Its place, 0 to 10,000. Cannot be cleared.
    pub display_order: Option<i32>,
    /// How likely a lead in it is won, in per cent, 0 to 100.
    #[oai(nullable)]
    pub probability: MaybeUndefined<i32>,
}

impl From<Stage> for StageBody {
    fn from(stage: Stage) -> Self {
        Self {
            id: stage.id.0,
            name: stage.name,
            display_order: stage.display_order,
            probability: stage.probability,
        }
    }
}

impl From<StageInput> for StageDraft {
    fn from(input: StageInput) -> Self {
        Self {
            id: None,
            name: Some(input.name),
            display_order: Some(input.display_order),
            probability: input.probability,
        }
    }
}

impl From<PipelineStageInput> for StageDraft {
    fn from(input: PipelineStageInput) -> Self {
        Self {
            id: input.id.map(StageId),
            name: Some(input.name),
            display_order: Some(input.display_order),
            probability: input.probability,
        }
    }
}

impl StagePatch {
    fn merge(self, mut draft: StageDraft) -> StageDraft {
        draft.name = self.name.or(draft.name);
        draft.display_order = self.display_order.or(draft.display_order);
        self.probability.update_to(&mut draft.probability);
        draft
    }
}

/// What is there of a stage and has the right type; what has to be there, the schema says.
pub(crate) fn said(stage: &Map<String, Value>) -> StageDraft {
    let number = |field: &str| stage.get(field).and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok());
    let name = stage.get("name").and_then(Value::as_str).unwrap_or("-");
    StageDraft {
        id: None,
        name: Some(name.to_owned()),
        display_order: number("displayOrder").or(Some(0)),
        probability: number("probability"),
    }
}

/// The rules of a stage's fields.
pub struct StageRules;

impl Rules for StageRules {
    fn broken(body: &Map<String, Value>) -> Vec<FieldError> {
        let errors = said(body).check("").err().unwrap_or_default();
        errors.into_iter().map(FieldError::from).collect()
    }
}

/// The operations.
#[derive(Debug, Default)]
pub struct StagesApi;

#[OpenApi(prefix_path = "/api/v1/connection/pipelines", tag = "Tags::Pipelines")]
impl StagesApi {
    /// List the stages of a pipeline
    ///
    /// All of them, in their order. Needs `pipelines:read`.
    #[oai(path = "/:id/stages", method = "get", operation_id = "list_stages")]
    async fn list(
        &self,
        caller: Caller<PipelinesRead>,
        app: Data<&Arc<App>>,
        /// The pipeline's id.
        id: Path<Uuid>,
    ) -> Result<Shown<Vec<StageBody>>, ApiError> {
        let pipeline = app.db.read(&caller.actor, async |tx| record::get::<Pipeline>(tx, id.0).await).await?;
        let version = pipeline.version;
        Ok(Shown::versioned(pipeline.stages.into_iter().map(StageBody::from).collect(), version))
    }

    /// Create a stage
    ///
    /// Needs `pipelines:write`. Emits `pipeline.stage.updated`.
    #[oai(path = "/:id/stages", method = "post", operation_id = "create_stage")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn create(
        &self,
        caller: Caller<PipelinesWrite>,
        app: Data<&Arc<App>>,
        /// The pipeline's id.
        id: Path<Uuid>,
        /// The pipeline's `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<StageInput, StageRules>,
    ) -> Result<Answered<Created<StageBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let draft = StageDraft::from(body.0);
        let add = async |tx: &mut TenantTx<'_>| {
            let (stage, pipeline) = pipeline::create_stage(tx, PipelineId(id.0), expected, draft).await?;
            let location = format!("/api/v1/connection/pipelines/{}/stages/{}", pipeline.id, stage.id);
            Ok(Created { version: Some(pipeline.version), location, data: stage.into() })
        };
        once.write(&app, &caller, prefer, add).await
    }

    /// Get a stage
    ///
    /// The `ETag` is the pipeline's. With `If-None-Match` 304 for the version that you have. Needs `pipelines:read`.
    #[oai(path = "/:id/stages/:stageId", method = "get", operation_id = "get_stage")]
    async fn get(
        &self,
        caller: Caller<PipelinesRead>,
        app: Data<&Arc<App>>,
        /// The pipeline's id.
        id: Path<Uuid>,
        /// The stage's id.
        #[oai(name = "stageId")]
        stage_id: Path<Uuid>,
        /// The pipeline's `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Fetched<StageBody>, ApiError> {
        let pipeline = app.db.read(&caller.actor, async |tx| record::get::<Pipeline>(tx, id.0).await).await?;
        let stage = pipeline.stage(StageId(stage_id.0))?;
        Ok(Fetched::unless(if_none_match.as_deref(), stage.into(), pipeline.version))
    }

    /// Replace a stage
    ///
    /// Fields that are absent are cleared. Needs `pipelines:write`. Emits `pipeline.stage.updated`, unless nothing differs.
    #[oai(path = "/:id/stages/:stageId", method = "put", operation_id = "replace_stage")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn replace(
        &self,
        caller: Caller<PipelinesWrite>,
        app: Data<&Arc<App>>,
        /// The pipeline's id.
        id: Path<Uuid>,
        /// The stage's id.
        #[oai(name = "stageId")]
        stage_id: Path<Uuid>,
        /// The pipeline's `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<StageInput, StageRules>,
    ) -> Result<Answered<Shown<StageBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let draft = StageDraft::from(body.0);
        let (pipeline, stage) = (PipelineId(id.0), StageId(stage_id.0));
        let replace = async |tx: &mut TenantTx<'_>| {
            let (stage, pipeline) = pipeline::update_stage(tx, pipeline, stage, expected, |_| draft).await?;
            Ok(Shown::versioned(stage.into(), pipeline.version))
        };
        once.write(&app, &caller, prefer, replace).await
    }

    /// Change a stage
    ///
    /// JSON merge patch (RFC 7396): absent keeps a field, null clears it. Needs `pipelines:write`. Emits
    /// `pipeline.stage.updated`, unless nothing differs.
    #[oai(path = "/:id/stages/:stageId", method = "patch", operation_id = "update_stage")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<PipelinesWrite>,
        app: Data<&Arc<App>>,
        /// The pipeline's id.
        id: Path<Uuid>,
        /// The stage's id.
        #[oai(name = "stageId")]
        stage_id: Path<Uuid>,
        /// The pipeline's `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<StagePatch, StageRules>,
    ) -> Result<Answered<Shown<StageBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let patch = body.0;
        let (pipeline, stage) = (PipelineId(id.0), StageId(stage_id.0));
        let update = async |tx: &mut TenantTx<'_>| {
            let merge = |now| patch.merge(now);
            let (stage, pipeline) = pipeline::update_stage(tx, pipeline, stage, expected, merge).await?;
            Ok(Shown::versioned(stage.into(), pipeline.version))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Delete a stage
    ///
    /// Takes it out of its pipeline for good. Where there are leads in it, `moveTo` says which stage they go to; without it that
    /// is 409 `STAGE_IN_USE`. `moveTo` needs `leads:write` too. Needs `pipelines:write`. Emits `pipeline.stage.updated`, and `lead.moved_to_stage` for each lead
    /// that moves.
    #[oai(path = "/:id/stages/:stageId", method = "delete", operation_id = "delete_stage")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn delete(
        &self,
        caller: Caller<PipelinesWrite>,
        app: Data<&Arc<App>>,
        /// The pipeline's id.
        id: Path<Uuid>,
        /// The stage's id.
        #[oai(name = "stageId")]
        stage_id: Path<Uuid>,
        /// The stage that leads in this one go to.
        #[oai(name = "moveTo")]
        move_to: Query<Option<Uuid>>,
        /// The pipeline's `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=representation` for the last state in a 200.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Deleted<StageBody>>, ApiError> {
        moves_leads(&caller, move_to.0)?;
        let expected = params::if_match(if_match.as_deref())?;
        let move_to = move_to.map(StageId);
        let (pipeline, stage) = (PipelineId(id.0), StageId(stage_id.0));
        let remove = async |tx: &mut TenantTx<'_>| {
            let stage = pipeline::delete_stage(tx, pipeline, stage, expected, move_to).await?;
            Ok(Deleted::preferring(prefer, || stage.into()))
        };
        once.write(&app, &caller, prefer, remove).await
    }
}

/// Leads that go to another stage are changed.
pub(super) fn moves_leads(caller: &Identity, move_to: Option<Uuid>) -> Result<(), Refusal> {
    move_to.map_or(Ok(()), |_| caller.require(Permission::LEADS_WRITE))
}
