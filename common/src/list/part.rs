//! Parts of a sorted list, one after the other, each of which an index can serve.
//!
//! What follows a row in a sort by several fields is no one range of an index where directions differ or values are absent. It
//! is a few ranges that follow each other: the rows with the same first value and a later second one, then those with a later
//! first value, then those without one. Each is read only when those before it did not fill the page.

use crate::list::cursor::{Key, Keys};
use crate::list::field::Field;
use crate::list::sort::{self, SortBy};
use crate::list::statement::Statement;

/// A part: its bounds, and the sort within it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    bounds: Vec<Bound>,
    sort: Vec<SortBy>,
}

/// What the rows of a part have in common.
#[derive(Clone, Debug)]
enum Bound {
    /// This value.
    Equal(&'static Field, Key),
    /// No value.
    Absent(&'static Field),
    /// A value.
    Present(&'static Field),
    /// They come after these values, all in one direction.
    Beyond(Vec<SortBy>, Vec<Key>),
}

impl Part {
    /// The parts of a whole list.
    pub(super) fn all(sort: &[SortBy]) -> Vec<Self> {
        match sort.split_first() {
            Some((by, rest)) if by.field.nullable => vec![
                Self { bounds: vec![Bound::Present(by.field)], sort: sort.to_vec() },
                Self { bounds: vec![Bound::Absent(by.field)], sort: rest.to_vec() },
            ],
            _ => vec![Self { bounds: Vec::new(), sort: sort.to_vec() }],
        }
    }

    /// The parts of what comes after the row with these keys.
    pub(super) fn after(sort: &[SortBy], keys: &Keys) -> Vec<Self> {
        let mut parts = Vec::new();
        after(&mut parts, &[], sort, &keys.0);
        parts
    }

    /// ` and …`: the conditions.
    pub(super) fn bound(&self, statement: &mut Statement) {
        for bound in &self.bounds {
            statement.text(" and ");
            bound.write(statement);
        }
    }

    /// ` order by …`
    pub(super) fn order(&self, statement: &mut Statement) {
        let has = |field: &Field| self.bounds.iter().any(|bound| bound.has(field.name));
        sort::order(statement, &self.sort, has);
    }
}

fn after(parts: &mut Vec<Part>, common: &[Bound], sort: &[SortBy], keys: &[Key]) {
    let (Some((by, rest)), Some((key, later))) = (sort.split_first(), keys.split_first()) else { return };
    let with = |bound| [common, &[bound]].concat();
    // What is absent comes last.
    if *key == Key::Null {
        return after(parts, &with(Bound::Absent(by.field)), rest, later);
    }
    if is_one_range(sort, keys) {
        let bounds = with(Bound::Beyond(sort.to_vec(), keys.to_vec()));
        parts.push(Part { bounds, sort: sort.to_vec() });
    } else {
        after(parts, &with(Bound::Equal(by.field, key.clone())), rest, later);
        let bounds = with(Bound::Beyond(vec![*by], vec![key.clone()]));
        parts.push(Part { bounds, sort: sort.to_vec() });
    }
    if by.field.nullable {
        parts.push(Part { bounds: with(Bound::Absent(by.field)), sort: rest.to_vec() });
    }
}

/// Whether one comparison of rows says what comes after: it has one direction, and is never true of what is absent.
fn is_one_range(sort: &[SortBy], keys: &[Key]) -> bool {
    let one_direction = sort.iter().all(|by| by.descending == sort[0].descending);
    let later_are_present = sort.iter().skip(1).all(|by| !by.field.nullable);
    one_direction && later_are_present && keys.iter().all(|key| *key != Key::Null)
}

impl Bound {
    /// Whether it leaves only rows that have a value of the field.
    fn has(&self, name: &str) -> bool {
        match self {
            Self::Present(field) => field.name == name,
            Self::Beyond(sort, _) => sort.first().is_some_and(|by| by.field.name == name),
            Self::Equal(..) | Self::Absent(_) => false,
        }
    }

    fn write(&self, statement: &mut Statement) {
        match self {
            Self::Equal(field, key) => {
                statement.text(field.column).text(" = ");
                key.bind(statement);
            }
            Self::Absent(field) => {
                statement.text(field.column).text(" is null");
            }
            Self::Present(field) => {
                statement.text(field.column).text(" is not null");
            }
            Self::Beyond(sort, keys) => beyond(statement, sort, keys),
        }
    }
}

/// `(a, b) > ($1, $2)`
fn beyond(statement: &mut Statement, sort: &[SortBy], keys: &[Key]) {
    statement.text("(");
    for (index, by) in sort.iter().enumerate() {
        statement.text(if index == 0 { "" } else { ", " }).text(by.field.column);
    }
    statement.text(if sort.iter().all(|by| by.descending) { ") < (" } else { ") > (" });
    for (index, key) in keys.iter().enumerate() {
        statement.text(if index == 0 { "" } else { ", " });
        key.bind(statement);
    }
    statement.text(")");
}
