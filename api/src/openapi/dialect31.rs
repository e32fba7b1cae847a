//! OpenAPI 3.1.0, whose schemas are JSON Schema 2020-12.

use serde_json::{Value, json};

use super::schemas::{is_reference, take_switch};
use super::walk::{Object, each_schema};

/// The document in 3.1.0.
pub(super) fn convert(mut document: Value) -> Value {
    document["openapi"] = json!("3.1.0");
    each_schema(&mut document, &mut |schema| {
        with_null_as_a_type(schema);
        with_references_in_place(schema);
        with_exclusive_limits(schema);
        with_examples(schema);
    });
    document
}

/// `nullable` is one more type, or one more alternative where there is a reference or a choice.
fn with_null_as_a_type(schema: &mut Object) {
    if !take_switch(schema, "nullable") {
        return;
    }
    let null_type = json!({"type": "null"});
    if let Some(Value::Array(members)) = schema.shift_remove("allOf") {
        let value = match members.as_slice() {
            [single] => single.clone(),
            _ => json!({"allOf": members}),
        };
        schema.insert("oneOf".to_owned(), json!([value, null_type]));
    } else if let Some(name) = schema.get_mut("type") {
        *name = json!([name.take(), "null"]);
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
    } else if let Some(Value::Array(alternatives)) =
        ["oneOf", "anyOf"].iter().find(|key| schema.contains_key(**key)).and_then(|key| schema.get_mut(*key))
    {
        alternatives.push(null_type);
    }
}

/// `allOf: [$ref]`, which 3.0 needs to say anything beside a reference, is `$ref` here.
fn with_references_in_place(schema: &mut Object) {
    let Some(Value::Array(members)) = schema.get_mut("allOf") else { return };
    if let [member] = members.as_mut_slice()
        && is_reference(member)
    {
        let reference = member["$ref"].take();
        schema.shift_remove("allOf");
        schema.shift_insert(0, "$ref".to_owned(), reference);
    }
}

/// `exclusiveMinimum` is the limit itself, not a switch.
fn with_exclusive_limits(schema: &mut Object) {
    for (switch, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if take_switch(schema, switch)
            && let Some(number) = schema.shift_remove(limit)
        {
            schema.insert(switch.to_owned(), number);
        }
    }
}

/// JSON Schema has `examples`.
fn with_examples(schema: &mut Object) {
    if let Some(example) = schema.shift_remove("example") {
        schema.insert("examples".to_owned(), json!([example]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(schema: Value) -> Value {
        let document = convert(json!({"components": {"schemas": {"A": schema}}}));
        assert_eq!(document["openapi"], "3.1.0");
        document["components"]["schemas"]["A"].clone()
    }

    #[test]
    fn null_is_a_type() {
        assert_eq!(
            converted(json!({"type": "string", "nullable": true})),
            json!({"type": ["string", "null"]})
        );
        assert_eq!(
            converted(json!({"type": "string", "enum": ["a"], "nullable": true})),
            json!({"type": ["string", "null"], "enum": ["a", null]})
        );
        assert_eq!(
            converted(json!({"anyOf": [{"type": "string"}], "nullable": true})),
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]})
        );
        assert_eq!(
            converted(json!({"description": "anything", "nullable": true})),
            json!({"description": "anything"})
        );
    }

    #[test]
    fn a_property_may_be_called_nullable() {
        let schema = json!({"properties": {"nullable": {"type": "boolean"}, "example": {"type": "string"}}});
        assert_eq!(converted(schema.clone()), schema);
    }

    #[test]
    fn a_reference_stands_beside_what_is_said_of_it() {
        let reference = json!({"$ref": "#/components/schemas/B"});
        assert_eq!(
            converted(json!({"allOf": [reference], "description": "b"})),
            json!({"$ref": "#/components/schemas/B", "description": "b"})
        );
        assert_eq!(
            converted(json!({"allOf": [reference], "description": "b", "nullable": true})),
            json!({"oneOf": [reference, {"type": "null"}], "description": "b"})
        );
        let composite = json!({"allOf": [reference, {"type": "object"}]});
        assert_eq!(converted(composite.clone()), composite);
    }

    #[test]
    fn limits_exclude_by_themselves() {
        assert_eq!(
            converted(json!({"type": "integer", "minimum": 0, "exclusiveMinimum": true, "maximum": 9})),
            json!({"type": "integer", "maximum": 9, "exclusiveMinimum": 0})
        );
    }

    #[test]
    fn an_example_is_one_of_examples() {
        assert_eq!(
            converted(json!({"type": "string", "example": "a"})),
            json!({"type": "string", "examples": ["a"]})
        );
    }
}
