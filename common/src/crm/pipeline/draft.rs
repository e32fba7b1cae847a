//! What a caller says of a pipeline and its stages, before and after it was checked.

use crate::crm::pipeline::{Pipeline, Stage};
use crate::error::{FieldError, Result};
use crate::id::StageId;
use crate::rules::{self, checked};

/// The most stages that a pipeline can have.
pub const MAX_STAGES: usize = 100;

/// The highest place that a stage can have.
pub const MAX_DISPLAY_ORDER: i32 = 10_000;

/// What a caller says of a pipeline, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct PipelineDraft {
    /// Required.
    pub name: Option<String>,
    /// See [`Pipeline::external_id`].
    pub external_id: Option<String>,
    /// All of its stages, in any order.
    pub stages: Vec<StageDraft>,
}

/// What a caller says of a stage, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct StageDraft {
    /// The stage that is kept; none makes a new one.
    pub id: Option<StageId>,
    /// Required.
    pub name: Option<String>,
    /// Required. See [`Stage::display_order`].
    pub display_order: Option<i32>,
    /// See [`Stage::probability`].
    pub probability: Option<i32>,
}

/// What a caller says of a pipeline, checked; whether the stages with an id are the pipeline's, the change checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineFields {
    pub(super) name: String,
    pub(super) external_id: Option<String>,
    pub(super) stages: Vec<StageFields>,
}

/// What a caller says of a stage, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageFields {
    pub(super) id: Option<StageId>,
    pub(super) name: String,
    pub(super) display_order: i32,
    pub(super) probability: Option<i32>,
}

impl PipelineDraft {
    /// Checks all fields, those of the stages too; answers all that is wrong.
    pub fn check(self) -> Result<PipelineFields, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = checked(&mut errors, "name", self.name.as_deref(), |v| rules::text(v, "Name", 100));
        if self.name.is_none() {
            errors.push(FieldError::new("name", "REQUIRED", "Name is required"));
        }
        let external_id = checked(&mut errors, "externalId", self.external_id.as_deref(), rules::external_id);
        if self.stages.len() > MAX_STAGES {
            let message = format!("A pipeline has at most {MAX_STAGES} stages");
            errors.push(FieldError::new("stages", "TOO_LONG", message));
        }
        let mut stages: Vec<StageFields> = Vec::with_capacity(self.stages.len());
        for (index, draft) in self.stages.into_iter().enumerate() {
            if draft.id.is_some() && stages.iter().any(|stage| stage.id == draft.id) {
                let field = format!("stages/{index}/id");
                errors.push(FieldError::new(&field, "NOT_UNIQUE", "Another stage of the list has this id"));
            }
            match draft.check(&format!("stages/{index}/")) {
                Ok(stage) => stages.push(stage),
                Err(broken) => errors.extend(broken),
            }
        }
        if errors.is_empty() {
            Ok(PipelineFields { name: name.unwrap_or_default(), external_id, stages })
        } else {
            Err(errors)
        }
    }
}

impl StageDraft {
    /// Checks all fields, which stand at `prefix` of the body; answers all that is wrong.
    pub fn check(self, prefix: &str) -> Result<StageFields, Vec<FieldError>> {
        let mut errors = Vec::new();
        let at = |field: &str| format!("{prefix}{field}");
        let name = checked(&mut errors, &at("name"), self.name.as_deref(), |v| rules::text(v, "Name", 100));
        if self.name.is_none() {
            errors.push(FieldError::new(&at("name"), "REQUIRED", "Name is required"));
        }
        match self.display_order {
            None => {
                errors.push(FieldError::new(&at("displayOrder"), "REQUIRED", "Display order is required"));
            }
            Some(order) if !(0..=MAX_DISPLAY_ORDER).contains(&order) => {
                let message = "Display order must be a number from 0 to 10,000";
                errors.push(FieldError::new(&at("displayOrder"), "OUT_OF_RANGE", message));
            }
            Some(_) => {}
        }
        if self.probability.is_some_and(|probability| !(0..=100).contains(&probability)) {
            let message = "Probability must be a number of per cent from 0 to 100";
            errors.push(FieldError::new(&at("probability"), "OUT_OF_RANGE", message));
        }
        let fields = StageFields {
            id: self.id,
            name: name.unwrap_or_default(),
            display_order: self.display_order.unwrap_or_default(),
            probability: self.probability,
        };
        if errors.is_empty() { Ok(fields) } else { Err(errors) }
    }
}

impl From<&Pipeline> for PipelineDraft {
    /// What the pipeline says now, for a PATCH to change.
    fn from(pipeline: &Pipeline) -> Self {
        Self {
            name: Some(pipeline.name.clone()),
            external_id: pipeline.external_id.clone(),
            stages: pipeline.stages.iter().map(StageDraft::from).collect(),
        }
    }
}

impl From<&Stage> for StageDraft {
    /// What the stage says now, for a PATCH to change.
    fn from(stage: &Stage) -> Self {
        Self {
            id: Some(stage.id),
            name: Some(stage.name.clone()),
            display_order: Some(stage.display_order),
            probability: stage.probability,
        }
    }
}
