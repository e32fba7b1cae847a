//! How fast, how often and in which order a webhook is sent to.

use serde::Serialize;

use crate::error::FieldError;

/// The pace, as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
    /// The most deliveries that begin within a second, over all workers.
    pub max_per_second: Option<i32>,
    /// The most deliveries at a time, over all workers.
    pub max_concurrency: Option<i32>,
    /// `plan`, `standard` or seconds separated by commas; none is the installation's.
    pub retry_schedule: Option<String>,
    /// `none`, or `object`: later events of an object wait for the end of the earlier one's delivery.
    pub ordering: String,
}

/// What a caller says of it, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct PaceDraft {
    /// 1 to 1,000; none for as many as there are.
    pub max_per_second: Option<i32>,
    /// 1 to 100.
    pub max_concurrency: Option<i32>,
    /// See [`Pace`].
    pub retry_schedule: Option<String>,
    /// Defaults to `none`.
    pub ordering: Option<String>,
}

impl PaceDraft {
    /// What is said already.
    pub(super) fn of(pace: &Pace) -> Self {
        Self {
            max_per_second: pace.max_per_second,
            max_concurrency: pace.max_concurrency,
            retry_schedule: pace.retry_schedule.clone(),
            ordering: Some(pace.ordering.clone()),
        }
    }

    pub(super) fn check(self, _errors: &mut Vec<FieldError>) -> Pace {
        Pace {
            max_per_second: self.max_per_second,
            max_concurrency: self.max_concurrency,
            retry_schedule: self.retry_schedule,
            ordering: self.ordering.unwrap_or_else(|| "none".to_owned()),
        }
    }
}
