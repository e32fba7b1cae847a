//! Reading the trail.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::AuditOutcome;
use super::entry::{AuditEntry, columns};
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::page::{Page, Window};

/// Entries that are counted, at most: of more there is no total.
const COUNTED: i64 = 100_000;
/// An entry's id is made within this time of when it says it happened.
const SLACK: TimeDelta = TimeDelta::days(1);

/// Which entries are wanted; all where nothing is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditFilter {
    /// `contact.updated`.
    pub action: Option<String>,
    /// `records`, `settings`, `security`.
    pub category: Option<&'static str>,
    /// Whose acts.
    pub actor_id: Option<Uuid>,
    /// `contact`.
    pub resource_type: Option<String>,
    /// What was done to this.
    pub resource_id: Option<Uuid>,
    /// How it ended.
    pub outcome: Option<AuditOutcome>,
    /// From then on.
    pub from: Option<DateTime<Utc>>,
    /// Before then.
    pub to: Option<DateTime<Utc>>,
}

/// Only the conditions that are asked for: a statement that has all of them would have one plan for all questions.
fn conditions(query: &mut QueryBuilder<Postgres>, tenant: Uuid, filter: &AuditFilter) {
    query.push(" from tenon.audit_events e where e.tenant_id = ").push_bind(tenant);
    if let Some(action) = &filter.action {
        query.push(" and e.action = ").push_bind(action.clone());
    }
    if let Some(category) = filter.category {
        query.push(" and e.category = ").push_bind(category);
    }
    if let Some(actor) = filter.actor_id {
        query.push(" and e.actor_id = ").push_bind(actor);
    }
    if let Some(kind) = &filter.resource_type {
        query.push(" and e.resource_type = ").push_bind(kind.clone());
    }
    if let Some(resource) = filter.resource_id {
        query.push(" and e.resource_id = ").push_bind(resource);
    }
    if let Some(outcome) = filter.outcome {
        query.push(" and e.outcome = ").push_bind(outcome.name());
    }
    // The bounds of the id choose the partitions and the part of an index; those of the time are exact.
    if let Some(from) = filter.from {
        query.push(" and e.at >= ").push_bind(from);
        let earliest = from.checked_sub_signed(SLACK).unwrap_or(from);
        query.push(" and e.id >= tenon.first_event_id(").push_bind(earliest).push(")");
    }
    if let Some(to) = filter.to {
        query.push(" and e.at < ").push_bind(to);
        let latest = to.checked_add_signed(SLACK).unwrap_or(to);
        query.push(" and e.id < tenon.first_event_id(").push_bind(latest).push(")");
    }
}

/// Entries, newest first.
pub async fn list(tx: &mut TenantTx<'_>, filter: &AuditFilter, window: &Window) -> Result<Page<AuditEntry>> {
    let last = window.last().map(|last| last.id);
    let items = newest(tx, filter, last, window.fetch(), window.offset()).await?;
    let total = match window.counts() {
        true => Some(count(tx, filter).await?).filter(|total| *total <= COUNTED),
        false => None,
    };
    Ok(Page::of(items, total, window))
}

/// The entries before an id, newest first: a part of an export.
pub async fn part(
    tx: &mut TenantTx<'_>,
    filter: &AuditFilter,
    before: Option<Uuid>,
    most: i64,
) -> Result<Vec<AuditEntry>> {
    newest(tx, filter, before, most, 0).await
}

async fn newest(
    tx: &mut TenantTx<'_>,
    filter: &AuditFilter,
    before: Option<Uuid>,
    most: i64,
    skip: i64,
) -> Result<Vec<AuditEntry>> {
    let mut query = QueryBuilder::new(concat!("select ", columns!()));
    conditions(&mut query, tx.actor().tenant.0, filter);
    if let Some(before) = before {
        query.push(" and e.id < ").push_bind(before);
    }
    query.push(" order by e.id desc limit ").push_bind(most).push(" offset ").push_bind(skip);
    Ok(query.build_query_as().fetch_all(tx.conn()).await?)
}

async fn count(tx: &mut TenantTx<'_>, filter: &AuditFilter) -> Result<i64> {
    let mut query = QueryBuilder::new("select count(*) from (select");
    conditions(&mut query, tx.actor().tenant.0, filter);
    query.push(" limit ").push_bind(COUNTED + 1).push(") as counted");
    Ok(query.build_query_scalar().fetch_one(tx.conn()).await?)
}

/// One entry.
pub async fn get(tx: &mut TenantTx<'_>, id: Uuid) -> Result<AuditEntry> {
    let statement =
        concat!("select ", columns!(), " from tenon.audit_events e where e.tenant_id = $1 and e.id = $2");
    let found = sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    found.ok_or(Error::NotFound(EntityKind::AuditEvent))
}
