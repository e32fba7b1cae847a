//! What is a pipeline's own among the records of the CRM: its stages above all, which are rows of their own.

use std::sync::LazyLock;

use uuid::Uuid;

use crate::account::quota::{self, Quota};
use crate::change::Change;
use crate::crm::pipeline::{self, LIST, Pipeline, PipelineDraft, PipelineFields, stage};
use crate::crm::record::{
    Birth, Column, Draft, Events, Link, Plan, Record, Statements, Unique, changed, head,
};
use crate::crm::release;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{FieldError, Result};
use crate::event::EventType;
use crate::list::Listing;
use crate::rules;

head!(Pipeline);

static STATEMENTS: LazyLock<Statements> = LazyLock::new(Statements::of::<Pipeline>);

impl Draft for PipelineDraft {
    type Fields = PipelineFields;

    fn check(self) -> Result<PipelineFields, Vec<FieldError>> {
        Self::check(self)
    }
}

impl Record for Pipeline {
    type Draft = PipelineDraft;

    const KIND: EntityKind = EntityKind::Pipeline;
    const OWN: &'static [Column<Self>] = &[
        Column::text("external_id", |pipeline| pipeline.external_id.as_deref()),
        Column::text("name", |pipeline| Some(&pipeline.name)),
    ];
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        constraint: "pipelines_external_id",
        field: "externalId",
        column: "external_id",
        value: |pipeline| pipeline.external_id.clone(),
        parse: rules::external_id_key,
        draft: |draft| &mut draft.external_id,
    }];
    const LINKS: &'static [Link] =
        &[Link { table: "tenon.pipeline_stages", column: "pipeline_id", condition: "" }];
    const EVENTS: Events = Events {
        created: EventType::PIPELINE_CREATED,
        updated: EventType::PIPELINE_UPDATED,
        deleted: EventType::PIPELINE_DELETED,
        restored: EventType::PIPELINE_RESTORED,
        purged: EventType::PIPELINE_PURGED,
    };
    const FILLED: bool = true;

    fn listing() -> &'static Listing {
        &LIST
    }

    fn statements() -> &'static Statements {
        &STATEMENTS
    }

    fn blank(birth: Birth) -> Self {
        Self {
            id: birth.id.into(),
            tenant_id: birth.tenant,
            external_id: None,
            name: String::new(),
            stages: Vec::new(),
            version: 1,
            created_at: birth.at,
            created_by: birth.by,
            updated_at: birth.at,
            updated_by: birth.by,
            deleted_at: None,
        }
    }

    fn apply(&mut self, fields: PipelineFields) -> Result<()> {
        pipeline::apply(self, fields, None)
    }

    async fn fill(tx: &mut TenantTx<'_>, pipelines: &mut [Self]) -> Result<()> {
        stage::fill(tx, pipelines).await
    }

    async fn written(tx: &mut TenantTx<'_>, plans: &[&Plan<Self>]) -> Result<()> {
        if plans.iter().any(|plan| plan.before.is_none()) {
            // They are counted with those that are there by now.
            quota::claim(tx, Quota::Pipelines, 0).await?;
        }
        pipeline::write_stages(tx, plans, None).await
    }

    async fn release(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<()> {
        release::pipeline(tx, ids).await
    }

    async fn revive(&mut self, tx: &mut TenantTx<'_>) -> Result<()> {
        quota::claim(tx, Quota::Pipelines, 1).await
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.says_the_same_itself(other) && self.stages == other.stages
    }

    /// One event for what is the pipeline's own, one for its stages: receivers may listen to either.
    fn changes(before: &Self, after: &Self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        if !before.says_the_same_itself(after) {
            let own = Self { stages: after.stages.clone(), ..before.clone() };
            changes.push(changed(EventType::PIPELINE_UPDATED, Some(&own), after)?);
        }
        if after.stages != before.stages {
            let stages = Self { stages: before.stages.clone(), ..after.clone() };
            changes.push(changed(EventType::PIPELINE_STAGE_UPDATED, Some(&stages), after)?);
        }
        Ok(changes)
    }
}

impl Pipeline {
    /// Whether it says the same without its stages.
    fn says_the_same_itself(&self, other: &Self) -> bool {
        (&self.name, &self.external_id) == (&other.name, &other.external_id)
    }
}
