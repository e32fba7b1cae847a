//! Pipelines: the stages that a tenant's leads go through. A pipeline and its stages are one record with one version.

mod draft;
mod fields;
mod record;
mod stage;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use sqlx::postgres::PgRow;

use crate::actor::ActorReference;
use crate::crm::record::{self as records, Plan, Record};
use crate::crm::stage_removal;
use crate::db::TenantTx;
use crate::db::record::record;
use crate::error::{Error, FieldError, Result};
use crate::id::{PipelineId, StageId, TenantId};
use crate::wire;

pub use draft::{MAX_DISPLAY_ORDER, MAX_STAGES, PipelineDraft, PipelineFields, StageDraft, StageFields};
pub use fields::LIST;
pub use stage::{Stage, create as create_stage, delete as delete_stage, update as update_stage};

/// A pipeline without its stages: its row.
struct Row {
    id: PipelineId,
    tenant_id: TenantId,
    external_id: Option<String>,
    name: String,
    version: i64,
    created_at: DateTime<Utc>,
    created_by: ActorReference,
    updated_at: DateTime<Utc>,
    updated_by: ActorReference,
    deleted_at: Option<DateTime<Utc>>,
}

record!(Row {
    id,
    tenant_id,
    external_id,
    name,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
    deleted_at,
});

/// A pipeline, as the API and events show it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pipeline {
    /// Its id.
    pub id: PipelineId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The key of another system.
    pub external_id: Option<String>,
    /// 1–100 characters.
    pub name: String,
    /// Its stages, in their order.
    pub stages: Vec<Stage>,
    /// Counts changes, those of its stages too, from 1.
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

impl From<Row> for Pipeline {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            external_id: row.external_id,
            name: row.name,
            stages: Vec::new(),
            version: row.version,
            created_at: row.created_at,
            created_by: row.created_by,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
            deleted_at: row.deleted_at,
        }
    }
}

impl<'r> FromRow<'r, PgRow> for Pipeline {
    /// Without its stages, which are rows of their own.
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Row::from_row(row).map(Self::from)
    }
}

/// The columns, for its list.
const COLUMNS: &str = columns!();

/// Changes a pipeline to what `edit` makes of it, under a row lock, if it has the expected version. Stages that `edit` leaves
/// out are removed; the leads in them go to `move_to`, without which that is refused. A change that changes nothing writes
/// nothing, no event either.
pub async fn update(
    tx: &mut TenantTx<'_>,
    id: PipelineId,
    expected: Option<i64>,
    move_to: Option<StageId>,
    edit: impl FnOnce(PipelineDraft) -> PipelineDraft,
) -> Result<Pipeline> {
    change(tx, id, expected, Stages { made: None, move_to }, |draft| Ok(edit(draft))).await
}

/// What a change may do with stages.
#[derive(Clone, Copy, Default)]
struct Stages {
    /// Add one under this id, which was made for it.
    made: Option<StageId>,
    /// Send the leads of removed ones to this one.
    move_to: Option<StageId>,
}

/// [`update`], where the edit may be refused.
async fn change(
    tx: &mut TenantTx<'_>,
    id: PipelineId,
    expected: Option<i64>,
    stages: Stages,
    edit: impl FnOnce(PipelineDraft) -> Result<PipelineDraft>,
) -> Result<Pipeline> {
    let before: Pipeline = records::lock_expected(tx, id.0, expected).await?;
    let fields = edit(PipelineDraft::from(&before))?.check().map_err(Error::Invalid)?;
    let mut after = before.clone();
    apply(&mut after, fields, stages.made)?;
    if after.says_the_same(&before) {
        return Ok(before);
    }
    let plan = Plan::changed(tx, before, after);
    records::put(tx, &plan).await?;
    write_stages(tx, &[&plan], stages.move_to).await?;
    records::tell(tx, &plan).await?;
    Ok(plan.after)
}

/// Hides a pipeline with its stages and frees its external id; the leads in it go to `move_to`, without which that is refused.
/// Answers its last state.
pub async fn delete(
    tx: &mut TenantTx<'_>,
    id: PipelineId,
    expected: Option<i64>,
    move_to: Option<StageId>,
) -> Result<Pipeline> {
    let before: Pipeline = records::lock_expected(tx, id.0, expected).await?;
    let plan = Plan::deleted(tx, before);
    records::put(tx, &plan).await?;
    write_stages(tx, &[&plan], move_to).await?;
    records::tell(tx, &plan).await?;
    Ok(plan.after)
}

/// Writes the stages that are new or say something else than they did, and takes those out that are there no more; the leads in
/// them go to `move_to`, without which that is refused. A few statements, whatever the number of pipelines.
async fn write_stages(
    tx: &mut TenantTx<'_>,
    plans: &[&Plan<Pipeline>],
    move_to: Option<StageId>,
) -> Result<()> {
    let mut differ = Vec::new();
    let (mut removed, mut vacated) = (Vec::new(), Vec::new());
    for Plan { before, after, .. } in plans {
        let before = before.as_ref().map_or(&[][..], |before| &before.stages);
        let others = after.stages.iter().filter(|stage| !before.contains(stage));
        differ.extend(others.map(|stage| (after.id, stage.clone())));
        let kept = |id| after.stages.iter().any(|stage| stage.id == id);
        removed.extend(before.iter().map(|stage| stage.id).filter(|id| !kept(*id)));
        vacated.extend(before.iter().map(|stage| stage.id).filter(|_| after.deleted_at.is_some()));
    }
    stage::write(tx, differ).await?;
    stage::remove(tx, &removed).await?;
    vacated.append(&mut removed);
    stage_removal::vacate(tx, &vacated, move_to).await
}

/// Takes over what was said. An id of a stage is one of the pipeline's own, or was `made` for a new one; all others are refused.
fn apply(pipeline: &mut Pipeline, fields: PipelineFields, made: Option<StageId>) -> Result<()> {
    let mut errors = Vec::new();
    let mut stages = Vec::with_capacity(fields.stages.len());
    for (index, mut stage) in fields.stages.into_iter().enumerate() {
        let known = |id: &StageId| made == Some(*id) || pipeline.stages.iter().any(|own| own.id == *id);
        if !stage.id.as_ref().is_none_or(known) {
            let message = "Must be the id of a stage of this pipeline; leave it out for a new stage";
            errors.push(FieldError::new(&format!("stages/{index}/id"), "UNKNOWN_RECORD", message));
        }
        stages.push(Stage::of(stage.id.take().unwrap_or_else(StageId::new), stage));
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    stages.sort_by_key(|stage| (stage.display_order, stage.id));
    pipeline.name = fields.name;
    pipeline.external_id = fields.external_id;
    pipeline.stages = stages;
    Ok(())
}
