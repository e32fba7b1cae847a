//! Pipelines: the stages that a tenant's leads go through. A pipeline and its stages are one record with one version.

mod draft;
mod stage;
mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::actor::ActorReference;
use crate::change::{self, Change};
use crate::crm::stage_removal;
use crate::db::TenantTx;
use crate::db::record::record;
use crate::entity::EntityKind;
use crate::error::{ConflictCode, Error, FieldError, Result};
use crate::event::EventType;
use crate::id::{PipelineId, StageId, TenantId};
use crate::page::{Page, SortKey, Window};
use crate::wire;

pub use draft::{MAX_DISPLAY_ORDER, MAX_STAGES, PipelineDraft, PipelineFields, StageDraft, StageFields};
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

/// Creates one pipeline with its stages.
pub async fn create(tx: &mut TenantTx<'_>, fields: PipelineFields) -> Result<Pipeline> {
    let mut created = create_many(tx, vec![fields]).await?;
    created.pop().ok_or_else(|| Error::internal("a pipeline was created and not answered"))
}

/// Creates pipelines, their stages and their events; three statements, whatever their number. The first that collides is
/// refused, and with it all of them.
pub async fn create_many(tx: &mut TenantTx<'_>, fields: Vec<PipelineFields>) -> Result<Vec<Pipeline>> {
    let pipelines: Vec<Pipeline> = fields.into_iter().map(|fields| new(tx, fields)).collect::<Result<_>>()?;
    store::insert(tx, &pipelines).await?;
    let mut stages = Vec::new();
    for pipeline in &pipelines {
        stages.extend(pipeline.stages.iter().map(|stage| (pipeline.id, stage.clone())));
    }
    stage::write(tx, stages).await?;
    let changes = pipelines
        .iter()
        .map(|pipeline| changed(EventType::PIPELINE_CREATED, None, pipeline))
        .collect::<Result<Vec<_>>>()?;
    change::record(tx, &changes).await?;
    Ok(pipelines)
}

/// The pipeline, if there is one that is not deleted.
pub async fn find(tx: &mut TenantTx<'_>, id: PipelineId) -> Result<Option<Pipeline>> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.pipelines where tenant_id = $1 and id = $2 and deleted_at is null"
    );
    let row: Option<Row> =
        sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    let mut found: Vec<Pipeline> = row.into_iter().map(Pipeline::from).collect();
    stage::fill(tx, &mut found).await?;
    Ok(found.pop())
}

/// The pipeline, or the refusal that there is none.
pub async fn get(tx: &mut TenantTx<'_>, id: PipelineId) -> Result<Pipeline> {
    find(tx, id).await?.ok_or(Error::NotFound(EntityKind::Pipeline))
}

/// Pipelines that are not deleted, newest first.
pub async fn list(tx: &mut TenantTx<'_>, window: &Window) -> Result<Page<Pipeline>> {
    let tenant = tx.actor().tenant;
    let rows: Vec<Row> = match window.last() {
        None => {
            let statement = concat!(
                "select ",
                columns!(),
                " from tenon.pipelines where tenant_id = $1 and deleted_at is null
                 order by created_at desc, id desc limit $2 offset $3"
            );
            let query = sqlx::query_as(statement).bind(tenant).bind(window.fetch()).bind(window.offset());
            query.fetch_all(tx.conn()).await?
        }
        Some(last) => {
            let statement = concat!(
                "select ",
                columns!(),
                " from tenon.pipelines where tenant_id = $1 and deleted_at is null and (created_at, id) < ($3, $4)
                 order by created_at desc, id desc limit $2"
            );
            let query =
                sqlx::query_as(statement).bind(tenant).bind(window.fetch()).bind(last.at).bind(last.id);
            query.fetch_all(tx.conn()).await?
        }
    };
    let total = match window.counts() {
        true => {
            let count = "select count(*) from tenon.pipelines where tenant_id = $1 and deleted_at is null";
            Some(sqlx::query_scalar(count).bind(tenant).fetch_one(tx.conn()).await?)
        }
        false => None,
    };
    let mut pipelines: Vec<Pipeline> = rows.into_iter().map(Pipeline::from).collect();
    stage::fill(tx, &mut pipelines).await?;
    Ok(Page::of(pipelines, total, window))
}

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
    let before = lock(tx, id, false).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Error::Stale { current: before.version });
    }
    let fields = edit(PipelineDraft::from(&before))?.check().map_err(Error::Invalid)?;
    let mut after = before.clone();
    apply(&mut after, fields, stages.made)?;
    let renamed = (&after.name, &after.external_id) != (&before.name, &before.external_id);
    if !renamed && after.stages == before.stages {
        return Ok(before);
    }
    stamp(tx, &mut after);
    store::write(tx, &before, &after, None, ConflictCode::Duplicate).await?;
    let differ = after.stages.iter().filter(|stage| !before.stages.contains(stage));
    let differ = differ.map(|stage| (after.id, stage.clone())).collect();
    stage::write(tx, differ).await?;
    let removed = removed(&before, &after);
    stage::remove(tx, &after, &removed).await?;
    stage_removal::vacate(tx, &removed, stages.move_to).await?;
    change::record(tx, &changes(&before, &after, renamed)?).await?;
    Ok(after)
}

