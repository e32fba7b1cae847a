//! Sorts. What has no value comes last, in either direction.

use crate::error::{Error, QueryCode, Result};
use crate::list::Listing;
use crate::list::field::{Field, Kind};
use crate::list::statement::Statement;

/// The most fields of a sort.
const MAX_FIELDS: usize = 4;

/// The id: what tells records of the same sort value apart.
pub(super) const ID: Field = Field::new("id", "id", Kind::Uuid).required().sortable();

/// One field of a sort.
#[derive(Clone, Copy, Debug)]
pub struct SortBy {
    /// By which.
    pub field: &'static Field,
    /// From the greatest to the least.
    pub descending: bool,
}

/// Reads a sort; the id is its last field always.
pub(super) fn parse(listing: &Listing, parts: &[&str]) -> Result<Vec<SortBy>> {
    let mut sort: Vec<SortBy> = Vec::new();
    for part in parts {
        let part = part.trim();
        let name = part.strip_prefix('-').unwrap_or(part);
        let field = listing.field(name).filter(|field| field.sortable);
        let Some(field) = field else {
            let shown: String = name.chars().take(60).collect();
            let known = listing.sortable().join(", ");
            return Err(refused(format!("There is no sort by {shown:?}; there are: {known}")));
        };
        if sort.iter().any(|by| by.field.name == name) {
            return Err(refused(format!("{name} is named twice")));
        }
        sort.push(SortBy { field, descending: part.starts_with('-') });
    }
    if sort.len() > MAX_FIELDS {
        return Err(refused(format!("A sort has at most {MAX_FIELDS} fields")));
    }
    settle_ties(listing, &mut sort);
    Ok(sort)
}

/// Records with the same values go by their ids; where many have the same, by their age before that.
fn settle_ties(listing: &Listing, sort: &mut Vec<SortBy>) {
    let last = |sort: &[SortBy]| sort.last().copied();
    if let Some(by) = last(sort).filter(|by| by.field.grouped)
        && let Some(field) = listing.field("createdAt")
        && !sort.iter().any(|by| by.field.name == field.name)
    {
        sort.push(SortBy { field, descending: !by.descending });
    }
    if last(sort).is_none_or(|by| by.field.name != ID.name) {
        let descending = last(sort).is_some_and(|by| by.descending);
        sort.push(SortBy { field: &ID, descending });
    }
}

fn refused(message: String) -> Error {
    Error::Query { code: QueryCode::Sort, parameter: "sort", message }
}

/// ` order by …`; of the `present` fields no row lacks a value.
pub(super) fn order(statement: &mut Statement, sort: &[SortBy], present: impl Fn(&Field) -> bool) {
    for (index, by) in sort.iter().enumerate() {
        statement.text(if index == 0 { " order by " } else { ", " }).text(by.field.column);
        match (by.descending, by.field.nullable && !present(by.field)) {
            (true, true) => statement.text(" desc nulls last"),
            (true, false) => statement.text(" desc"),
            (false, _) => statement,
        };
    }
}
