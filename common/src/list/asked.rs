//! What was asked for, in words.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::filter::{Filter, Operator, Placed, Predicate, Value};
use crate::list::query::{FilterText, ListRequest};

/// Which records were asked for, for who looks it up later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// All conditions on fields, as the text of a filter.
    pub filter: Option<String>,
    /// Words that were looked for.
    pub q: Option<String>,
    /// The sort, field by field, where one was asked for.
    pub sort: Option<Vec<String>>,
    /// Members, where not all were asked for.
    pub fields: Option<Vec<String>>,
    /// Whether deleted records were asked for, where that was said.
    pub deleted: Option<String>,
    /// Since when records were to have changed.
    pub updated_since: Option<String>,
}

impl Asked {
    /// Of a request, which may still be refused for what it asks.
    pub fn of(request: &ListRequest) -> Result<Self> {
        Ok(Self {
            filter: filter(request)?.map(|filter| filter.to_string()),
            q: request.search.clone(),
            sort: request.sort.clone(),
            fields: request.fields.clone(),
            deleted: request.deleted.clone(),
            updated_since: request.updated_since.clone(),
        })
    }

    /// A request that asks for the same.
    pub fn request(&self) -> ListRequest {
        ListRequest {
            filter: self.filter.clone().map(FilterText::Text),
            search: self.q.clone(),
            sort: self.sort.clone(),
            fields: self.fields.clone(),
            deleted: self.deleted.clone(),
            updated_since: self.updated_since.clone(),
            ..ListRequest::default()
        }
    }
}

/// The filter and the fields by their names as one filter.
fn filter(request: &ListRequest) -> Result<Option<Filter>> {
    let written = request.filter.as_ref().map(|filter| match filter {
        FilterText::Text(text) => Placed::parse(text),
        FilterText::Json(json) => Placed::from_json(json),
    });
    let written = written.transpose().map_err(Error::Filter)?.map(|placed| placed.filter);
    let equal = request.equal.iter().map(|(field, value)| {
        let operator = if field.kind.rows().is_some() { Operator::Any } else { Operator::Equal };
        let values = vec![Value::Text(value.clone())];
        Filter::Predicate(Predicate { field: field.name.to_owned(), operator, values })
    });
    let mut all: Vec<Filter> = written.into_iter().chain(equal).collect();
    Ok(if all.len() > 1 { Some(Filter::And(all)) } else { all.pop() })
}
