//! Answers say everything: what is absent is null, not missing.

use serde_json::{Value, json};

use super::reach::Reach;
use super::walk::{Object, each_schema_within};

/// `required` of the schemas that requests do not reach has their nullable properties too.
///
/// poem-openapi leaves every `Option` out of `required`, though it always writes null for one that is nullable. An
/// `Option` that is not nullable is one that is left out of answers, and stays optional.
pub(super) fn with_nullable_properties_required(document: &mut Value) {
    let reach = Reach::of(document);
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else { return };
    for name in reach.others.difference(&reach.requests) {
        if let Some(schema) = schemas.get_mut(name) {
            each_schema_within(schema, &mut require_nullable);
        }
    }
}

fn require_nullable(schema: &mut Object) {
    let Some(Value::Object(properties)) = schema.get("properties") else { return };
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &String| required.is_some_and(|names| names.iter().any(|known| known == name));
    let said = |property: &Value, key: &str| property.get(key) == Some(&Value::Bool(true));
    let always: Vec<Value> = properties
        .iter()
        .filter(|(name, property)| {
            is_required(name) || (said(property, "nullable") && !said(property, "writeOnly"))
        })
        .map(|(name, _)| json!(name))
        .collect();
    if !always.is_empty() {
        schema.insert("required".to_owned(), Value::Array(always));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_always_has_what_may_be_null() {
        let schema = json!({
            "type": "object",
            "required": ["b"],
            "properties": {
                "a": {"type": "string", "nullable": true}, "b": {"type": "string"}, "c": {"type": "string"},
                "nullable": {"type": "boolean"},
            },
        });
        let content = |name: &str| json!({"content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}}});
        let mut document = json!({
            "paths": {"/a": {"post": {"requestBody": content("In"), "responses": {"200": content("Out")}}}},
            "components": {"schemas": {"In": schema, "Out": schema}},
        });
        with_nullable_properties_required(&mut document);
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["Out"]["required"], json!(["a", "b"]));
        assert_eq!(schemas["In"], schema);
    }
}
