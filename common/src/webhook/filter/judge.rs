//! What a filter says of a body.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::body::Body;
use super::compare::Operand;
use super::path::Found;
use super::{Filter, Test};
use crate::filter::Operator;

impl Filter {
    /// Whether it holds; nothing where that cannot be judged.
    pub(crate) fn judge(&self, body: &Body) -> Option<bool> {
        match self {
            Self::And(parts) => all(parts.iter().map(|part| part.judge(body))),
            Self::Or(parts) => some(parts.iter().map(|part| part.judge(body))),
            Self::Not(inner) => inner.judge(body).map(|holds| !holds),
            Self::Test(test) => test.judge(body),
        }
    }

    /// The first field that cannot be judged.
    pub(crate) fn unjudged(&self, body: &Body) -> Option<String> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().find_map(|part| part.unjudged(body)),
            Self::Not(inner) => inner.unjudged(body),
            Self::Test(test) => test.judge(body).is_none().then(|| test.path.name()),
        }
    }
}

/// Whether all hold: one that does not decides, whatever cannot be judged.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    some(parts.map(|part| part.map(|holds| !holds))).map(|fails| !fails)
}

/// Whether one holds: that decides, whatever cannot be judged.
fn some(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(false);
    for part in parts {
        match part {
            Some(true) => return Some(true),
            Some(false) => {}
            None => known = None,
        }
    }
    known
}

impl Test {
    fn judge(&self, body: &Body) -> Option<bool> {
        let found = self.path.find(body.json());
        match (found, self.operator) {
            (Found::Missing, _) => None,
            (Found::Nothing, Operator::IsNull | Operator::NotEqual | Operator::NotIn | Operator::None) => {
                Some(true)
            }
            (Found::Nothing, _) => Some(false),
            (Found::One(_) | Found::Many(_), Operator::IsNull) => Some(false),
            (Found::One(_) | Found::Many(_), Operator::IsNotNull) => Some(true),
            (Found::One(value), _) => self.one(value, body),
            (Found::Many(values), _) => self.many(&values),
        }
    }

    fn one(&self, value: &Json, body: &Body) -> Option<bool> {
        let order = |at| self.operand.compare(value, at);
        let is = |at| order(at).map(Ordering::is_eq);
        let is_one = || some((0..self.operand.len()).map(is));
        match self.operator {
            Operator::Equal => is(0),
            Operator::NotEqual => is(0).map(|equal| !equal),
            Operator::Less => order(0).map(Ordering::is_lt),
            Operator::LessOrEqual => order(0).map(Ordering::is_le),
            Operator::Greater => order(0).map(Ordering::is_gt),
            Operator::GreaterOrEqual => order(0).map(Ordering::is_ge),
            Operator::Between => Some(order(0)?.is_ge() && order(1)?.is_le()),
            Operator::In => is_one(),
            Operator::NotIn => is_one().map(|is_in| !is_in),
            Operator::Contains | Operator::StartsWith => self.has_text(value, body),
            Operator::Any | Operator::All | Operator::None => {
                self.many(&value.as_array()?.iter().collect::<Vec<_>>())
            }
            Operator::IsNull | Operator::IsNotNull => None,
        }
    }

    fn has_text(&self, value: &Json, body: &Body) -> Option<bool> {
        let Operand::Part(part) = &self.operand else { return None };
        let text = body.folded(value.as_str()?);
        Some(match self.operator {
            Operator::StartsWith => text.starts_with(part.as_str()),
            _ => text.contains(part.as_str()),
        })
    }

    fn many(&self, values: &[&Json]) -> Option<bool> {
        let has = |at| some(values.iter().map(|value| self.operand.compare(value, at).map(Ordering::is_eq)));
        let each = (0..self.operand.len()).map(has);
        match self.operator {
            Operator::Any => some(each),
            Operator::All => all(each),
            Operator::None => some(each).map(|has| !has),
            _ => None,
        }
    }
}
