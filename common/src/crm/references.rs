//! What records say of other records: whether those are there, and the words for those that are not. The foreign keys make sure
//! of the tenant; what is asked here is whether the caller sees the record, and whether it is deleted.

use std::collections::HashSet;

use uuid::Uuid;

use crate::db::TenantTx;
use crate::error::{Error, FieldError, Result};
use crate::id::{CompanyId, ContactId, PipelineId, StageId};

/// Refuses companies that the caller does not see or that are deleted. One statement, and none where there is nothing to ask.
pub(super) async fn companies(
    tx: &mut TenantTx<'_>,
    field: &str,
    ids: impl IntoIterator<Item = CompanyId>,
) -> Result<()> {
    let statement = "select not exists (
             select from unnest($2::uuid[]) as named (id)
             where not exists (select from tenon.companies c where c.tenant_id = $1 and c.id = named.id and c.deleted_at is null))";
    seen(tx, statement, ids.into_iter().map(|id| id.0).collect(), || unknown(field, "company")).await
}

/// Those of the companies that the caller sees and that are not deleted. One statement, and none where there is nothing to ask.
pub(super) async fn seen_companies(
    tx: &mut TenantTx<'_>,
    named: HashSet<CompanyId>,
) -> Result<HashSet<CompanyId>> {
    if named.is_empty() {
        return Ok(named);
    }
    let statement =
        "select id from tenon.companies where tenant_id = $1 and id = any ($2) and deleted_at is null";
    let found: Vec<CompanyId> = sqlx::query_scalar(statement)
        .bind(tx.actor().tenant)
        .bind(named.into_iter().collect::<Vec<_>>())
        .fetch_all(tx.conn())
        .await?;
    Ok(found.into_iter().collect())
}

/// Refuses contacts that the caller does not see or that are deleted. One statement, and none where there is nothing to ask.
pub(super) async fn contacts(
    tx: &mut TenantTx<'_>,
    field: &str,
    ids: impl IntoIterator<Item = ContactId>,
) -> Result<()> {
    let statement = "select not exists (
             select from unnest($2::uuid[]) as named (id)
             where not exists (select from tenon.contacts c where c.tenant_id = $1 and c.id = named.id and c.deleted_at is null))";
    seen(tx, statement, ids.into_iter().map(|id| id.0).collect(), || unknown(field, "contact")).await
}

/// The pipeline and the stage that somebody names.
pub(super) type Named = (Option<PipelineId>, Option<StageId>);

/// A stage with its pipeline.
pub(super) type Place = Option<(PipelineId, StageId)>;

/// The pipeline of a stage that is not removed. The stage stays until the transaction ends.
pub(super) async fn stage(tx: &mut TenantTx<'_>, id: StageId) -> Result<Option<PipelineId>> {
    let statement = "select pipeline_id from tenon.pipeline_stages where tenant_id = $1 and id = $2 and deleted_at is null for share";
    Ok(sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?)
}

/// The place that somebody names: a stage is in its own pipeline, and a pipeline alone means its first stage.
pub(super) async fn place(tx: &mut TenantTx<'_>, named: Named) -> Result<Place> {
    match named {
        (None, None) => Ok(None),
        (pipeline, Some(id)) => {
            let found = stage(tx, id).await?.ok_or_else(|| unknown("stageId", "stage"))?;
            if pipeline.is_some_and(|pipeline| pipeline != found) {
                let message = "Must be a stage of the pipeline that pipelineId names";
                return Err(Error::Invalid(vec![FieldError::new("stageId", "NOT_IN_PIPELINE", message)]));
            }
            Ok(Some((found, id)))
        }
        (Some(pipeline), None) => {
            let first: Option<StageId> = sqlx::query_scalar(
                "select id from tenon.pipeline_stages where tenant_id = $1 and pipeline_id = $2 and deleted_at is null
                 order by display_order, id limit 1 for share",
            )
            .bind(tx.actor().tenant)
            .bind(pipeline)
            .fetch_optional(tx.conn())
            .await?;
            let first = first.ok_or_else(|| unknown("pipelineId", "pipeline with stages"))?;
            Ok(Some((pipeline, first)))
        }
    }
}

async fn seen(
    tx: &mut TenantTx<'_>,
    statement: &'static str,
    ids: Vec<Uuid>,
    refusal: impl FnOnce() -> Error,
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let tenant = tx.actor().tenant;
    let all: bool = sqlx::query_scalar(statement).bind(tenant).bind(ids).fetch_one(tx.conn()).await?;
    if all { Ok(()) } else { Err(refusal()) }
}

/// The field names no record of that kind.
pub(super) fn unknown(field: &str, kind: &str) -> Error {
    let message = format!("Must be the id of a {kind} of this organization that is not deleted");
    Error::Invalid(vec![FieldError::new(field, "UNKNOWN_RECORD", message)])
}

/// The field names no member.
pub(super) fn not_a_member(field: &str) -> Error {
    Error::Invalid(vec![FieldError::new(
        field,
        "NOT_A_MEMBER",
        "Must be the id of a user of this organization",
    )])
}
