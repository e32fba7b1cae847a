//! Limits that a schema sets, each applied to the JSON type that it speaks of.

use poem_openapi::registry::MetaSchema;
use serde_json::{Number, Value};

use super::super::format;
use super::Check;

impl Check<'_> {
    pub(super) fn constraints(&mut self, part: &MetaSchema, value: &Value) {
        match value {
            Value::String(text) => self.string(part, text),
            Value::Number(number) => self.number(part, number),
            Value::Array(items) => self.array(part, items),
            Value::Object(object) => {
                self.size(object.len(), part.min_properties, part.max_properties, "entries");
            }
            Value::Null | Value::Bool(_) => {}
        }
        if !part.enum_items.is_empty() && !part.enum_items.contains(value) {
            self.not_listed(&part.enum_items);
        }
    }

    fn string(&mut self, part: &MetaSchema, text: &str) {
        // A part without a type only narrows its neighbour, which has seen to this.
        if !part.ty.is_empty() {
            self.text(text);
        }
        if part.max_length.is_some() || part.min_length.is_some() {
            let length = text.chars().count();
            if part.min_length.is_some_and(|least| length < least) {
                self.refuse("TOO_SHORT", at_least(part.min_length, "characters"));
            }
            if part.max_length.is_some_and(|most| length > most) {
                self.refuse("TOO_LONG", at_most(part.max_length, "characters"));
            }
        }
        if let Some(format) = part.format.and_then(format::text)
            && !(format.holds)(text)
        {
            self.refuse(format.code, format.message);
        }
    }

    fn number(&mut self, part: &MetaSchema, number: &Number) {
        if part.ty == "integer" {
            let Some(integer) = number.as_i128() else {
                return self.refuse("INVALID_TYPE", "Expected an integer, written without a fraction");
            };
            let (least, most) = format::integer_range(part.format);
            if integer < least || integer > most {
                return self.refuse("OUT_OF_RANGE", format!("Must be from {least} to {most}"));
            }
        }
        let Some(number) = number.as_f64() else { return };
        if let Some(least) = part.minimum {
            let exclusive = part.exclusive_minimum == Some(true);
            if number < least || (exclusive && number <= least) {
                let words = if exclusive { "more than" } else { "at least" };
                self.refuse("OUT_OF_RANGE", format!("Must be {words} {least}"));
            }
        }
        if let Some(most) = part.maximum {
            let exclusive = part.exclusive_maximum == Some(true);
            if number > most || (exclusive && number >= most) {
                let words = if exclusive { "less than" } else { "at most" };
                self.refuse("OUT_OF_RANGE", format!("Must be {words} {most}"));
            }
        }
    }

    fn array(&mut self, part: &MetaSchema, items: &[Value]) {
        self.size(items.len(), part.min_items, part.max_items, "items");
        if part.unique_items == Some(true) {
            let mut seen = std::collections::HashSet::new();
            if !items.iter().all(|item| seen.insert(item)) {
                self.refuse("NOT_UNIQUE", "Must not contain an item twice");
            }
        }
    }

    fn size(&mut self, size: usize, least: Option<usize>, most: Option<usize>, what: &str) {
        if least.is_some_and(|least| size < least) {
            self.refuse("TOO_SHORT", at_least(least, what));
        }
        if most.is_some_and(|most| size > most) {
            self.refuse("TOO_LONG", at_most(most, what));
        }
    }

    pub(super) fn not_listed(&mut self, values: &[Value]) {
        let list: Vec<String> = values
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        self.refuse("INVALID_VALUE", format!("Must be one of: {}", list.join(", ")));
    }
}

fn at_least(least: Option<usize>, what: &str) -> String {
    match least {
        Some(1) if what == "characters" => "Must not be empty".to_owned(),
        _ => format!("Must have at least {} {what}", least.unwrap_or_default()),
    }
}

fn at_most(most: Option<usize>, what: &str) -> String {
    format!("Must have at most {} {what}", most.unwrap_or_default())
}
