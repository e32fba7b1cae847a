//! All records of a list, as a file.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::OpenApi;
use tenon_common::crm::record::Record;

use crate::app::App;
use crate::calls::caller::{Caller, Needs};
use crate::calls::export::Streamed;
use crate::crm::records::Resource;
use crate::http::error::ApiError;
use crate::http::export::{ExportAnswer, ExportQuery};

/// The operation.
#[derive(Debug, Default)]
pub struct RecordsExportApi<R>(PhantomData<R>);

#[OpenApi(prefix_path = R::PATH)]
impl<R: Resource> RecordsExportApi<R> {
    /// Export {records}
    ///
    /// All {records} that the list has for the same parameters, as CSV or as NDJSON, a JSON object on each line, sent while they are
    /// read. Newest first, unless `sort` says otherwise. It is not one snapshot: a change that is made meanwhile may be in it or not.
    /// An answer that breaks off before its end is not whole, whatever it has; ask again.
    ///
    /// CSV is in UTF-8 with CRLF, under a line with the names of the members; a list or an object is its JSON, a value that is absent
    /// is empty. A cell that a spreadsheet would run has an apostrophe before it: one that begins with `=`, `+`, `-` or `@`, also behind
    /// blanks and quotes, and is not just a number or a phone number; or with a tab or a new line. An import takes it off again, and
    /// `raw=true` leaves it out.
    ///
    /// An organization has two exports at once, and a client that takes nothing for a minute is cut off, unless the operator says
    /// otherwise. {note} Needs `{read}`.
    #[oai(path = "/export", method = "get", operation_id = "export_{records}")]
    async fn export(
        &self,
        caller: Caller<R::Read>,
        app: Data<&Arc<App>>,
        request: &Request,
    ) -> Result<ExportAnswer, ApiError> {
        let query = ExportQuery::of(request, R::Record::listing())?;
        Ok(Streamed::<R::Record>::begin(&app, &caller, R::Read::PERMISSION, query).await?)
    }
}
