//! From a filter to SQL.
//!
//! A predicate is true or false, never unknown: nothing is less than, equal to or part of a value that is not there. So `not`
//! is carried down to the predicates, where it becomes the other comparison or the value's absence; each comparison stays one
//! that an index can serve.

use crate::filter::{Filter, FilterError, Operator, Place, Placed, Predicate, Value};
use crate::list::Listing;
use crate::list::field::{Field, Kind};
use crate::list::pattern::{self, Pattern};
use crate::list::statement::Statement;
use crate::list::value::{self, Values};
use crate::phone;

/// A condition whose fields and values are known to be good.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Is { field: &'static Field, operator: Operator, values: Values },
    Found { field: Option<&'static Field>, texts: Vec<Pattern> },
}

impl Condition {
    /// Checks a filter against what the listing declares.
    pub(super) fn of(listing: &Listing, placed: &Placed) -> Result<Self, FilterError> {
        resolve(listing, &placed.filter, &mut placed.places.iter())
    }

    /// A field has this value, as in `?lifecycle=client`.
    pub(super) fn equal(field: &'static Field, text: &str) -> Result<Self, String> {
        let operator = if field.kind.rows().is_some() { Operator::Any } else { Operator::Equal };
        let values = values_of(field, &[Value::Text(text.to_owned())])?;
        Ok(Self::Is { field, operator, values })
    }

    /// The record's text has these words; a telephone number among them may be written in any way.
    pub(super) fn words(listing: &Listing, words: &[&str]) -> Self {
        let texts = |words: &[&str]| words.iter().map(|word| Pattern::word(word)).collect::<Vec<_>>();
        let found = |texts| Self::Found { field: None, texts };
        let all = found(texts(words));
        let Some(begin) = words.iter().position(|word| is_number(word)) else { return all };
        let length = words[begin..].iter().take_while(|word| is_number(word)).count();
        let (before, rest) = words.split_at(begin);
        let (number, behind) = rest.split_at(length);
        let has_phone = listing.fields.iter().any(|field| field.searched && field.name == PHONE);
        match phone::looked_for(number).filter(|digits| has_phone && number != [digits.as_str()]) {
            Some(digits) => {
                let others = [texts(before), vec![Pattern::digits(&digits)], texts(behind)].concat();
                Self::Or(vec![all, found(others)])
            }
            None => all,
        }
    }

    /// Whether no index serves it but the one of texts.
    pub(super) fn is_of_texts(&self, listing: &Listing) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.is_of_texts(listing)),
            Self::Not(inner) => inner.is_of_texts(listing),
            Self::Is { field, operator, values } => equal_text(listing, field, *operator, values).is_some(),
            Self::Found { .. } => true,
        }
    }

    /// What the index of texts can look for: each record has all of one of these lists. Nothing where it says too little.
    pub(super) fn alternatives(&self, listing: &Listing) -> Vec<Vec<Pattern>> {
        match self {
            Self::And(parts) => joint_alternatives(listing, parts),
            Self::Or(parts) => {
                let each: Vec<_> = parts.iter().map(|part| part.alternatives(listing)).collect();
                let says_too_little = each.iter().any(Vec::is_empty) || each.len() > MAX_ALTERNATIVES;
                if says_too_little { Vec::new() } else { each.concat() }
            }
            Self::Not(_) => Vec::new(),
            Self::Is { field, operator, values } => {
                equal_text(listing, field, *operator, values).map(|text| vec![text]).into_iter().collect()
            }
            Self::Found { texts, .. } => {
                let texts: Vec<_> = texts.iter().filter(|text| text.has_trigrams()).cloned().collect();
                if texts.is_empty() { Vec::new() } else { vec![texts] }
            }
        }
    }

    /// Writes it.
    pub(super) fn write(&self, listing: &Listing, statement: &mut Statement) {
        self.write_as(listing, statement, false);
    }

    fn write_as(&self, listing: &Listing, statement: &mut Statement, negated: bool) {
        let mut all = |parts: &[Self], word: &'static str| {
            statement.text("(");
            for (index, part) in parts.iter().enumerate() {
                statement.text(if index == 0 { "" } else { word });
                part.write_as(listing, statement, negated);
            }
            statement.text(")");
        };
        match self {
            Self::And(parts) => all(parts, if negated { " or " } else { " and " }),
            Self::Or(parts) => all(parts, if negated { " and " } else { " or " }),
            Self::Not(inner) => inner.write_as(listing, statement, !negated),
            Self::Is { field, operator, values } => compare(statement, field, *operator, values, negated),
            Self::Found { field, texts } => pattern::in_place(listing, statement, *field, texts, negated),
        }
    }
}

/// The values of a field; a telephone number as it is kept, however it is written.
fn values_of(field: &Field, values: &[Value]) -> Result<Values, String> {
    if field.name != PHONE {
        return Values::of(field.kind, values);
    }
    let kept = |value: &Value| {
        let written = value::text(value);
        Value::Text(phone::international(&written).unwrap_or(written))
    };
    Values::of(field.kind, &values.iter().map(kept).collect::<Vec<_>>())
}

/// The field with telephone numbers.
const PHONE: &str = "phone";

/// Whether a word may be a part of a telephone number.
fn is_number(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit()) && !word.contains(char::is_alphabetic)
}

/// The most lists of patterns that the index of texts is asked for.
const MAX_ALTERNATIVES: usize = 8;

/// What the index of texts can look for where all of the conditions hold.
pub(super) fn joint_alternatives(listing: &Listing, conditions: &[Condition]) -> Vec<Vec<Pattern>> {
    let each: Vec<_> = conditions.iter().map(|condition| condition.alternatives(listing)).collect();
    let single: Vec<Pattern> =
        each.iter().filter(|lists| lists.len() == 1).flatten().flatten().cloned().collect();
    match single.is_empty() {
        false => vec![single],
        true => each.into_iter().find(|lists| !lists.is_empty()).unwrap_or_default(),
    }
}

/// The text that a record with this value has, where the field has no index of its own.
fn equal_text(listing: &Listing, field: &Field, operator: Operator, values: &Values) -> Option<Pattern> {
    let by_search = listing.search.is_some() && field.searched && !field.indexed;
    match values {
        Values::Text(values) if by_search && operator == Operator::Equal => {
            values.first().map(|value| Pattern::equal(value)).filter(Pattern::has_trigrams)
        }
        _ => None,
    }
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
            return Ok(Condition::Found { field: Some(field), texts: vec![text] });
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
    let values = values_of(field, values).map_err(|message| format!("{name} {word}: {message}"))?;
    Ok(Condition::Is { field, operator: *operator, values })
}
