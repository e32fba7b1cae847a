//! Lists that can be filtered, sorted, searched and counted: their parameters, the search's body, and their answers. What there
//! is to filter and sort by, [`Listing`] says.

mod document;
mod search;
mod selected;

use poem::Request;
use tenon_common::list::{FilterText, Found, ListQuery, ListRequest, Listing};
use tenon_common::page::{Cursors, PageQuery, Window};

use crate::http::code::Code;
use crate::http::refusal::Refusal;
use crate::http::response::{Listed, Pagination, Shape};

pub use document::{parameter, parameters};
pub(crate) use search::named;
pub use search::{DeletedInput, SearchInput};
pub use selected::Selected;

/// The parameter of [`include`].
const INCLUDE: &str = "include";

/// Reads and checks the query of a request. A parameter that is not known is refused, so that a misspelt one is not a list of
/// everything.
pub fn query(request: &Request, listing: &'static Listing, cursors: &Cursors) -> Result<ListQuery, Refusal> {
    let mut asked = ListRequest::default();
    for (name, value) in query_parameters(request)? {
        set(&mut asked, listing, &name, &value)?;
    }
    Ok(asked.check(listing, cursors)?)
}

/// The parameters of a request's query, each given once.
pub fn query_parameters(request: &Request) -> Result<Vec<(String, String)>, Refusal> {
    let parameters: Vec<(String, String)> = request
        .params()
        .map_err(|_| Refusal::because(Code::ValidationError, "The query of the URL cannot be read"))?;
    let mut seen: Vec<&str> = Vec::new();
    for (name, _) in &parameters {
        if seen.contains(&name.as_str()) {
            return Err(refused(name, format!("{name} is given twice")));
        }
        seen.push(name);
    }
    Ok(parameters)
}

/// Takes over a parameter of a list.
pub fn set(asked: &mut ListRequest, listing: &Listing, name: &str, value: &str) -> Result<(), Refusal> {
    let text = || Some(value.to_owned());
    let parts = || Some(value.split(',').map(str::to_owned).collect());
    let number = || {
        let number = value.parse::<u32>();
        number.map(Some).map_err(|_| refused(name, format!("{name} is a number from 1")))
    };
    match name {
        "filter" => asked.filter = Some(FilterText::Text(value.to_owned())),
        "q" => asked.search = text(),
        "sort" => asked.sort = parts(),
        "fields" => asked.fields = parts(),
        "page" => asked.page.page = number()?,
        "pageSize" => asked.page.page_size = number()?,
        "limit" => asked.page.limit = number()?,
        "cursor" => asked.page.cursor = text(),
        "count" => asked.count = text(),
        "deleted" => asked.deleted = text(),
        "updatedSince" => asked.updated_since = text(),
        // What is answered beside the list is no part of the question.
        INCLUDE => {}
        name => match listing.field(name) {
            Some(field) => asked.equal.push((field, value.to_owned())),
            None => {
                let shown: String = name.chars().take(60).collect();
                let known = listing.filterable().join(", ");
                let message = format!("There is no such parameter; fields to filter by are: {known}");
                return Err(refused(&shown, message));
            }
        },
    }
    Ok(())
}

/// What is to be answered beside the list; see `records/include.rs`.
pub fn include(request: &Request) -> Option<String> {
    let parameters: Vec<(String, String)> = request.params().unwrap_or_default();
    parameters.into_iter().find(|(name, _)| name == INCLUDE).map(|(_, names)| names)
}

fn refused(parameter: &str, message: String) -> Refusal {
    Refusal::new(Code::ValidationError).detail(parameter, message)
}

/// The answer to a query of a URL, with a link to the next page that has the same parameters.
pub fn answer<D, T: Shape>(
    request: &Request,
    cursors: &Cursors,
    query: &ListQuery,
    found: Found<D>,
    show: impl Fn(D) -> T,
) -> Listed<Selected<T>> {
    page(cursors, query, found, show).linked(kept(request.original_uri().query().unwrap_or_default()))
}

/// The parameters that go on to the next page, each with the `&` before the next.
fn kept(query: &str) -> String {
    let paging = ["page", "pageSize", "limit", "cursor"];
    query
        .split('&')
        .filter(|part| !part.is_empty() && !paging.contains(&part.split('=').next().unwrap_or_default()))
        // Neither may stand in the header's brackets.
        .map(|part| format!("{}&", part.replace('<', "%3C").replace('>', "%3E")))
        .collect()
}

/// The answer to a query of a body.
pub fn page<D, T: Shape>(
    cursors: &Cursors,
    query: &ListQuery,
    found: Found<D>,
    show: impl Fn(D) -> T,
) -> Listed<Selected<T>> {
    let next_cursor = found.last.as_ref().map(|last| query.next_cursor(cursors, last));
    let (number, size) = match query.window {
        Window::Page { page, size } => (Some(page), size),
        Window::After { limit, .. } => (None, limit),
    };
    let pagination = Pagination::of(found.page.total, number, size, next_cursor, found.page.has_more);
    let pagination = Pagination { total_is_minimum: found.total_is_minimum, ..pagination };
    let fields = query.fields.as_deref().map(Into::into);
    let select = |record| Selected::new(show(record), &fields);
    Listed::of(found.page.items.into_iter().map(select).collect(), pagination)
}

/// Paging by cursor, for a search.
fn by_cursor(limit: Option<u32>, cursor: Option<String>) -> PageQuery {
    let limit = Some(limit.unwrap_or(tenon_common::page::DEFAULT_PAGE));
    PageQuery { limit, cursor, ..PageQuery::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_has_the_same_parameters() {
        assert_eq!(kept(""), "");
        assert_eq!(kept("limit=5&cursor=x"), "");
        assert_eq!(kept("page=2&filter=a%3D1&pageSize=3&sort=-name&"), "filter=a%3D1&sort=-name&");
        assert_eq!(kept("q=<a>"), "q=%3Ca%3E&");
    }
}
