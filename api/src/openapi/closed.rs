//! Requests refuse fields that they do not know, and say so.

use serde_json::{Value, json};

use super::reach::{Names, Reach, collect_references};
use super::walk::{Object, each_operation, each_schema_within};

/// `additionalProperties: false` on the schemas that only JSON request bodies reach.
///
/// What answers reach stays open, so that a new field breaks no client. A member of a composition stays open too: it
/// would refuse the fields of its neighbours.
pub(super) fn request_schemas(document: &mut Value) {
    let reach = Reach::of(document);
    each_operation(document, |_, _, operation| {
        if let Some(schema) = json_bodies(operation) {
            close(schema);
        }
    });
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else { return };
    let members = composed(schemas);
    for name in reach.requests.difference(&reach.others).filter(|name| !members.contains(*name)) {
        schemas.get_mut(name).into_iter().for_each(close);
    }
}

fn json_bodies(operation: &mut Object) -> Option<&mut Value> {
    operation.get_mut("requestBody")?.get_mut("content")?.get_mut("application/json")?.get_mut("schema")
}

fn close(schema: &mut Value) {
    if is_composition(schema) {
        return;
    }
    each_schema_within(schema, &mut |schema| {
        if schema.get("type").is_some_and(|name| name == "object")
            && !schema.contains_key("additionalProperties")
        {
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
    });
}

fn is_composition(schema: &Value) -> bool {
    schema["allOf"].as_array().is_some_and(|members| members.len() > 1)
}

/// The components that stand beside others in an `allOf`.
fn composed(schemas: &Object) -> Names {
    let mut names = Names::new();
    for schema in schemas.values().filter(|schema| is_composition(schema)) {
        collect_references(&schema["allOf"], &mut names);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(name: &str) -> Value {
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn body(name: &str) -> Value {
        json!({"content": {"application/json": {"schema": reference(name)}}})
    }

    #[test]
    fn only_what_requests_alone_reach_is_closed() {
        let object = json!({"type": "object"});
        let mut document = json!({
            "paths": {"/a": {"post": {"requestBody": body("New"), "responses": {"200": body("Old")}}}},
            "components": {"schemas": {
                "New": {"type": "object", "properties": {
                    "inner": reference("Inner"), "shared": reference("Shared"), "form": reference("Form"),
                    "inline": {"type": "object"}, "map": {"type": "object", "additionalProperties": {}},
                }},
                "Old": {"type": "object", "properties": {"shared": reference("Shared")}},
                "Inner": object, "Shared": object,
                "Form": {"allOf": [{"type": "object"}, reference("Member")]}, "Member": object,
            }},
        });
        request_schemas(&mut document);
        let schemas = &document["components"]["schemas"];
        let closed = json!({"type": "object", "additionalProperties": false});
        assert_eq!(schemas["New"]["additionalProperties"], false);
        assert_eq!(schemas["New"]["properties"]["inline"], closed);
        assert_eq!(schemas["New"]["properties"]["map"]["additionalProperties"], json!({}));
        assert_eq!(schemas["Inner"], closed);
        assert_eq!((&schemas["Shared"], &schemas["Member"]), (&object, &object));
        assert_eq!(schemas["Old"].get("additionalProperties"), None);
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_closed_once() {
        let mut document = json!({
            "paths": {"/a": {"post": {"requestBody": body("Tree")}}},
            "components": {"schemas": {"Tree": {"type": "object", "properties": {"left": reference("Tree")}}}},
        });
        request_schemas(&mut document);
        assert_eq!(document["components"]["schemas"]["Tree"]["additionalProperties"], false);
    }
}
