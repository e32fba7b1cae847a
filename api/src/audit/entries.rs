//! `/audit-events`.

mod export;

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use tenon_common::TenantTx;
use tenon_common::audit::read::{self, AuditFilter};
use tenon_common::audit::{AuditEntry, verify};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{AuditRead, Caller};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::refusal::Refusal;
use crate::http::response::{Listed, Paging, Shown};
use crate::openapi::tags::Tags;
use crate::shown::audit_event::{AuditCategory, AuditEventBody, AuditOutcome, VerificationBody};

use export::ExportedEvents;

/// A time of the query.
fn instant(name: &'static str, text: Option<String>) -> Result<Option<DateTime<Utc>>, Refusal> {
    // To the millisecond, as everything is shown: the link to the next page says the same.
    let parse = |text: String| DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc().trunc_subsecs(3));
    text.map(parse).transpose().map_err(|_| {
        Refusal::new(Code::ValidationError).detail(name, "Expected a time such as 2026-01-31T12:00:00Z")
    })
}

/// What the link to the next page keeps.
fn kept(filter: &AuditFilter) -> String {
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    let mut keep = |name, value: Option<String>| {
        if let Some(value) = value {
            kept.append_pair(name, &value);
        }
    };
    keep("action", filter.action.clone());
    keep("category", filter.category.map(str::to_owned));
    keep("actorId", filter.actor_id.map(|id| id.to_string()));
    keep("resourceType", filter.resource_type.clone());
    keep("resourceId", filter.resource_id.map(|id| id.to_string()));
    keep("outcome", filter.outcome.map(|outcome| outcome.name().to_owned()));
    keep("from", filter.from.map(tenon_common::wire::instant));
    keep("to", filter.to.map(tenon_common::wire::instant));
    match kept.finish() {
        kept if kept.is_empty() => kept,
        kept => kept + "&",
    }
}

/// The operations.
pub struct AuditApi;

#[OpenApi(prefix_path = "/api/v1/audit-events", tag = "Tags::Audit")]
impl AuditApi {
    /// List audit events
    ///
    /// Who did what, newest first. An entry appears a moment after its change. Beside changes, which have the names of their events,
    /// there are `auth.login.succeeded`, `auth.login.failed`, `access.refused` (a 403) and `auth.key.used`. Those that are alike are
    /// counted: the first is an entry, what follows within a minute one more with its `count`; of an API key, from one address, within
    /// an hour. Of more than 100,000 there is no total. Needs `audit:read`; `changes` are shown to who may read such a thing too, with
    /// `contacts:read` those of contacts.
    #[oai(path = "/", method = "get", operation_id = "list_audit_events")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn list(
        &self,
        caller: Caller<AuditRead>,
        app: Data<&Arc<App>>,
        /// Only this action, such as `contact.updated`.
        action: Query<Option<String>>,
        /// Only of this kind of action.
        category: Query<Option<AuditCategory>>,
        /// Only what this user, API key or import did.
        #[oai(name = "actorId")]
        actor_id: Query<Option<Uuid>>,
        /// Only what was done to things of this type, such as `contact`.
        #[oai(name = "resourceType")]
        resource_type: Query<Option<String>>,
        /// Only what was done to this.
        #[oai(name = "resourceId")]
        resource_id: Query<Option<Uuid>>,
        /// Only what ended so.
        outcome: Query<Option<AuditOutcome>>,
        /// From this time on, RFC 3339.
        from: Query<Option<String>>,
        /// Before this time, RFC 3339.
        to: Query<Option<String>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Entries on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Entries at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before, with the same filters.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<AuditEventBody>, ApiError> {
        let filter = AuditFilter {
            action: action.0,
            category: category.0.map(AuditCategory::name),
            actor_id: actor_id.0,
            resource_type: resource_type.0,
            resource_id: resource_id.0,
            outcome: outcome.0.map(Into::into),
            from: instant("from", from.0)?,
            to: instant("to", to.0)?,
        };
        let query = format!("audit events {filter:?}");
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let page = app.db.read(&caller.actor, async |tx| read::list(tx, &filter, &window).await).await?;
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        let show = |entry| AuditEventBody::from(entry).seen_by(&caller);
        Ok(paging.list(page, AuditEntry::sort_key, show).linked(kept(&filter)))
    }

