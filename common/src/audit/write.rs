//! Entries that are made of events.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::AuditOutcome;
use super::change::{Body, Context};
use crate::error::{Error, Result};
use crate::id::EventId;

/// A new entry, to be counted once it is committed.
pub(crate) struct Written {
    category: &'static str,
    outcome: &'static str,
}

impl Written {
    /// After the commit.
    pub(crate) fn count(self) {
        count(self.category, self.outcome, 1);
    }
}

/// Entries were written.
pub(super) fn count(
    category: impl Into<metrics::SharedString>,
    outcome: impl Into<metrics::SharedString>,
    entries: u64,
) {
    metrics::counter!("tenon_audit_events_total", "category" => category.into(), "outcome" => outcome.into())
        .increment(entries);
}

/// An event, as an entry is made of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded<'a> {
    pub(crate) id: EventId,
    pub(crate) at: DateTime<Utc>,
    pub(crate) event_type: &'a str,
    pub(crate) object_type: &'a str,
    pub(crate) object_id: Uuid,
    pub(crate) object_version: i64,
    pub(crate) body: &'a str,
    /// Where the change came from, as JSON.
    pub(crate) context: Option<&'a str>,
}

/// Entries to be written, column by column.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) ids: Vec<EventId>,
    pub(crate) at: Vec<DateTime<Utc>>,
    pub(crate) actions: Vec<String>,
    pub(crate) categories: Vec<&'static str>,
    pub(crate) actor_kinds: Vec<String>,
    pub(crate) actor_ids: Vec<Option<Uuid>>,
    pub(crate) resource_types: Vec<String>,
    pub(crate) resource_ids: Vec<Uuid>,
    pub(crate) resource_versions: Vec<i64>,
    pub(crate) outcomes: Vec<&'static str>,
    pub(crate) changes: Vec<String>,
    pub(crate) request_ids: Vec<Option<String>>,
    pub(crate) ips: Vec<Option<String>>,
    pub(crate) user_agents: Vec<Option<String>>,
}

impl Entries {
    /// Adds the entry of an event.
    pub(crate) fn push(&mut self, event: Recorded<'_>) -> Result<()> {
        let body: Body<'_> = serde_json::from_str(event.body).map_err(Error::internal)?;
        let context: Context =
            event.context.map(serde_json::from_str).transpose().map_err(Error::internal)?.unwrap_or_default();
        self.changes.push(body.changes(event.event_type).map_err(Error::internal)?);
        self.ids.push(event.id);
        self.at.push(event.at);
        self.actions.push(event.event_type.to_owned());
        self.categories.push(category(event.object_type));
        self.actor_kinds.push(body.actor.r#type.into_owned());
        self.actor_ids.push(body.actor.id);
        self.resource_types.push(event.object_type.to_owned());
        self.resource_ids.push(event.object_id);
        self.resource_versions.push(event.object_version);
        self.outcomes.push(outcome(event.event_type).name());
        self.request_ids.push(context.request_id);
        self.ips.push(context.ip);
        self.user_agents.push(context.user_agent);
        Ok(())
    }

    /// What is counted of the entries that are new.
    pub(crate) fn written(&self, new: &HashSet<EventId>) -> Vec<Written> {
        let kinds = self.ids.iter().zip(self.categories.iter().zip(&self.outcomes));
        let of_new = kinds.filter(|(id, _)| new.contains(id));
        of_new.map(|(_, (category, outcome))| Written { category, outcome }).collect()
    }
}

fn category(object_type: &str) -> &'static str {
    match object_type {
        "api_key" | "user" => "security",
        "tenant" | "webhook" | "webhook_replay" | "import_template" | "audit_sink" => "settings",
        _ => "records",
    }
}

fn outcome(event_type: &str) -> AuditOutcome {
    match event_type {
        "import.failed" => AuditOutcome::Failed,
        _ => AuditOutcome::Succeeded,
    }
}
