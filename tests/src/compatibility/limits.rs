//! Limits of what is accepted: lengths, numbers, patterns.

use serde_json::{Map, Value};

const LOWER: [&str; 5] = ["minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum"];
const UPPER: [&str; 5] = ["maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"];
/// Compared as they are.
const EXACT: [&str; 4] = ["pattern", "multipleOf", "uniqueItems", "default"];

pub(super) fn is_one(keyword: &str) -> bool {
    [&LOWER[..], &UPPER[..], &EXACT[..]].iter().any(|group| group.contains(&keyword))
}

/// The limits that are stricter than they were, a sentence each.
pub(super) fn narrowed(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
    let number = |schema: &Map<String, Value>, key: &str| schema.get(key).and_then(Value::as_f64);
    let mut found = Vec::new();
    for (keys, is_stricter) in
        [(LOWER, (|new, old| new > old) as fn(f64, f64) -> bool), (UPPER, |new, old| new < old)]
    {
        for key in keys {
            let Some(limit) = number(new, key) else { continue };
            // No length is less than nought.
            let unlimited = limit == 0.0 && ["minLength", "minItems", "minProperties"].contains(&key);
            if number(old, key).map_or(!unlimited, |before| is_stricter(limit, before)) {
                found.push(format!("its {key} is {limit} now, and was {}", said(old.get(key))));
            }
        }
    }
    for key in EXACT {
        let (before, after) = (old.get(key), new.get(key));
        // A default that goes or changes changes what is done; all others may go.
        let matters = after.is_some_and(|value| *value != Value::Bool(false)) || key == "default";
        if before != after && matters {
            found.push(format!("its {key} is {} now, and was {}", said(after), said(before)));
        }
    }
    found
}

fn said(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), Value::to_string)
}
