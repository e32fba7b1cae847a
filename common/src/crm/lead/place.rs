//! Where leads stand in pipelines: a stage is in its own pipeline, and a pipeline alone means its first stage.

use std::collections::HashMap;

use crate::crm::lead::Lead;
use crate::crm::record::{Plan, unknown};
use crate::db::TenantTx;
use crate::error::{Error, FieldError, Result};
use crate::id::{PipelineId, StageId};

/// Puts leads into the places that they name and were not in before. One statement, whatever their number, and none where there
/// is nothing to ask. The stages stay until the transaction ends.
pub(super) async fn settle(tx: &mut TenantTx<'_>, plans: &mut [Result<Plan<Lead>>]) -> Result<()> {
    let (mut stages, mut pipelines) = (Vec::new(), Vec::new());
    for plan in plans.iter().flatten().filter(|plan| moves(plan)) {
        match plan.after.place() {
            (_, Some(stage)) => stages.push(stage),
            (Some(pipeline), None) => pipelines.push(pipeline),
            (None, None) => {}
        }
    }
    if stages.is_empty() && pipelines.is_empty() {
        return Ok(());
    }
    let places = Places::of(tx, &stages, &pipelines).await?;
    for plan in plans {
        let moved = plan.as_ref().ok().filter(|plan| moves(plan));
        match (moved.map(|plan| places.find(plan.after.place())), &mut *plan) {
            (Some(Ok(place)), Ok(plan)) => (plan.after.pipeline_id, plan.after.stage_id) = place,
            (Some(Err(refused)), _) => *plan = Err(refused),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the stage is there still. It stays until the transaction ends.
pub(super) async fn is_there(tx: &mut TenantTx<'_>, stage: StageId) -> Result<bool> {
    Ok(Places::of(tx, &[stage], &[]).await?.stages.contains_key(&stage))
}

fn moves(plan: &Plan<Lead>) -> bool {
    plan.before.as_ref().map_or((None, None), Lead::place) != plan.after.place()
}

/// Stages with their pipelines, and pipelines with their first stages; as far as they are there.
struct Places {
    stages: HashMap<StageId, PipelineId>,
    firsts: HashMap<PipelineId, StageId>,
}

impl Places {
    /// Locked in the order of their ids, so that two transactions do not wait for each other.
    async fn of(tx: &mut TenantTx<'_>, stages: &[StageId], pipelines: &[PipelineId]) -> Result<Self> {
        let rows: Vec<(StageId, PipelineId, bool)> = sqlx::query_as(
            "with first as (
                 select f.id from unnest($3::uuid[]) as p (id)
                 cross join lateral (
                     select s.id from tenon.pipeline_stages s
                     where s.tenant_id = $1 and s.pipeline_id = p.id and s.deleted_at is null
                     order by s.display_order, s.id limit 1) f
             )
             select s.id, s.pipeline_id, s.id = any (array(select id from first)) from tenon.pipeline_stages s
             where s.tenant_id = $1 and s.id = any (array(select unnest($2::uuid[]) union select id from first))
               and s.deleted_at is null
             order by s.id for share of s",
        )
        .bind(tx.actor().tenant)
        .bind(stages)
        .bind(pipelines)
        .fetch_all(tx.conn())
        .await?;
        let firsts = rows.iter().filter(|(.., first)| *first).map(|(id, pipeline, _)| (*pipeline, *id));
        let firsts = firsts.collect();
        Ok(Self { stages: rows.into_iter().map(|(id, pipeline, _)| (id, pipeline)).collect(), firsts })
    }

    fn find(
        &self,
        named: (Option<PipelineId>, Option<StageId>),
    ) -> Result<(Option<PipelineId>, Option<StageId>)> {
        match named {
            (None, None) => Ok((None, None)),
            (pipeline, Some(stage)) => {
                let found = self.stages.get(&stage).ok_or_else(|| unknown("stageId", "stage"))?;
                if pipeline.is_some_and(|pipeline| pipeline != *found) {
                    let message = "Must be a stage of the pipeline that pipelineId names";
                    return Err(Error::Invalid(vec![FieldError::new("stageId", "NOT_IN_PIPELINE", message)]));
                }
                Ok((Some(*found), Some(stage)))
            }
            (Some(pipeline), None) => {
                let first = self.firsts.get(&pipeline);
                let first = first.ok_or_else(|| unknown("pipelineId", "pipeline with stages"))?;
                Ok((Some(pipeline), Some(*first)))
            }
        }
    }
}
