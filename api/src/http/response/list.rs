//! Lists in their envelope: where a page stands, and how to get the next one.

use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use serde::Serialize;
use tenon_common::page::{Cursors, PageQuery, SortKey, Window};

use crate::http::response::{Metadata, Shape, with, written};

/// One page of a list.
#[derive(Object, Serialize, Debug)]
pub struct List<T: Shape> {
    /// Always true.
    pub success: bool,
    /// The records.
    pub data: Vec<T>,
    /// Where this page stands, and how to get the next one.
    pub pagination: Pagination,
    /// See there.
    pub metadata: Metadata,
}

/// Where a page stands in its list.
#[derive(Object, Serialize, Debug)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// How many records there are in all; null when paging by cursor, unless `count` asks for it.
    #[oai(nullable)]
    pub total: Option<i64>,
    /// Whether counting ended at `total`, beyond which there are more.
    pub total_is_minimum: bool,
    /// The page's number, from 1; null when paging by cursor.
    #[oai(nullable)]
    pub page: Option<u32>,
    /// Records on a page at most.
    pub page_size: u32,
    /// How many pages there are; null when paging by cursor.
    #[oai(nullable)]
    pub pages: Option<i64>,
    /// Send it as `cursor` to get what follows; null on the last page.
    #[oai(nullable)]
    pub next_cursor: Option<String>,
    /// Whether more follows.
    pub has_more: bool,
}

/// 200 with a page.
pub struct Listed<T: Shape> {
    list: List<T>,
    /// Parameters that the link to the next page keeps, each with an `&` after it.
    kept: String,
}

impl<T: Shape> Listed<T> {
    /// A page.
    pub fn of(data: Vec<T>, pagination: Pagination) -> Self {
        let list = List { success: true, data, pagination, metadata: Metadata::now() };
        Self { list, kept: String::new() }
    }

    /// The same, whose link to the next page keeps these parameters, each with an `&` after it.
    pub fn linked(self, kept: String) -> Self {
        Self { kept, ..self }
    }

    /// The page, and what the link keeps.
    pub(crate) fn into_parts(self) -> (List<T>, String) {
        (self.list, self.kept)
    }
}

/// What it takes to say where a page stands.
pub struct Paging<'a> {
    /// Makes the next cursor.
    pub cursors: &'a Cursors,
    /// What the cursor belongs to.
    pub query: &'a str,
    /// What was asked for.
    pub window: &'a Window,
}

impl<'a> Paging<'a> {
    /// Checks the paging parameters of a request.
    pub fn window(cursors: &Cursors, query: &str, asked: &PageQuery) -> tenon_common::Result<Window> {
        asked.window(cursors, query)
    }

    /// The answer for a page of the domain.
    pub fn list<D, T: Shape>(
        &self,
        page: tenon_common::page::Page<D>,
        key: impl Fn(&D) -> SortKey,
        show: impl Fn(D) -> T,
    ) -> Listed<T> {
        let last = page.items.last().map(key);
        let next_cursor = last.filter(|_| page.has_more).map(|last| self.cursors.make(self.query, last));
        let (number, size) = match *self.window {
            Window::Page { page, size } => (Some(page), size),
            Window::After { limit, .. } => (None, limit),
        };
        let pagination = Pagination::of(page.total, number, size, next_cursor, page.has_more);
        Listed::of(page.items.into_iter().map(show).collect(), pagination)
    }
}

impl Pagination {
    /// Of the page with this number, or of what follows a cursor.
    pub fn of(
        total: Option<i64>,
        page: Option<u32>,
        size: u32,
        next_cursor: Option<String>,
        has_more: bool,
    ) -> Self {
        let pages = total.filter(|_| page.is_some()).map(|total| pages(total, size));
        Self { total, total_is_minimum: false, page, page_size: size, pages, next_cursor, has_more }
    }
}

fn pages(total: i64, size: u32) -> i64 {
    (total + i64::from(size) - 1) / i64::from(size)
}

impl<T: Shape> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        linked(written(&self.list), &self.list.pagination, &self.kept)
    }
}

/// A page with the link to what follows it.
pub(crate) fn linked(response: Response, pagination: &Pagination, kept: &str) -> Response {
    let limit = pagination.page_size;
    match &pagination.next_cursor {
        // A relative reference (RFC 8288) with the same path.
        Some(cursor) => {
            with(response, header::LINK, &format!("<?{kept}limit={limit}&cursor={cursor}>; rel=\"next\""))
        }
        None => response,
    }
}
