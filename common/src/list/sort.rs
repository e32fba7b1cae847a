//! Sorts, and what follows a row in one.
//!
//! Nulls are as PostgreSQL has them, greater than everything: last when ascending, first when descending. So an index serves
//! either direction.

use crate::error::{Error, QueryCode, Result};
use crate::list::Listing;
use crate::list::cursor::{Key, Keys};
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
    if sort.last().is_none_or(|by| by.field.name != ID.name) {
        let descending = sort.last().is_some_and(|by| by.descending);
        sort.push(SortBy { field: &ID, descending });
    }
    Ok(sort)
}

fn refused(message: String) -> Error {
    Error::Query { code: QueryCode::Sort, parameter: "sort", message }
}

/// ` order by …`
pub(super) fn order(statement: &mut Statement, sort: &[SortBy]) {
    for (index, by) in sort.iter().enumerate() {
        statement.text(if index == 0 { " order by " } else { ", " }).text(by.field.column);
        if by.descending {
            statement.text(" desc");
        }
    }
}

/// ` and …`: what comes after the row with these keys.
pub(super) fn after(statement: &mut Statement, sort: &[SortBy], keys: &Keys) {
    let descending = sort.iter().all(|by| by.descending);
    let ascending = sort.iter().all(|by| !by.descending);
    let known = keys.0.iter().all(|key| *key != Key::Null);
    // One comparison of rows is the condition of an index. Nulls come before what descends, so that they may be passed over;
    // what ascends must have none.
    if known && (descending || ascending && sort.iter().all(|by| !by.field.nullable)) {
        statement.text(" and (");
        for (index, by) in sort.iter().enumerate() {
            statement.text(if index == 0 { "" } else { ", " }).text(by.field.column);
        }
        statement.text(if descending { ") < (" } else { ") > (" });
        for (index, key) in keys.0.iter().enumerate() {
            statement.text(if index == 0 { "" } else { ", " });
            key.bind(statement);
        }
        statement.text(")");
        return;
    }
    statement.text(" and ");
    after_any(statement, sort, &keys.0);
}

/// `(a > $1 or (a = $1 and (b > $2 or …)))`
fn after_any(statement: &mut Statement, sort: &[SortBy], keys: &[Key]) {
    let (Some((by, sort)), Some((key, keys))) = (sort.split_first(), keys.split_first()) else {
        statement.text("false");
        return;
    };
    statement.text("(");
    further(statement, *by, key);
    if !sort.is_empty() {
        statement.text(" or (").text(by.field.column);
        match key {
            Key::Null => {
                statement.text(" is null");
            }
            key => {
                statement.text(" = ");
                key.bind(statement);
            }
        }
        statement.text(" and ");
        after_any(statement, sort, keys);
        statement.text(")");
    }
    statement.text(")");
}

fn further(statement: &mut Statement, by: SortBy, key: &Key) {
    match (key, by.descending) {
        (Key::Null, false) => {
            statement.text("false");
        }
        (Key::Null, true) => {
            statement.text(by.field.column).text(" is not null");
        }
        (key, true) => {
            statement.text(by.field.column).text(" < ");
            key.bind(statement);
        }
        (key, false) => {
            statement.text(by.field.column).text(" > ");
            key.bind(statement);
            if by.field.nullable {
                statement.text(" or ").text(by.field.column).text(" is null");
            }
        }
    }
}
