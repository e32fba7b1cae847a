//! The removal of stages that leads are in: the leads move to another stage, or the removal is refused.

use crate::crm::lead;
use crate::db::TenantTx;
use crate::error::{Conflict, ConflictCode, Error, QueryCode, Result};
use crate::id::{PipelineId, StageId};

/// Empties stages that were removed in this transaction. Whoever puts a lead into a stage locks the stage first, so that no lead
/// comes in any more.
pub(super) async fn vacate(
    tx: &mut TenantTx<'_>,
    removed: &[StageId],
    move_to: Option<StageId>,
) -> Result<()> {
    if removed.is_empty() || !in_use(tx, removed).await? {
        return Ok(());
    }
    let Some(stage) = move_to else {
        let message = "There are leads in the stage; say with moveTo which stage they go to".to_owned();
        let (code, field) = (ConflictCode::StageInUse, Some("moveTo"));
        return Err(Error::Conflict(Conflict { code, message, field, with: None }));
    };
    let Some(pipeline) = pipeline_of(tx, stage).await? else {
        return Err(Error::Query {
            code: QueryCode::Parameter,
            parameter: "moveTo",
            message: "Must be the id of a stage that stays".to_owned(),
        });
    };
    lead::relocate(tx, removed, (pipeline, stage)).await
}

async fn in_use(tx: &mut TenantTx<'_>, stages: &[StageId]) -> Result<bool> {
    let statement = "select exists (select from tenon.leads where tenant_id = $1 and stage_id = any($2) and deleted_at is null)";
    Ok(sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(stages).fetch_one(tx.conn()).await?)
}

/// The pipeline of a stage that is not removed. The stage stays until the transaction ends.
async fn pipeline_of(tx: &mut TenantTx<'_>, stage: StageId) -> Result<Option<PipelineId>> {
    let statement = "select pipeline_id from tenon.pipeline_stages where tenant_id = $1 and id = $2 and deleted_at is null for share";
    Ok(sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(stage).fetch_optional(tx.conn()).await?)
}
