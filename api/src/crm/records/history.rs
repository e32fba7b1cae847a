//! Who changed a record.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use tenon_common::TenantTx;
use tenon_common::audit::AuditEntry;
use tenon_common::audit::read::{self, AuditFilter};
use tenon_common::crm::record::{self, Record};
use tenon_common::page::{DEFAULT_PAGE, PageQuery};
use tenon_common::role::Role;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::Caller;
use crate::crm::records::Resource;
use crate::http::error::ApiError;
use crate::http::response::{Listed, Paging};
use crate::shown::audit_event::AuditEventBody;

/// The operations.
#[derive(Debug, Default)]
pub struct RecordsHistoryApi<R>(PhantomData<R>);

#[OpenApi(prefix_path = R::PATH)]
impl<R: Resource> RecordsHistoryApi<R> {
    /// Get {a record}'s history
    ///
    /// Who changed it, when, and what was there before and after; newest first, from the audit trail. A change appears a moment after it
    /// was made. Below ADMIN addresses and programs of the people are hidden. Pages by cursor, without a total. Needs `{read}`.
    #[oai(path = "/:id/history", method = "get", operation_id = "get_{record}_history")]
    async fn get(
        &self,
        caller: Caller<R::Read>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
        id: Path<Uuid>,
        /// Entries at most, 1 to 200; 20 if absent.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<AuditEventBody>, ApiError> {
        let kind = R::Record::KIND.name().to_owned();
        let query = format!("history {kind} {}", id.0);
        let filter =
            AuditFilter { resource_type: Some(kind), resource_id: Some(id.0), ..AuditFilter::default() };
        let limit = Some(limit.0.unwrap_or(DEFAULT_PAGE));
        let asked = PageQuery { limit, cursor: cursor.0, ..PageQuery::default() };
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let list = async |tx: &mut TenantTx<'_>| {
            record::get::<R::Record>(tx, id.0).await?;
            read::list(tx, &filter, &window).await
        };
        let page = app.db.read(&caller.actor, list).await?;
        let all = caller.actor.role >= Role::Admin;
        let show = |entry: AuditEntry| match all {
            true => AuditEventBody::from(entry),
            false => AuditEventBody::from(entry).without_origin(),
        };
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        Ok(paging.list(page, AuditEntry::sort_key, show))
    }
}
