//! The stages of a pipeline: as rows, and one by one. They have no version of their own: a change of one is a change of its
//! pipeline, under the pipeline's lock and version.

use serde::Serialize;

use crate::crm::pipeline::{self, Pipeline, PipelineDraft, StageDraft, StageFields, Stages};
use crate::db::TenantTx;
use crate::db::record::by_position;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::id::{PipelineId, StageId};
use crate::wire;

/// A stage, as the API and events show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Its id.
    pub id: StageId,
    /// 1–100 characters.
    pub name: String,
    /// Its place: stages are shown by rising numbers, and by age where those are the same.
    pub display_order: i32,
    /// How likely a lead in it is won, in per cent.
    pub probability: Option<i32>,
}

/// A stage with the pipeline that it belongs to.
struct Row {
    pipeline_id: PipelineId,
    id: StageId,
    name: String,
    display_order: i32,
    probability: Option<i32>,
}

by_position!(Row { pipeline_id, id, name, display_order, probability });

/// Adds a stage. Answers it and its pipeline.
pub async fn create(
    tx: &mut TenantTx<'_>,
    pipeline: PipelineId,
    expected: Option<i64>,
    draft: StageDraft,
) -> Result<(Stage, Pipeline)> {
    let id = StageId::new();
    let added = |mut now: PipelineDraft| {
        now.stages.push(StageDraft { id: Some(id), ..draft });
        Ok(now)
    };
    let pipeline =
        pipeline::change(tx, pipeline, expected, Stages { made: Some(id), ..Stages::default() }, added)
            .await?;
    Ok((pipeline.stage(id)?, pipeline))
}

/// Changes a stage to what `edit` makes of it. Answers it and its pipeline.
pub async fn update(
    tx: &mut TenantTx<'_>,
    pipeline: PipelineId,
    id: StageId,
    expected: Option<i64>,
    edit: impl FnOnce(StageDraft) -> StageDraft,
) -> Result<(Stage, Pipeline)> {
    let edited = |mut now: PipelineDraft| {
        let at = place(&now, id)?;
        let draft = edit(now.stages[at].clone());
        draft.clone().check("").map_err(Error::Invalid)?;
        now.stages[at] = StageDraft { id: Some(id), ..draft };
        Ok(now)
    };
    let pipeline = pipeline::change(tx, pipeline, expected, Stages::default(), edited).await?;
    Ok((pipeline.stage(id)?, pipeline))
}

/// Removes a stage; the leads in it go to `move_to`, without which that is refused. Answers what it was.
pub async fn delete(
    tx: &mut TenantTx<'_>,
    pipeline: PipelineId,
    id: StageId,
    expected: Option<i64>,
    move_to: Option<StageId>,
) -> Result<Stage> {
    let mut removed = None;
    let without = |mut now: PipelineDraft| {
        removed = Some(now.stages.remove(place(&now, id)?));
        Ok(now)
    };
    pipeline::change(tx, pipeline, expected, Stages { move_to, ..Stages::default() }, without).await?;
    let fields = removed.ok_or(Error::NotFound(EntityKind::Stage))?.check("").map_err(Error::Invalid)?;
    Ok(Stage::of(id, fields))
}

fn place(pipeline: &PipelineDraft, id: StageId) -> Result<usize> {
    let place = pipeline.stages.iter().position(|stage| stage.id == Some(id));
    place.ok_or(Error::NotFound(EntityKind::Stage))
}

impl Stage {
    pub(super) fn of(id: StageId, fields: StageFields) -> Self {
        Self { id, name: fields.name, display_order: fields.display_order, probability: fields.probability }
    }
}

impl Pipeline {
    /// One of its stages, or the refusal that it has no such.
    pub fn stage(&self, id: StageId) -> Result<Stage> {
        let found = self.stages.iter().find(|stage| stage.id == id);
        found.cloned().ok_or(Error::NotFound(EntityKind::Stage))
    }
}

/// Gives pipelines their stages: those that they have now, or those that were hidden with them. One statement, whatever their
/// number.
pub(super) async fn fill(tx: &mut TenantTx<'_>, pipelines: &mut [Pipeline]) -> Result<()> {
    if pipelines.is_empty() {
        return Ok(());
    }
    let ids: Vec<PipelineId> = pipelines.iter().map(|pipeline| pipeline.id).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "select s.pipeline_id, s.id, s.name, s.display_order, s.probability
         from tenon.pipelines p join tenon.pipeline_stages s on s.tenant_id = p.tenant_id and s.pipeline_id = p.id
         where p.tenant_id = $1 and p.id = any ($2) and (s.deleted_at is null or s.delete_batch_id = p.delete_batch_id)
         order by s.display_order, s.id",
    )
    .bind(tx.actor().tenant)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    for Row { pipeline_id, id, name, display_order, probability } in rows {
        if let Some(pipeline) = pipelines.iter_mut().find(|pipeline| pipeline.id == pipeline_id) {
            pipeline.stages.push(Stage { id, name, display_order, probability });
        }
    }
    Ok(())
}

/// Writes the stages of pipelines that are new or say something else than they did. One statement, whatever their number.
pub(super) async fn write(tx: &mut TenantTx<'_>, mut stages: Vec<(PipelineId, Stage)>) -> Result<()> {
    // In the order in which those lock stages who put leads into them.
    stages.sort_by_key(|(_, stage)| stage.id);
    let (mut pipelines, mut ids, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut orders, mut probabilities) = (Vec::new(), Vec::new());
    for (pipeline, stage) in stages {
        pipelines.push(pipeline);
        ids.push(stage.id);
        names.push(stage.name);
        orders.push(stage.display_order);
        probabilities.push(stage.probability);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into tenon.pipeline_stages as there (tenant_id, pipeline_id, id, name, display_order, probability)
         select $1, s.pipeline_id, s.id, s.name, s.display_order, s.probability
         from unnest($2::uuid[], $3::uuid[], $4::text[], $5::integer[], $6::integer[])
             as s (pipeline_id, id, name, display_order, probability)
         on conflict (tenant_id, id) do update
             set name = excluded.name, display_order = excluded.display_order, probability = excluded.probability
             where there.pipeline_id = excluded.pipeline_id",
    )
    .bind(tx.actor().tenant)
    .bind(pipelines)
    .bind(ids)
    .bind(names)
    .bind(orders)
    .bind(probabilities)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes stages out of their pipelines.
pub(super) async fn remove(tx: &mut TenantTx<'_>, ids: &[StageId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query("update tenon.pipeline_stages set deleted_at = $3 where tenant_id = $1 and id = any($2)")
        .bind(tx.actor().tenant)
        .bind(ids)
        .bind(wire::now())
        .execute(tx.conn())
        .await?;
    Ok(())
}
