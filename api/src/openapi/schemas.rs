//! Schemas, in what both dialects share.

use serde_json::{Value, json};

use super::walk::{Object, each_schema};

/// poem-openapi keeps limits as floating point: `1.0` is `1`.
pub(super) fn with_whole_numbers(document: &mut Value) {
    each_schema(document, &mut |schema| {
        for key in ["minimum", "maximum", "multipleOf"] {
            if let Some(limit) = schema.get_mut(key)
                && let Some(whole) = limit.as_f64().and_then(whole)
            {
                *limit = json!(whole);
            }
        }
    });
}

/// Floating point is exact for whole numbers up to 2^53.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// A union says `type: object` for itself, which is not so for unions of other things and idle for the rest.
pub(super) fn without_type_beside_alternatives(document: &mut Value) {
    each_schema(document, &mut |schema| {
        if schema.contains_key("oneOf") || schema.contains_key("anyOf") {
            schema.shift_remove("type");
        }
    });
}

/// A component's title that only repeats its key.
pub(super) fn without_repeated_titles(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for (key, schema) in schemas.into_iter().flatten() {
        if let Value::Object(schema) = schema
            && schema.get("title").is_some_and(|title| title == key)
        {
            schema.shift_remove("title");
        }
    }
}

/// Formats by their registered names, and the lower bound of unsigned integers, which only their format told.
pub(super) fn with_standard_formats(document: &mut Value) {
    each_schema(document, &mut |schema| {
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
        if format == "naive-date" {
            schema.insert("format".to_owned(), json!("date"));
        }
        if format.starts_with("uint") && !schema.contains_key("minimum") {
            schema.insert("minimum".to_owned(), json!(0));
        }
    });
}

/// A referenced type with something said beside it: `allOf: [$ref, {…}], …` says that something twice.
pub(super) fn with_single_references(document: &mut Value) {
    each_schema(document, &mut |schema| {
        let repeats = match schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
            Some([reference, Value::Object(beside)]) => {
                is_reference(reference) && beside.keys().all(|key| schema.contains_key(key))
            }
            _ => false,
        };
        if repeats && let Some(Value::Array(members)) = schema.get_mut("allOf") {
            members.truncate(1);
        }
    });
}

/// An example that a request type makes of itself has null for what is left out: it is left out here too.
pub(super) fn without_idle_nulls_in_examples(document: &mut Value) {
    each_schema(document, &mut |schema| {
        let nullable = |name: &str| schema["properties"][name]["nullable"] == true;
        let Some(Value::Object(example)) = schema.get("example") else { return };
        let fitting = example.iter().filter(|(name, value)| !value.is_null() || nullable(name));
        let fitting: Object = fitting.map(|(name, value)| (name.clone(), without_nulls(value))).collect();
        schema.insert("example".to_owned(), Value::Object(fitting));
    });
}

/// The same below: what is within an example has left out what it does not say.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let said = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(said.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// Whether a schema is a reference and nothing else.
pub(super) fn is_reference(schema: &Value) -> bool {
    schema.as_object().is_some_and(|schema| schema.len() == 1 && schema.contains_key("$ref"))
}

/// Takes a switch out of a schema, and says whether it was on.
pub(super) fn take_switch(schema: &mut Object, key: &str) -> bool {
    if !schema.get(key).is_some_and(Value::is_boolean) {
        return false;
    }
    schema.shift_remove(key) == Some(Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(change: fn(&mut Value), schema: Value) -> Value {
        let mut document = json!({"components": {"schemas": {"A": schema}}});
        change(&mut document);
        document["components"]["schemas"]["A"].take()
    }

    #[test]
    fn limits_are_whole_numbers_where_they_can_be() {
        let schema = json!({"properties": {"n": {"minimum": 1.0, "maximum": 1.5}}});
        assert_eq!(
            changed(with_whole_numbers, schema).to_string(),
            r#"{"properties":{"n":{"minimum":1,"maximum":1.5}}}"#
        );
    }

    #[test]
    fn a_union_has_no_type() {
        let schema = json!({"type": "object", "oneOf": [{"type": "object"}]});
        assert_eq!(changed(without_type_beside_alternatives, schema), json!({"oneOf": [{"type": "object"}]}));
    }

    #[test]
    fn a_title_tells_something_new_or_goes() {
        assert_eq!(changed(without_repeated_titles, json!({"title": "A"})), json!({}));
        assert_eq!(changed(without_repeated_titles, json!({"title": "B"})), json!({"title": "B"}));
    }

    #[test]
    fn formats_are_standard() {
        let schema = json!({"items": {"format": "naive-date"}, "additionalProperties": {"format": "uint8"}});
        assert_eq!(
            changed(with_standard_formats, schema),
            json!({"items": {"format": "date"}, "additionalProperties": {"format": "uint8", "minimum": 0}})
        );
    }

    #[test]
    fn an_example_has_null_only_where_null_fits() {
        let schema = json!({
            "properties": {"a": {"nullable": true}, "b": {}, "c": {}},
            "example": {"a": null, "b": null, "c": 1},
        });
        assert_eq!(changed(without_idle_nulls_in_examples, schema)["example"], json!({"a": null, "c": 1}));
        let schema = json!({"type": "string", "example": "a"});
        assert_eq!(changed(without_idle_nulls_in_examples, schema.clone()), schema);
    }

    #[test]
    fn what_is_said_beside_a_reference_is_said_once() {
        let reference = json!({"$ref": "#/components/schemas/B"});
        let twice = json!({"allOf": [reference, {"description": "b"}], "description": "b", "nullable": true});
        let once = json!({"allOf": [reference], "description": "b", "nullable": true});
        assert_eq!(changed(with_single_references, twice), once);
        let composite = json!({"allOf": [reference, {"properties": {}}]});
        assert_eq!(changed(with_single_references, composite.clone()), composite);
    }
}
