//! Lists, searches, and records one by one.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use tenon_common::TenantTx;
use tenon_common::crm::record::{self, Head, Record};
use tenon_common::list::ListQuery;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::Caller;
use crate::crm::records::{Include, Included, ListedRecords, RecordAnswer, Resource};
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::lists::{self, SearchInput, Selected};

/// The operations.
#[derive(Debug, Default)]
pub struct RecordsReadApi<R>(PhantomData<R>);

#[OpenApi(prefix_path = R::PATH)]
impl<R: Resource> RecordsReadApi<R> {
    /// List {records}
    ///
    /// Newest first, unless `sort` says otherwise. Page by number with `page` and `pageSize`, which also tells the total and
    /// reaches 10,000 {records}, or by cursor with `limit` and then `cursor`, which reaches all of them. `filter`, `q`, `deleted`,
    /// `updatedSince` and fields by their names narrow the list together. {note} Needs `{read}`.
    #[oai(path = "/", method = "get", operation_id = "list_{records}")]
    async fn list(
        &self,
        caller: Caller<R::Read>,
        app: Data<&Arc<App>>,
        request: &Request,
    ) -> Result<ListedRecords<Selected<R::Body>>, ApiError> {
        let query = lists::query(request, R::Record::listing(), &app.cursors)?;
        let include = Include::of_text(R::RELATIONS, lists::include(request).as_deref(), &caller)?;
        let (found, included) =
            app.db.read(&caller.actor, async |tx| found::<R>(tx, &query, &include).await).await?;
        let listed = lists::answer(request, &app.cursors, &query, found, R::Body::from);
        Ok(ListedRecords { listed, included })
    }

    /// Search {records}
    ///
    /// What the list answers, with the filter as JSON: for conditions that are too long for a URL. Pages by cursor.
    /// {note} Needs `{read}`.
    #[oai(path = "/search", method = "post", operation_id = "search_{records}")]
    async fn search(
        &self,
        caller: Caller<R::Read>,
        app: Data<&Arc<App>>,
        body: Body<SearchInput>,
    ) -> Result<ListedRecords<Selected<R::Body>>, ApiError> {
        let mut asked = body.0;
        let include = Include::of_names(R::RELATIONS, asked.include.take().unwrap_or_default(), &caller)?;
        let query = asked.query(R::Record::listing(), &app.cursors)?;
        let (found, included) =
            app.db.read(&caller.actor, async |tx| found::<R>(tx, &query, &include).await).await?;
        let listed = lists::page(&app.cursors, &query, found, R::Body::from);
        Ok(ListedRecords { listed, included })
    }

    /// Get {a record}
    ///
    /// With `If-None-Match` 304 for the version that you have. {note} Needs `{read}`.
    #[oai(path = "/:id", method = "get", operation_id = "get_{record}")]
    async fn get(
        &self,
        caller: Caller<R::Read>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
        id: Path<Uuid>,
        /// Records that it names, to be answered beside it, parted by commas: {relations}. Then there is no 304.
        include: Query<Option<String>>,
        /// The `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<RecordAnswer<R::Body>, ApiError> {
        let include = Include::of_text(R::RELATIONS, include.as_deref(), &caller)?;
        let get = async |tx: &mut TenantTx<'_>| {
            let record: R::Record = record::get(tx, id.0).await?;
            let included = include.load(tx, std::slice::from_ref(&record)).await?;
            Ok((record, included))
        };
        let (record, included) = app.db.read(&caller.actor, get).await?;
        let version = record.version();
        Ok(RecordAnswer::unless(if_none_match.as_deref(), record.into(), version, included))
    }
}

/// A page of a list, and what its records name.
async fn found<R: Resource>(
    tx: &mut TenantTx<'_>,
    query: &ListQuery,
    include: &Include<R::Record>,
) -> tenon_common::Result<(tenon_common::list::Found<R::Record>, Option<Included>)> {
    let found = record::list::<R::Record>(tx, query).await?;
    let included = include.load(tx, &found.page.items).await?;
    Ok((found, included))
}
