//! Ways through a document.

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Every operation, of paths and of webhooks, with its path or name and its method.
pub(super) fn each_operation(document: &mut Value, mut visit: impl FnMut(&str, &str, &mut Object)) {
    for group in ["paths", "webhooks"] {
        for (path, item) in document.get_mut(group).and_then(Value::as_object_mut).into_iter().flatten() {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                if let (true, Value::Object(operation)) = (METHODS.contains(&method.as_str()), operation) {
                    visit(path, method, operation);
                }
            }
        }
    }
}

/// Every schema, wherever it stands, the inner ones first.
pub(super) fn each_schema(document: &mut Value, visit: &mut impl FnMut(&mut Object)) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(|item| each_schema(item, visit)),
        Value::Object(object) => {
            for (key, value) in object {
                match key.as_str() {
                    // Parameters, headers and media types.
                    "schema" => each_schema_within(value, visit),
                    // Components.
                    "schemas" => each_value(value, |schema| each_schema_within(schema, visit)),
                    "example" | "examples" => {}
                    _ => each_schema(value, visit),
                }
            }
        }
        _ => {}
    }
}

/// Every schema of which a schema is made, itself last.
pub(super) fn each_schema_within(schema: &mut Value, visit: &mut impl FnMut(&mut Object)) {
    let Value::Object(schema) = schema else { return };
    for (key, value) in schema.iter_mut() {
        match key.as_str() {
            "properties" => each_value(value, |property| each_schema_within(property, visit)),
            "items" | "additionalProperties" => each_schema_within(value, visit),
            "oneOf" | "anyOf" | "allOf" => {
                for member in value.as_array_mut().into_iter().flatten() {
                    each_schema_within(member, visit);
                }
            }
            _ => {}
        }
    }
    visit(schema);
}

fn each_value(object: &mut Value, visit: impl FnMut(&mut Value)) {
    object.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(visit);
}

/// An object inside an object, made where it is missing.
pub(super) fn child<'a>(parent: &'a mut Value, key: &str) -> &'a mut Object {
    if !parent[key].is_object() {
        parent[key] = Value::Object(Object::new());
    }
    match &mut parent[key] {
        Value::Object(object) => object,
        _ => unreachable!("it has just been made an object"),
    }
}

/// The key of the component that a reference names.
pub(super) fn component<'a>(reference: &'a Value, kind: &str) -> Option<&'a str> {
    reference.as_str()?.strip_prefix("#/components/")?.strip_prefix(kind)?.strip_prefix('/')
}
