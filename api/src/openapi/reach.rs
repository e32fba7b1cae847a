//! Which schemas are used by whom.

use std::collections::BTreeSet;

use serde_json::Value;

use super::walk::{Object, component, each_operation};

/// Keys of `components.schemas`.
pub(super) type Names = BTreeSet<String>;

/// The schemas that request bodies reach, and those that anything else does.
pub(super) struct Reach {
    pub(super) requests: Names,
    pub(super) others: Names,
}

impl Reach {
    /// Follows all references from the operations.
    pub(super) fn of(document: &mut Value) -> Self {
        let mut reach = Self { requests: Names::new(), others: Names::new() };
        each_operation(document, |_, _, operation| {
            for (key, value) in operation.iter_mut() {
                let names = if key == "requestBody" { &mut reach.requests } else { &mut reach.others };
                collect_references(value, names);
            }
        });
        for group in ["responses", "parameters", "headers"] {
            collect_references(&document["components"][group], &mut reach.others);
        }
        if let Some(Value::Object(schemas)) = document.pointer("/components/schemas") {
            follow(schemas, &mut reach.requests);
            follow(schemas, &mut reach.others);
        }
        reach
    }
}

/// Adds what the named components refer to, until nothing new is found.
fn follow(schemas: &Object, names: &mut Names) {
    let mut fresh: Vec<String> = names.iter().cloned().collect();
    while let Some(name) = fresh.pop() {
        let mut found = Names::new();
        schemas.get(&name).into_iter().for_each(|schema| collect_references(schema, &mut found));
        fresh.extend(found.difference(names).cloned());
        names.append(&mut found);
    }
}

/// Adds the components that a value refers to itself.
pub(super) fn collect_references(value: &Value, names: &mut Names) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, names)),
        Value::Object(object) => {
            names.extend(object.get("$ref").and_then(|name| component(name, "schemas")).map(str::to_owned));
            object.values().for_each(|value| collect_references(value, names));
        }
        _ => {}
    }
}
