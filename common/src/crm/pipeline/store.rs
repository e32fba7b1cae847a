//! The rows of pipelines, and what hides and shows their stages with them.

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::crm::pipeline::Pipeline;
use crate::db::TenantTx;
use crate::error::{Conflict, ConflictCode, Error, Result, broken_constraint};
use crate::id::PipelineId;
use crate::wire;

/// Inserts the rows of new pipelines, without their stages.
pub(super) async fn insert(tx: &mut TenantTx<'_>, pipelines: &[Pipeline]) -> Result<()> {
    let ids: Vec<PipelineId> = pipelines.iter().map(|pipeline| pipeline.id).collect();
    let external_ids: Vec<Option<String>> =
        pipelines.iter().map(|pipeline| pipeline.external_id.clone()).collect();
    let names: Vec<String> = pipelines.iter().map(|pipeline| pipeline.name.clone()).collect();
    let actor = tx.actor().principal.reference().to_string();
    let inserted: Vec<PipelineId> = sqlx::query_scalar(
        "insert into tenon.pipelines (tenant_id, id, external_id, name, created_at, created_by, updated_at, updated_by)
         select $1, p.id, p.external_id, p.name, $5, $6, $5, $6
         from unnest($2::uuid[], $3::text[], $4::text[]) as p (id, external_id, name)
         on conflict do nothing
         returning id",
    )
    .bind(tx.actor().tenant)
    .bind(ids)
    .bind(external_ids)
    .bind(names)
    .bind(pipelines.first().map_or_else(wire::now, |pipeline| pipeline.created_at))
    .bind(actor)
    .fetch_all(tx.conn())
    .await?;
    match pipelines.iter().find(|pipeline| !inserted.contains(&pipeline.id)) {
        Some(refused) => Err(collision(tx, refused, ConflictCode::Duplicate).await?),
        None => Ok(()),
    }
}

/// Writes all of a pipeline's row. Where it may collide, behind a savepoint, so that the collision can still be looked up.
pub(super) async fn write(
    tx: &mut TenantTx<'_>,
    before: &Pipeline,
    pipeline: &Pipeline,
    batch: Option<Uuid>,
    conflict: ConflictCode,
) -> Result<()> {
    let unique = |pipeline: &Pipeline| (pipeline.external_id.clone(), pipeline.deleted_at.is_some());
    if pipeline.deleted_at.is_some() || unique(before) == unique(pipeline) {
        return Ok(write_row(tx.conn(), pipeline, batch).await?);
    }
    let mut savepoint = tx.conn().begin().await?;
    match write_row(&mut savepoint, pipeline, batch).await {
        Ok(()) => Ok(savepoint.commit().await?),
        Err(error) if broken_constraint(&error) == Some("pipelines_external_id") => {
            savepoint.rollback().await?;
            Err(collision(tx, pipeline, conflict).await?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn write_row(
    connection: &mut PgConnection,
    pipeline: &Pipeline,
    batch: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update tenon.pipelines set external_id = $3, name = $4, version = $5, updated_at = $6, updated_by = $7, deleted_at = $8,
                deleted_by = case when $8::timestamptz is null then null else $7 end, delete_batch_id = $9
         where tenant_id = $1 and id = $2",
    )
    .bind(pipeline.tenant_id)
    .bind(pipeline.id)
    .bind(&pipeline.external_id)
    .bind(&pipeline.name)
    .bind(pipeline.version)
    .bind(pipeline.updated_at)
    .bind(pipeline.updated_by.to_string())
    .bind(pipeline.deleted_at)
    .bind(batch)
    .execute(connection)
    .await?;
    Ok(())
}

/// With whom the external id collided.
async fn collision(tx: &mut TenantTx<'_>, pipeline: &Pipeline, code: ConflictCode) -> Result<Error> {
    let with: Option<Uuid> = sqlx::query_scalar(
        "select id from tenon.pipelines where tenant_id = $1 and external_id = $2 and deleted_at is null and id <> $3",
    )
    .bind(pipeline.tenant_id)
    .bind(&pipeline.external_id)
    .bind(pipeline.id)
    .fetch_optional(tx.conn())
    .await?;
    let message = "Another pipeline has this externalId".to_owned();
    Ok(Error::Conflict(Conflict { code, message, field: Some("externalId"), with }))
}

/// Hides the stages that a pipeline has with it.
pub(super) async fn hide_stages(tx: &mut TenantTx<'_>, pipeline: &Pipeline, batch: Uuid) -> Result<()> {
    sqlx::query(
        "update tenon.pipeline_stages set deleted_at = $3, delete_batch_id = $4
         where tenant_id = $1 and pipeline_id = $2 and deleted_at is null",
    )
    .bind(pipeline.tenant_id)
    .bind(pipeline.id)
    .bind(pipeline.deleted_at)
    .bind(batch)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Shows the stages again that were hidden with the pipeline, and none that were removed before.
pub(super) async fn show_stages(tx: &mut TenantTx<'_>, pipeline: &Pipeline) -> Result<()> {
    sqlx::query(
        "update tenon.pipeline_stages s set deleted_at = null, delete_batch_id = null
         from tenon.pipelines p
         where s.tenant_id = $1 and s.pipeline_id = $2 and p.tenant_id = $1 and p.id = $2
           and s.delete_batch_id = p.delete_batch_id",
    )
    .bind(pipeline.tenant_id)
    .bind(pipeline.id)
    .execute(tx.conn())
    .await?;
    Ok(())
}
