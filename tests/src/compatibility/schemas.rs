//! Schemas: types, members, values.

use std::collections::BTreeSet;

use serde_json::Value;

use super::shape::Shape;
use super::{Comparison, Direction, limits};

/// Keywords that say nothing about which values fit.
const ANNOTATIONS: [&str; 9] = [
    "title",
    "description",
    "deprecated",
    "example",
    "examples",
    "readOnly",
    "writeOnly",
    "discriminator",
    "$comment",
];

/// Keywords that are compared here, or in `limits`.
const COMPARED: [&str; 10] = [
    "format",
    "enum",
    "const",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "oneOf",
    "anyOf",
    "contentMediaType",
];

impl Comparison<'_> {
    pub(super) fn schema(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        let (old, new) = (Shape::of(self.old, old), Shape::of(self.new, new));
        match (direction, old.nullable, new.nullable) {
            (Direction::Sent, true, false) => self.broken(place, "null is not accepted any more"),
            (Direction::Received, false, true) => self.broken(place, "it may be null now"),
            _ => {}
        }
        let place = match (&old.component, &new.component) {
            (Some(one), Some(other)) => {
                if !self.seen.insert((one.clone(), other.clone(), direction)) {
                    return;
                }
                // The same wherever it is used.
                match direction {
                    Direction::Sent => format!("{one} as a request"),
                    Direction::Received => format!("{one} as an answer"),
                }
            }
            _ => place.to_owned(),
        };
        self.shape(&place, &old, &new, direction);
    }

    fn shape(&mut self, place: &str, old: &Shape, new: &Shape, direction: Direction) {
        if old.alternatives().is_some() || new.alternatives().is_some() {
            return self.alternatives(place, old, new, direction);
        }
        self.types(place, old, new, direction);
        if old.keywords.get("format") != new.keywords.get("format") {
            self.broken(
                place,
                format!("its format was {}, and is another now", said(old.keywords.get("format"))),
            );
        }
        self.values(place, old, new, direction);
        self.members(place, old, new, direction);
        self.other_members(place, old, new, direction);
        match (old.keywords.get("items"), new.keywords.get("items"), direction) {
            (Some(old), Some(new), _) => self.schema(&format!("{place}[]"), old, new, direction),
            (None, Some(_), Direction::Sent) => self.broken(place, "its items are restricted now"),
            (Some(_), None, Direction::Received) => self.broken(place, "its items may be anything now"),
            _ => {}
        }
        if direction == Direction::Sent {
            for narrowed in limits::narrowed(&old.keywords, &new.keywords) {
                self.broken(place, narrowed);
            }
        }
        self.unknown_keywords(place, old, new);
    }

    fn types(&mut self, place: &str, old: &Shape, new: &Shape, direction: Direction) {
        let (from, to) = match direction {
            Direction::Sent => (&old.types, &new.types),
            Direction::Received => (&new.types, &old.types),
        };
        let (Some(from), Some(to)) = (from, to) else {
            if from.is_none() && to.is_some() {
                self.broken(place, "it was of other types");
            }
            return;
        };
        for name in from {
            let fits = to.contains(name) || name == "integer" && to.contains("number");
            if !fits {
                match direction {
                    Direction::Sent => self.broken(place, format!("{name} is not accepted any more")),
                    Direction::Received => self.broken(place, format!("it may be of type {name} now")),
                }
            }
        }
    }

    /// Enumerations may grow in answers, and never shrink in requests.
    fn values(&mut self, place: &str, old: &Shape, new: &Shape, direction: Direction) {
        match (old.values(), new.values(), direction) {
            (None, Some(_), Direction::Sent) => self.broken(place, "only some values are accepted now"),
            (Some(old), Some(new), Direction::Sent) => {
                for value in old.iter().filter(|value| !new.contains(value)) {
                    self.broken(place, format!("{value} is not accepted any more"));
                }
            }
            (Some(_), None, Direction::Received) => self.broken(place, "it is no enumeration any more"),
            (Some(old), Some(new), Direction::Received) if !old.iter().any(|value| new.contains(value)) => {
                self.broken(place, "none of its values is left");
            }
            _ => {}
        }
    }

    fn members(&mut self, place: &str, old: &Shape, new: &Shape, direction: Direction) {
        let none = serde_json::Map::new();
        let properties = |shape: &Shape| shape.keywords.get("properties").and_then(Value::as_object).cloned();
        let (before, after) = (properties(old).unwrap_or(none.clone()), properties(new).unwrap_or(none));
        let (required_before, required_after) = (old.required(), new.required());
        for (name, schema) in &before {
            let place = format!("{place}.{name}");
            let Some(other) = after.get(name) else {
                self.broken(&place, "there is no such member any more");
                continue;
            };
            if direction == Direction::Received
                && required_before.contains(name.as_str())
                && !required_after.contains(name.as_str())
            {
                self.broken(&place, "it may be missing now");
            }
            self.schema(&place, schema, other, direction);
        }
        if direction == Direction::Sent {
            let newly: BTreeSet<&str> = required_after.difference(&required_before).copied().collect();
            for name in newly {
                self.broken(&format!("{place}.{name}"), "it is required now");
            }
        }
    }

    /// Members that are not named: any, some, or none.
    fn other_members(&mut self, place: &str, old: &Shape, new: &Shape, direction: Direction) {
        let place = format!("{place}.*");
        match (others(old), others(new), direction) {
            (Others::Any, Others::None | Others::Some(_), Direction::Sent) => {
                self.broken(&place, "members that are not named are restricted now");
            }
            (Others::Some(_), Others::None, Direction::Sent) => {
                self.broken(&place, "members that are not named are not accepted any more");
            }
            (Others::Some(_), Others::Any, Direction::Received) => {
                self.broken(&place, "members that are not named may be anything now");
            }
            (Others::Some(old), Others::Some(new), _) => self.schema(&place, old, new, direction),
            _ => {}
        }
    }

    /// Each value of the one side has to fit one of the other's alternatives.
    fn alternatives(&mut self, place: &str, old: &Shape, new: &Shape, direction: Direction) {
        let of = |shape: &Shape| shape.alternatives().cloned();
        let whole = |shape: &Shape| vec![Value::Object(with_types(shape))];
        let (before, after) = (of(old).unwrap_or_else(|| whole(old)), of(new).unwrap_or_else(|| whole(new)));
        let fits = |comparison: &Self, one: &Value, other: &Value| {
            let mut trial = Comparison {
                old: comparison.old,
                new: comparison.new,
                breaks: BTreeSet::new(),
                seen: comparison.seen.clone(),
            };
            trial.schema(place, one, other, direction);
            trial.breaks.is_empty()
        };
        let lost = match direction {
            Direction::Sent => before.iter().find(|one| !after.iter().any(|other| fits(self, one, other))),
            Direction::Received => {
                after.iter().find(|other| !before.iter().any(|one| fits(self, one, other)))
            }
        };
        if let Some(lost) = lost {
            let lost = lost.get("$ref").unwrap_or(lost);
            match direction {
                Direction::Sent => {
                    self.broken(place, format!("the alternative {lost} is not accepted any more"));
                }
                Direction::Received => self.broken(place, format!("it may be {lost} now")),
            }
        }
    }

    /// A rule that is not known here may be one that breaks.
    fn unknown_keywords(&mut self, place: &str, old: &Shape, new: &Shape) {
        let known = |key: &str| {
            ANNOTATIONS.contains(&key)
                || COMPARED.contains(&key)
                || limits::is_one(key)
                || key.starts_with("x-")
        };
        let keys: BTreeSet<&String> = old.keywords.keys().chain(new.keywords.keys()).collect();
        for key in keys.into_iter().filter(|key| !known(key)) {
            if old.keywords.get(key) != new.keywords.get(key) {
                self.broken(place, format!("its {key} has changed, which cannot be judged here"));
            }
        }
    }
}

enum Others<'s> {
    Any,
    Some(&'s Value),
    None,
}

fn others(shape: &Shape) -> Others<'_> {
    match shape.keywords.get("additionalProperties") {
        None | Some(Value::Bool(true)) => Others::Any,
        Some(Value::Bool(false)) => Others::None,
        Some(Value::Object(schema)) if schema.is_empty() => Others::Any,
        Some(schema) => Others::Some(schema),
    }
}

/// The schema of a shape that is no choice.
fn with_types(shape: &Shape) -> serde_json::Map<String, Value> {
    let mut schema = shape.keywords.clone();
    if let Some(types) = &shape.types {
        schema.insert("type".to_owned(), types.iter().cloned().collect());
    }
    schema
}

fn said(format: Option<&Value>) -> String {
    format.map_or_else(|| "none".to_owned(), Value::to_string)
}
