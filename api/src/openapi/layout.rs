//! The order in which things are written: what tells most comes first, the rest as it was declared.

use serde_json::Value;

use super::walk::{Object, each_operation, each_schema};

const DOCUMENT: &[&str] =
    &["openapi", "info", "servers", "tags", "security", "paths", "webhooks", "components"];
const COMPONENTS: &[&str] = &["securitySchemes", "parameters", "headers", "responses", "schemas"];
const OPERATION: &[&str] = &[
    "operationId",
    "tags",
    "summary",
    "description",
    "deprecated",
    "security",
    "parameters",
    "requestBody",
    "responses",
];
const SCHEMA: &[&str] = &[
    "$ref",
    "title",
    "description",
    "deprecated",
    "type",
    "format",
    "nullable",
    "enum",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "oneOf",
    "anyOf",
    "allOf",
    "discriminator",
];

const PARAMETER: &[&str] = &["name", "in", "description", "deprecated", "required", "schema", "example"];
const WITH_CONTENT: &[&str] = &["description", "required", "headers", "content"];

/// Brings the keys of a document into order; components are by name.
pub(super) fn arrange(document: &mut Value) {
    if let Value::Object(document) = document {
        bring_forward(document, DOCUMENT);
    }
    if let Some(Value::Object(components)) = document.get_mut("components") {
        bring_forward(components, COMPONENTS);
        components.values_mut().filter_map(Value::as_object_mut).for_each(Object::sort_keys);
    }
    each_operation(document, |_, _, operation| {
        bring_forward(operation, OPERATION);
        if let Some(Value::Object(responses)) = operation.get_mut("responses") {
            responses.sort_keys();
        }
    });
    arrange_parameters_and_bodies(document);
    each_schema(document, &mut |schema| bring_forward(schema, SCHEMA));
}

/// Parameters, headers, request bodies and responses, told by what they have.
fn arrange_parameters_and_bodies(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(arrange_parameters_and_bodies),
        Value::Object(object) => {
            if object.contains_key("content") {
                bring_forward(object, WITH_CONTENT);
            } else if object.contains_key("schema") {
                bring_forward(object, PARAMETER);
            }
            let inner = object
                .iter_mut()
                .filter(|(key, _)| !["schema", "schemas", "example"].contains(&key.as_str()));
            inner.for_each(|(_, value)| arrange_parameters_and_bodies(value));
        }
        _ => {}
    }
}

fn bring_forward(object: &mut Object, order: &[&str]) {
    let known = order.iter().filter_map(|key| object.shift_remove_entry(*key)).collect::<Vec<_>>();
    let rest = std::mem::take(object);
    object.extend(known.into_iter().chain(rest));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_keys_come_first_and_declared_ones_stay_in_order() {
        let mut document = json!({
            "components": {
                "schemas": {
                    "B": {"properties": {"z": {"maximum": 1, "type": "integer"}, "a": {}}, "type": "object"},
                    "A": {},
                },
                "responses": {},
            },
            "paths": {
                "/z": {"get": {"responses": {"404": {}, "200": {}}, "operationId": "get_z"}},
                "/a": {},
            },
            "openapi": "3.1.0",
        });
        arrange(&mut document);
        assert_eq!(
            document.to_string(),
            concat!(
                r#"{"openapi":"3.1.0","#,
                r#""paths":{"/z":{"get":{"operationId":"get_z","responses":{"200":{},"404":{}}}},"/a":{}},"#,
                r#""components":{"responses":{},"schemas":{"A":{},"#,
                r#""B":{"type":"object","properties":{"z":{"type":"integer","maximum":1},"a":{}}}}}}"#,
            )
        );
    }
}
