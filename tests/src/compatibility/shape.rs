//! A schema as it is compared: references followed, members of `allOf` put together, null apart from the rest.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::resolved;

/// What a schema says.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// The component that it is, where it is one.
    pub(super) component: Option<String>,
    /// Whether null is a value of it.
    pub(super) nullable: bool,
    /// The types beside null; none for any.
    pub(super) types: Option<BTreeSet<String>>,
    /// All else.
    pub(super) keywords: Map<String, Value>,
}

impl Shape {
    pub(super) fn of(document: &Value, schema: &Value) -> Self {
        let (schema, null_beside) = without_null_alternative(schema);
        let component =
            schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).map(str::to_owned);
        let mut keywords = flat(document, schema);
        let types = keywords.shift_remove("type").map(|types| match types {
            Value::Array(types) => types.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            other => BTreeSet::from([other.as_str().unwrap_or_default().to_owned()]),
        });
        let is_null = |types: &BTreeSet<String>| types.contains("null");
        let anything =
            types.is_none() && !["oneOf", "anyOf", "enum"].iter().any(|key| keywords.contains_key(*key));
        let nullable = null_beside || anything || types.as_ref().is_some_and(is_null);
        let without_null =
            |types: BTreeSet<String>| types.into_iter().filter(|name| name != "null").collect();
        Self { component, nullable, types: types.map(without_null), keywords }
    }

    /// The values of an enumeration, beside null.
    pub(super) fn values(&self) -> Option<Vec<&Value>> {
        let values = self.keywords.get("enum").and_then(Value::as_array);
        let constant = self.keywords.get("const").map(|value| vec![value]);
        values.map(|values| values.iter().filter(|value| !value.is_null()).collect()).or(constant)
    }

    /// The names of the members that are always there.
    pub(super) fn required(&self) -> BTreeSet<&str> {
        self.keywords
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// The alternatives, where it is a choice.
    pub(super) fn alternatives(&self) -> Option<&Vec<Value>> {
        ["oneOf", "anyOf"].iter().find_map(|key| self.keywords.get(*key)).and_then(Value::as_array)
    }
}

/// `oneOf: [schema, {"type": "null"}]` is how 3.1 says that a reference may be null.
fn without_null_alternative(schema: &Value) -> (&Value, bool) {
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema[*key].as_array());
    match alternatives.map(Vec::as_slice) {
        Some([one, other]) if *other == json!({"type": "null"}) => (one, true),
        Some([one, other]) if *one == json!({"type": "null"}) => (other, true),
        _ => (schema, false),
    }
}

/// The keywords of a schema, of what it refers to, and of the members of its `allOf`.
fn flat(document: &Value, schema: &Value) -> Map<String, Value> {
    let mut keywords = Map::new();
    if schema.get("$ref").is_some() {
        add(&mut keywords, flat(document, resolved(document, schema)));
    }
    for member in schema["allOf"].as_array().into_iter().flatten() {
        add(&mut keywords, flat(document, member));
    }
    let own = schema
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !["$ref", "allOf"].contains(&key.as_str()));
    add(&mut keywords, own.map(|(key, value)| (key.clone(), value.clone())).collect());
    keywords
}

/// Members and requirements add up; of all else the last word counts.
fn add(keywords: &mut Map<String, Value>, others: Map<String, Value>) {
    for (key, value) in others {
        match (keywords.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(more)) if key == "properties" => known.extend(more),
            (Some(Value::Array(known)), Value::Array(more)) if key == "required" => known.extend(more),
            (_, value) => {
                keywords.insert(key, value);
            }
        }
    }
}
