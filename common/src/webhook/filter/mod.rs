//! Filters of webhooks: the grammar of the lists ([`crate::filter`]) over an event's body.
//!
//! A field is a path into the body: `data.email`, `changedFields`, `object.type`. What a filter says is true, false, or cannot be judged:
//! where a member is not there that every such body had when the filter was set, or is of another kind. Such a part decides nothing where
//! the rest does (`false and …`, `true or …`); where it would, the webhook gets the event, and its figures say so.

mod body;
mod compare;
mod fields;
mod judge;
mod path;

use crate::entity::EntityKind;
use crate::event::EventType;
use crate::filter::{self, FilterError, Operator, Place, Placed, Predicate};

pub(crate) use body::Body;
use compare::Operand;
use fields::{Form, Kind};
use path::Path;

/// A filter whose fields and values are known to be good.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    /// All of them hold.
    And(Vec<Filter>),
    /// One of them holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A field fulfils a comparison.
    Test(Test),
}

/// One comparison.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    path: Path,
    operator: Operator,
    operand: Operand,
}

impl Filter {
    /// Reads a filter over the events of these subscriptions.
    ///
    /// # Errors
    /// Where it cannot be read, or names what none of their bodies has.
    pub(crate) fn check(text: &str, subscriptions: &[String]) -> Result<Self, FilterError> {
        let mut kinds: Vec<EntityKind> = Vec::new();
        for EventType { object, .. } in EventType::subscribed(subscriptions) {
            if !kinds.contains(object) {
                kinds.push(*object);
            }
        }
        Self::over(text, &kinds)
    }

    /// Reads a filter that was good once; nothing where it is no longer.
    pub(crate) fn kept(text: &str) -> Option<Self> {
        Self::over(text, &EntityKind::ALL).ok()
    }

    fn over(text: &str, kinds: &[EntityKind]) -> Result<Self, FilterError> {
        let placed = Placed::parse(text)?;
        resolve(&placed.filter, kinds, &mut placed.places.iter())
    }
}

fn resolve<'p>(
    filter: &filter::Filter,
    kinds: &[EntityKind],
    places: &mut impl Iterator<Item = &'p Place>,
) -> Result<Filter, FilterError> {
    let mut all = |parts: &[filter::Filter]| -> Result<Vec<Filter>, FilterError> {
        parts.iter().map(|part| resolve(part, kinds, places)).collect()
    };
    Ok(match filter {
        filter::Filter::And(parts) => Filter::And(all(parts)?),
        filter::Filter::Or(parts) => Filter::Or(all(parts)?),
        filter::Filter::Not(inner) => Filter::Not(Box::new(resolve(inner, kinds, places)?)),
        filter::Filter::Predicate(predicate) => {
            let place = places.next().cloned().unwrap_or(Place::Character(1));
            Filter::Test(resolve_one(predicate, kinds).map_err(|message| FilterError { place, message })?)
        }
    })
}

fn resolve_one(predicate: &Predicate, kinds: &[EntityKind]) -> Result<Test, String> {
    let Predicate { field: name, operator, values } = predicate;
    let (path, form) = Path::of(name, kinds)?;
    fits(name, form, *operator)?;
    let operand = Operand::of(form.kind(), *operator, values)
        .map_err(|message| format!("{name} {}: {message}", operator.word()))?;
    Ok(Test { path, operator: *operator, operand })
}

/// Whether a field can be compared so, in the words of the lists.
fn fits(name: &str, form: Form, operator: Operator) -> Result<(), String> {
    let word = operator.word();
    let many = matches!(form, Form::Many(_));
    match operator {
        Operator::IsNull | Operator::IsNotNull => Ok(()),
        _ if form.members().is_some() => Err(format!("{name} is an object; name one of its members")),
        _ if form == Form::Free => Ok(()),
        Operator::Any | Operator::All | Operator::None if !many => {
            Err(format!("{word} is for fields with many values; use in or not in for {name}"))
        }
        Operator::Any | Operator::All | Operator::None => Ok(()),
        _ if many => Err(format!("{name} has many values; use any, all or none")),
        Operator::Contains | Operator::StartsWith if !form.kind().is_text() => {
            Err(format!("{word} is for texts; {name} is none"))
        }
        Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::Between
            if matches!(form.kind(), Kind::Boolean | Kind::Id) =>
        {
            Err(format!("{word} is for fields with an order; {name} has none"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