/// Hides a pipeline with its stages and frees its external id; the leads in it go to `move_to`, without which that is refused.
/// Answers its last state.
pub async fn delete(
    tx: &mut TenantTx<'_>,
    id: PipelineId,
    expected: Option<i64>,
    move_to: Option<StageId>,
) -> Result<Pipeline> {
    let before = lock(tx, id, false).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Error::Stale { current: before.version });
    }
    let mut after = before.clone();
    stamp(tx, &mut after);
    after.deleted_at = Some(after.updated_at);
    let batch = uuid::Uuid::now_v7();
    store::write(tx, &before, &after, Some(batch), ConflictCode::Duplicate).await?;
    store::hide_stages(tx, &after, batch).await?;
    let stages: Vec<StageId> = before.stages.iter().map(|stage| stage.id).collect();
    stage_removal::vacate(tx, &stages, move_to).await?;
    change::record(tx, &[changed(EventType::PIPELINE_DELETED, Some(&before), &after)?]).await?;
    Ok(after)
}

/// Brings a deleted pipeline back, with the stages that were hidden with it. Refused with the record that has its external id
/// by now.
pub async fn restore(tx: &mut TenantTx<'_>, id: PipelineId) -> Result<Pipeline> {
    let mut before = lock(tx, id, true).await?;
    store::show_stages(tx, &before).await?;
    stage::fill(tx, std::slice::from_mut(&mut before)).await?;
    let mut after = before.clone();
    stamp(tx, &mut after);
    after.deleted_at = None;
    store::write(tx, &before, &after, None, ConflictCode::RestoreConflict).await?;
    change::record(tx, &[changed(EventType::PIPELINE_RESTORED, Some(&before), &after)?]).await?;
    Ok(after)
}

impl Pipeline {
    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.id.0 }
    }
}

fn new(tx: &TenantTx<'_>, fields: PipelineFields) -> Result<Pipeline> {
    let actor = tx.actor();
    let now = wire::now();
    let by = actor.principal.reference();
    let mut pipeline = Pipeline {
        id: PipelineId::new(),
        tenant_id: actor.tenant,
        external_id: None,
        name: String::new(),
        stages: Vec::new(),
        version: 1,
        created_at: now,
        created_by: by,
        updated_at: now,
        updated_by: by,
        deleted_at: None,
    };
    apply(&mut pipeline, fields, None)?;
    Ok(pipeline)
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

fn stamp(tx: &TenantTx<'_>, pipeline: &mut Pipeline) {
    pipeline.version += 1;
    pipeline.updated_at = wire::now().max(pipeline.updated_at);
    pipeline.updated_by = tx.actor().principal.reference();
}

async fn lock(tx: &mut TenantTx<'_>, id: PipelineId, deleted: bool) -> Result<Pipeline> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.pipelines where tenant_id = $1 and id = $2 and (deleted_at is not null) = $3 for no key update"
    );
    let found: Option<Row> = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(deleted)
        .fetch_optional(tx.conn())
        .await?;
    let mut pipeline = Pipeline::from(found.ok_or(Error::NotFound(EntityKind::Pipeline))?);
    if !deleted {
        stage::fill(tx, std::slice::from_mut(&mut pipeline)).await?;
    }
    Ok(pipeline)
}

/// The stages that are there no more.
fn removed(before: &Pipeline, after: &Pipeline) -> Vec<StageId> {
    let kept = |id| after.stages.iter().any(|stage| stage.id == id);
    before.stages.iter().map(|stage| stage.id).filter(|id| !kept(*id)).collect()
}

/// One event for what is the pipeline's own, one for its stages: receivers may listen to either.
fn changes(before: &Pipeline, after: &Pipeline, renamed: bool) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    if renamed {
        let own = Pipeline { stages: after.stages.clone(), ..before.clone() };
        changes.push(changed(EventType::PIPELINE_UPDATED, Some(&own), after)?);
    }
    if after.stages != before.stages {
        let stages = Pipeline { stages: before.stages.clone(), ..after.clone() };
        changes.push(changed(EventType::PIPELINE_STAGE_UPDATED, Some(&stages), after)?);
    }
    Ok(changes)
}

fn changed(event: EventType, before: Option<&Pipeline>, after: &Pipeline) -> Result<Change> {
    let show = |pipeline: &Pipeline| serde_json::to_value(pipeline).map_err(Error::internal);
    Ok(Change {
        event,
        object: after.id.0,
        version: after.version,
        at: after.updated_at,
        before: before.map(show).transpose()?,
        after: show(after)?,
    })
}
