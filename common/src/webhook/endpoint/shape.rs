//! Which of the events a webhook gets, and in which form.

use serde::Serialize;

use crate::error::FieldError;

/// What is sent, as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// A filter over the event's body, in the grammar of the lists.
    pub filter: Option<String>,
    /// Whether changes that the webhook's own creator makes are left out.
    pub skip_own: bool,
    /// `full` or `thin`.
    pub payload: String,
    /// The names of its own headers, in lower case. Their values are shown to nobody.
    pub header_names: Vec<String>,
}

/// What a caller says of it, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct ShapeDraft {
    /// None for all.
    pub filter: Option<String>,
    /// Defaults to false.
    pub skip_own: Option<bool>,
    /// Defaults to `full`.
    pub payload: Option<String>,
}

impl ShapeDraft {
    /// What is said already.
    pub(super) fn of(shape: &Shape) -> Self {
        Self {
            filter: shape.filter.clone(),
            skip_own: Some(shape.skip_own),
            payload: Some(shape.payload.clone()),
        }
    }

    pub(super) fn check(self, _errors: &mut Vec<FieldError>) -> Shape {
        Shape {
            filter: self.filter,
            skip_own: self.skip_own.unwrap_or_default(),
            payload: self.payload.unwrap_or_else(|| "full".to_owned()),
            header_names: Vec::new(),
        }
    }
}
