//! Lists of records: which fields they have, what was asked for, and the page that answers it.
//!
//! A resource declares its fields once ([`Listing`]); filters, sorts, cursors, counts and the document follow from that. SQL is
//! put together from what is declared here and nothing else; what callers send is bound.

mod asked;
mod compile;
mod cursor;
mod fetch;
mod field;
mod part;
mod pattern;
mod query;
mod sort;
mod statement;
mod value;
mod walk;

pub use asked::Asked;
pub use cursor::Keys;
pub use fetch::{Found, fetch};
pub use field::{Field, Kind};
pub use query::{Count, Deleted, FilterText, ListQuery, ListRequest};
pub use sort::SortBy;
pub use walk::Walk;

/// How values of filters are written.
pub(crate) mod written {
    pub(crate) use super::value::{instant, text, thousandths};
}

/// What there is to list of a kind of record. A table has `tenant_id`, `id`, `created_at`, `updated_at` and `deleted_at`.
#[derive(Debug)]
pub struct Listing {
    /// The name, in cursors: `contacts`.
    pub name: &'static str,
    /// The table.
    pub(crate) table: &'static str,
    /// The columns of a record, parted by a comma and a blank, in its order: `columns!()`.
    pub(crate) columns: &'static str,
    /// The members of a record on the wire, for `fields`.
    pub members: &'static [&'static str],
    /// What can be filtered and sorted by.
    pub fields: &'static [Field],
    /// `select` of the ids that the search function finds, up to its argument: at most three patterns for all of the record's
    /// text.
    pub(crate) search: Option<&'static str>,
    /// The sort when none is asked for, as it is written.
    pub default_sort: &'static str,
}

impl Listing {
    /// The table's name without its schema.
    fn alias(&self) -> &'static str {
        self.table.rsplit('.').next().unwrap_or(self.table)
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The names of fields that can be filtered by.
    pub fn filterable(&self) -> Vec<&'static str> {
        self.fields.iter().map(|field| field.name).collect()
    }

    /// The names of fields that can be sorted by.
    pub fn sortable(&self) -> Vec<&'static str> {
        self.fields.iter().filter(|field| field.sortable).map(|field| field.name).collect()
    }
}

#[cfg(test)]
mod tests;
