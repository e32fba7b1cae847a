//! From a filter to SQL.
//!
//! A predicate is true or false, never unknown: nothing is less than, equal to or part of a value that is not there. So `not`
//! is carried down to the predicates, where it becomes the other comparison or the value's absence; each comparison stays one
//! that an index can serve.

use crate::filter::{Filter, FilterError, Operator, Place, Placed, Predicate, Value};
use crate::list::Listing;
use crate::list::field::{Field, Kind};
use crate::list::statement::Statement;
use crate::list::value::{self, Values};

/// A condition whose fields and values are known to be good.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Is { field: &'static Field, operator: Operator, values: Values },
    Found { field: Option<&'static str>, text: Pattern },
}

/// What the search function looks for, as patterns of `ilike`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// In all of a record's text, where each field begins with a new line.
    all: String,
    /// In the field.
    field: String,
}

impl Pattern {
    fn containing(text: &str) -> Self {
        let text = escaped(text);
        Self { all: format!("%{text}%"), field: format!("%{text}%") }
    }

    fn beginning(text: &str) -> Self {
        let text = escaped(text);
        Self { all: format!("%\n{text}%"), field: format!("{text}%") }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

impl Condition {
    /// Checks a filter against what the listing declares.
    pub(super) fn of(listing: &Listing, placed: &Placed) -> Result<Self, FilterError> {
        resolve(listing, &placed.filter, &mut placed.places.iter())
    }

    /// A field has this value, as in `?lifecycle=client`.
    pub(super) fn equal(field: &'static Field, text: &str) -> Result<Self, String> {
        let operator = if field.kind.rows().is_some() { Operator::Any } else { Operator::Equal };
        let values = Values::of(field.kind, &[Value::Text(text.to_owned())])?;
        Ok(Self::Is { field, operator, values })
    }

    /// The record's text has this word.
    pub(super) fn word(word: &str) -> Self {
        Self::Found { field: None, text: Pattern::containing(word) }
    }

    /// Writes it.
    pub(super) fn write(&self, listing: &Listing, statement: &mut Statement) {
        self.write_as(listing, statement, false);
    }

    fn write_as(&self, listing: &Listing, statement: &mut Statement, negated: bool) {
        match self {
            Self::And(parts) => {
                all(listing, statement, parts, if negated { " or " } else { " and " }, negated);
            }
            Self::Or(parts) => {
                all(listing, statement, parts, if negated { " and " } else { " or " }, negated);
            }
            Self::Not(inner) => inner.write_as(listing, statement, !negated),
            Self::Is { field, operator, values } => compare(statement, field, *operator, values, negated),
            Self::Found { field, text } => found(listing, statement, *field, text, negated),
        }
    }
}

fn all(listing: &Listing, statement: &mut Statement, parts: &[Condition], word: &'static str, negated: bool) {
    statement.text("(");
    for (index, part) in parts.iter().enumerate() {
        statement.text(if index == 0 { "" } else { word });
        part.write_as(listing, statement, negated);
    }
    statement.text(")");
}

fn found(
    listing: &Listing,
    statement: &mut Statement,
    field: Option<&'static str>,
    text: &Pattern,
    negated: bool,
) {
    statement.text(if negated { "id not in (" } else { "id in (" });
    statement.text(listing.search.unwrap_or_default()).text("(");
    statement.bind(text.all.clone());
    statement.text(", ");
    statement.bind(field);
    statement.text(", ");
    statement.bind(text.field.clone());
    statement.text("))");
}

fn compare(statement: &mut Statement, field: &Field, operator: Operator, values: &Values, negated: bool) {
    if let Some(rows) = field.kind.rows() {
        return among(statement, field, rows, operator, values, negated);
    }
    let column = field.column;
    let (positive, negative) = match operator {
        Operator::Equal => (" = ", if field.nullable { " is distinct from " } else { " <> " }),
        Operator::NotEqual => (if field.nullable { " is distinct from " } else { " <> " }, " = "),
        Operator::Less => (" < ", " >= "),
        Operator::LessOrEqual => (" <= ", " > "),
        Operator::Greater => (" > ", " <= "),
        Operator::GreaterOrEqual => (" >= ", " < "),
        Operator::In => (" = any(", " <> all("),
        Operator::NotIn => (" <> all(", " = any("),
        Operator::Between => (" between ", " not between "),
        Operator::IsNull => (" is null", " is not null"),
        Operator::IsNotNull => (" is not null", " is null"),
        // For texts and for fields with many values; see `resolve`.
        Operator::Contains | Operator::StartsWith | Operator::Any | Operator::All | Operator::None => return,
    };
    let sign = if negated { negative } else { positive };
    // Whether it holds for what is not there, although the comparison does not.
    let absent = match operator {
        Operator::NotIn => !negated,
        Operator::Equal | Operator::NotEqual | Operator::IsNull | Operator::IsNotNull => false,
        _ => negated,
    };
    let absent = absent && field.nullable;
    statement.text(if absent { "(" } else { "" }).text(column).text(sign);
    match operator {
        Operator::IsNull | Operator::IsNotNull => {}
        Operator::In | Operator::NotIn => {
            values.bind_all(statement);
            statement.text(")");
        }
        Operator::Between => {
            values.bind_first(statement);
            statement.text(" and ");
            values.bind_last(statement);
        }
        _ => values.bind_first(statement),
    }
    if absent {
        statement.text(" or ").text(column).text(" is null)");
    }
}

/// Whether some, all or none of the values are among a field's many.
fn among(
    statement: &mut Statement,
    field: &Field,
    rows: &'static str,
    operator: Operator,
    values: &Values,
    negated: bool,
) {
    if operator != Operator::All {
        return among_one(statement, field, rows, values, (operator == Operator::None) != negated);
    }
    let joint = if negated { " or " } else { " and " };
    for (index, value) in values.each().iter().enumerate() {
        statement.text(if index == 0 { "(" } else { joint });
        among_one(statement, field, rows, value, negated);
    }
    statement.text(")");
}

fn among_one(statement: &mut Statement, field: &Field, rows: &'static str, values: &Values, negated: bool) {
    statement.text(if negated { "not exists (select from " } else { "exists (select from " });
    statement.text(rows).text(" and ").text(field.column).text(" = any(");
    values.bind_all(statement);
    statement.text("))");
}

fn resolve<'p>(
    listing: &Listing,
    filter: &Filter,
    places: &mut impl Iterator<Item = &'p Place>,
) -> Result<Condition, FilterError> {
    let mut all = |parts: &[Filter]| -> Result<Vec<Condition>, FilterError> {
        parts.iter().map(|part| resolve(listing, part, places)).collect()
    };
    Ok(match filter {
        Filter::And(parts) => Condition::And(all(parts)?),
        Filter::Or(parts) => Condition::Or(all(parts)?),
        Filter::Not(inner) => Condition::Not(Box::new(resolve(listing, inner, places)?)),
        Filter::Predicate(predicate) => {
            let place = places.next();
            resolve_one(listing, predicate).map_err(|message| FilterError {
                place: place.cloned().unwrap_or(Place::Character(1)),
                message,
            })?
        }
    })
}

fn resolve_one(listing: &Listing, predicate: &Predicate) -> Result<Condition, String> {
    let Predicate { field: name, operator, values } = predicate;
    let Some(field) = listing.field(name) else {
        let shown: String = name.chars().take(60).collect();
        return Err(format!("There is no field {shown:?}; there are: {}", listing.filterable().join(", ")));
    };
    let word = operator.word();
    let many = field.kind.rows().is_some();
    match operator {
        Operator::Contains | Operator::StartsWith if field.searched && listing.search.is_some() => {
            let text = values.first().map(value::text).unwrap_or_default();
            if text.is_empty() {
                return Err(format!("{name} {word}: expected a text that is not empty"));
            }
            let text = match operator {
                Operator::Contains => Pattern::containing(&text),
                _ => Pattern::beginning(&text),
            };
            return Ok(Condition::Found { field: Some(field.name), text });
        }
        Operator::Contains | Operator::StartsWith => {
            let searched = listing.fields.iter().filter(|field| field.searched).map(|field| field.name);
            let known = searched.collect::<Vec<_>>().join(", ");
            return Err(format!("{word} is for texts: {known}; {name} is none"));
        }
        Operator::Any | Operator::All | Operator::None if !many => {
            return Err(format!("{word} is for fields with many values; use in or not in for {name}"));
        }
        Operator::Any | Operator::All | Operator::None => {}
        _ if many => return Err(format!("{name} has many values; use any, all or none")),
        Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::Between
            if matches!(field.kind, Kind::Boolean | Kind::Uuid) =>
        {
            return Err(format!("{word} is for fields with an order; {name} has none"));
        }
        _ => {}
    }
    let values = Values::of(field.kind, values).map_err(|message| format!("{name} {word}: {message}"))?;
    Ok(Condition::Is { field, operator: *operator, values })
}
