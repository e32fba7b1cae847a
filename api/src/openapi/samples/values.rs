//! Values that fit a schema and look like what they are.

use serde_json::{Value, json};

use crate::openapi::walk::{Object, component};

const ID: &str = "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f";

/// Endings of the components that describe other forms of what `…Input` describes.
const RELATIVES: [&str; 2] = ["Patch", "Replacement"];

/// Optional members that are shown where nothing is required.
const TELLING: [&str; 2] = ["filter", "limit"];

/// A value of a component: its own example, or one that is made of its relative's, or of its required members.
pub(super) fn of_component(name: &str, components: &Value) -> Value {
    let schema = &components["schemas"][name];
    if let Some(example) = schema.get("example") {
        return without_nulls(example);
    }
    let properties = schema["properties"].as_object();
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
    };
    let mut made = Object::new();
    for (property, schema) in properties.into_iter().flatten() {
        if required(property) {
            let relative = relative(name, components).and_then(|example| example.get(property).cloned());
            let value = relative.unwrap_or_else(|| of_member(property, schema, components));
            made.insert(property.clone(), value);
        }
    }
    if made.is_empty() {
        made = something_of(name, properties, components);
    }
    if made.is_empty() && schema.get("type").is_some_and(|name| name != "object") {
        return of_schema(schema, components);
    }
    Value::Object(made)
}

/// Where nothing is required: the first member of the relative's example, or the members that tell something.
fn something_of(name: &str, properties: Option<&Object>, components: &Value) -> Object {
    let has = |property: &str| properties.is_some_and(|properties| properties.contains_key(property));
    let example = relative(name, components).unwrap_or_default();
    if let Some((property, value)) = example.into_iter().find(|(property, _)| has(property)) {
        return Object::from_iter([(property, value)]);
    }
    let telling =
        properties.into_iter().flatten().filter(|(property, _)| TELLING.contains(&property.as_str()));
    telling.map(|(property, schema)| (property.clone(), of_member(property, schema, components))).collect()
}

/// The example of `ContactInput`, for `ContactPatch`.
fn relative(name: &str, components: &Value) -> Option<Object> {
    let stem = RELATIVES.iter().find_map(|ending| name.strip_suffix(ending))?;
    let example = components["schemas"][format!("{stem}Input")].get("example")?;
    without_nulls(example).as_object().cloned()
}

/// A value of a property or a parameter: by its name where that says more than its type.
pub(super) fn of_member(name: &str, schema: &Value, components: &Value) -> Value {
    let is_text = schema["type"] == "string";
    match name {
        "filter" if is_text => json!("createdAt >= 2025-01-01"),
        "filter" => json!({"field": "createdAt", "op": ">=", "value": "2025-01-01"}),
        "limit" => json!(50),
        "key" => json!("externalId"),
        "value" if is_text => json!("crm-1001"),
        "Upload-Offset" => json!(0),
        "If-Match" => json!("\"v1\""),
        "eventId" => json!("evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV"),
        "toId" => json!("0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e62"),
        "replayId" => json!("0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e63"),
        "stageId" => json!("0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e60"),
        _ => of_schema(schema, components),
    }
}

/// A value by its type alone.
fn of_schema(schema: &Value, components: &Value) -> Value {
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    if let Some(name) = component_of(schema) {
        return of_component(name, components);
    }
    match (schema["type"].as_str().unwrap_or_default(), schema["format"].as_str().unwrap_or_default()) {
        ("string", "uuid") => json!(ID),
        ("string", "date-time") => json!("2026-01-31T12:00:00Z"),
        ("string", "date") => json!("2026-01-31"),
        ("string", _) => json!("text"),
        ("integer", _) => json!(1),
        ("number", _) => json!(1.5),
        ("boolean", _) => json!(true),
        ("array", _) => json!([of_schema(&schema["items"], components)]),
        _ => json!({}),
    }
}

/// The component that a schema refers to.
pub(super) fn component_of(schema: &Value) -> Option<&str> {
    let reference = schema.get("$ref").or_else(|| schema["allOf"].get(0)?.get("$ref"));
    reference.and_then(|name| component(name, "schemas"))
}

/// What is left out is the same as null in what a client sends, and shorter.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Object(members) => {
            let said = members.iter().filter(|(_, value)| !value.is_null());
            said.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
        }
        value => value.clone(),
    }
}