    /// Export audit events
    ///
    /// All that the list would show with the same filters, as NDJSON: one entry a line, newest first. It is sent as it is read and is
    /// no snapshot: what comes meanwhile is not in it. Needs `audit:read`; `changes` are shown as in the list.
    #[oai(path = "/export", method = "get", operation_id = "export_audit_events")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn export(
        &self,
        caller: Caller<AuditRead>,
        app: Data<&Arc<App>>,
        /// Only this action, such as `contact.updated`.
        action: Query<Option<String>>,
        /// Only of this kind of action.
        category: Query<Option<AuditCategory>>,
        /// Only what this user, API key or import did.
        #[oai(name = "actorId")]
        actor_id: Query<Option<Uuid>>,
        /// Only what was done to things of this type, such as `contact`.
        #[oai(name = "resourceType")]
        resource_type: Query<Option<String>>,
        /// Only what was done to this.
        #[oai(name = "resourceId")]
        resource_id: Query<Option<Uuid>>,
        /// Only what ended so.
        outcome: Query<Option<AuditOutcome>>,
        /// From this time on, RFC 3339.
        from: Query<Option<String>>,
        /// Before this time, RFC 3339.
        to: Query<Option<String>>,
    ) -> Result<ExportedEvents, ApiError> {
        let filter = AuditFilter {
            action: action.0,
            category: category.0.map(AuditCategory::name),
            actor_id: actor_id.0,
            resource_type: resource_type.0,
            resource_id: resource_id.0,
            outcome: outcome.0.map(Into::into),
            from: instant("from", from.0)?,
            to: instant("to", to.0)?,
        };
        Ok(export::export((*app).clone(), (*caller).clone(), filter).await?)
    }

    /// Verify the audit trail
    ///
    /// Entries are chained: each position's hash covers its entry and all before it. This computes the hashes again, of up to 10,000
    /// positions after `after`, and says where the trail is not what was sealed. While `hasMore`, go on with `after` =
    /// `checkedThrough`; begin at 0 to have checked all of it. Entries whose time is over are removed from the oldest on, and the chain
    /// begins after `removedThrough`: after 30 days (plan `free`), a year (`team`), three years (`business`), seven (`unlimited`). Keep `head` somewhere else: a trail that was cut short and sealed
    /// anew has another hash at that position. Needs `audit:read`.
    #[oai(path = "/verify", method = "get", operation_id = "verify_audit_events")]
    async fn verify(
        &self,
        caller: Caller<AuditRead>,
        app: Data<&Arc<App>>,
        /// The last position that was checked; 0 if absent.
        after: Query<Option<i64>>,
    ) -> Result<Shown<VerificationBody>, ApiError> {
        let after = after.0.unwrap_or(0);
        if after < 0 {
            return Err(Refusal::new(Code::ValidationError).detail("after", "Expected 0 or more").into());
        }
        let verified = app.db.read(&caller.actor, async |tx| verify::verify(tx, after).await).await?;
        Ok(Shown::plain(verified.into()))
    }

    /// Get an audit event
    ///
    /// Needs `audit:read`; `changes` are shown as in the list.
    #[oai(path = "/:id", method = "get", operation_id = "get_audit_event")]
    async fn get(
        &self,
        caller: Caller<AuditRead>,
        app: Data<&Arc<App>>,
        /// The entry's id.
        id: Path<Uuid>,
    ) -> Result<Shown<AuditEventBody>, ApiError> {
        let get = async |tx: &mut TenantTx<'_>| read::get(tx, id.0).await;
        let entry = app.db.read(&caller.actor, get).await?;
        Ok(Shown::plain(AuditEventBody::from(entry).seen_by(&caller)))
    }
}
