//! What a caller says of an activity, before and after it was checked.

use chrono::{DateTime, Utc};

use crate::crm::activity::{Activity, ActivityKind};
use crate::crm::linked::Linked;
use crate::error::{FieldError, Result};
use crate::id::UserId;
use crate::rules::{self, checked};

/// The longest subject, in characters.
pub const MAX_SUBJECT: usize = 200;
/// The longest body, in characters.
pub const MAX_BODY: usize = 20_000;
/// The most records that one activity is linked with.
pub const MAX_LINKS: usize = 500;

/// What a caller says of an activity, not checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityDraft {
    /// Required.
    pub kind: Option<ActivityKind>,
    /// See [`Activity::subject`]; required where there is no body.
    pub subject: Option<String>,
    /// See [`Activity::body`]; required where there is no subject.
    pub body: Option<String>,
    /// See [`Activity::occurred_at`]; when the activity was created, where nobody says. Of a task: nothing then.
    pub occurred_at: Option<DateTime<Utc>>,
    /// See [`Activity::due_at`].
    pub due_at: Option<DateTime<Utc>>,
    /// See [`Activity::completed_at`].
    pub completed_at: Option<DateTime<Utc>>,
    /// See [`Activity::links`]; in any order.
    pub links: Vec<Linked>,
    /// See [`Activity::external_id`].
    pub external_id: Option<String>,
    /// See [`Activity::owner_id`].
    pub owner_id: Option<UserId>,
}

/// What a caller says of an activity, checked; whether there is what it is linked with, the change asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityFields {
    pub(super) kind: ActivityKind,
    pub(super) subject: Option<String>,
    pub(super) body: Option<String>,
    pub(super) occurred_at: Option<DateTime<Utc>>,
    pub(super) due_at: Option<DateTime<Utc>>,
    pub(super) completed_at: Option<DateTime<Utc>>,
    pub(super) links: Vec<Linked>,
    pub(super) external_id: Option<String>,
    pub(super) owner_id: Option<UserId>,
}

impl ActivityDraft {
    /// Checks all fields; answers all that is wrong.
    pub fn check(self) -> Result<ActivityFields, Vec<FieldError>> {
        let mut errors = Vec::new();
        if self.kind.is_none() {
            errors.push(FieldError::new("kind", "REQUIRED", "Kind is required"));
        }
        let subject = checked(&mut errors, "subject", self.subject.as_deref(), |subject| {
            rules::text(subject, "Subject", MAX_SUBJECT)
        });
        let body =
            checked(&mut errors, "body", self.body.as_deref(), |body| rules::lines(body, "Body", MAX_BODY));
        if self.subject.is_none() && self.body.is_none() {
            errors.push(FieldError::new("subject", "REQUIRED", "A subject or a body is required"));
        }
        let external_id = checked(&mut errors, "externalId", self.external_id.as_deref(), rules::external_id);
        let mut instant = |field: &str, at: Option<DateTime<Utc>>| {
            let kept = at.map(rules::instant).transpose();
            kept.unwrap_or_else(|(code, message)| {
                errors.push(FieldError::new(field, code, message));
                None
            })
        };
        let occurred_at = instant("occurredAt", self.occurred_at);
        let due_at = instant("dueAt", self.due_at);
        let completed_at = instant("completedAt", self.completed_at);
        let mut links = self.links;
        links.sort_unstable();
        links.dedup();
        if links.len() > MAX_LINKS {
            let message = format!("An activity is linked with at most {MAX_LINKS} records");
            errors.push(FieldError::new("links", "TOO_MANY", message));
        }
        match self.kind {
            Some(kind) if errors.is_empty() => Ok(ActivityFields {
                kind,
                subject,
                body,
                occurred_at,
                due_at,
                completed_at,
                links,
                external_id,
                owner_id: self.owner_id,
            }),
            _ => Err(errors),
        }
    }
}

impl From<&Activity> for ActivityDraft {
    /// What the activity says now, for a PATCH to change.
    fn from(activity: &Activity) -> Self {
        Self {
            kind: Some(activity.kind),
            subject: activity.subject.clone(),
            body: activity.body.clone(),
            occurred_at: activity.occurred_at,
            due_at: activity.due_at,
            completed_at: activity.completed_at,
            links: activity.links.clone(),
            external_id: activity.external_id.clone(),
            owner_id: activity.owner_id,
        }
    }
}
