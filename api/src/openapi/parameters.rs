//! Parameters and headers.

use serde_json::{Value, json};

/// Leaves out what is so anyway: `deprecated: false` and, but for objects, `explode: true`.
pub(super) fn without_defaults(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(without_defaults),
        Value::Object(object) => {
            if object.contains_key("schema") {
                let explodes = object.get("schema").is_some_and(|schema| schema["type"] != "object")
                    && !object.contains_key("style");
                object.retain(|key, value| {
                    !(key == "deprecated" && *value == json!(false)
                        || key == "explode" && *value == json!(true) && explodes)
                });
            }
            object.values_mut().for_each(without_defaults);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn defaults_are_left_out() {
        let mut document = json!([
            {"name": "a", "schema": {"type": "string"}, "deprecated": false, "explode": true},
            {"name": "b", "schema": {"type": "object"}, "deprecated": true, "explode": true},
            {"name": "c", "schema": {"type": "array"}, "explode": false},
        ]);
        super::without_defaults(&mut document);
        assert_eq!(
            document,
            json!([
                {"name": "a", "schema": {"type": "string"}},
                {"name": "b", "schema": {"type": "object"}, "deprecated": true, "explode": true},
                {"name": "c", "schema": {"type": "array"}, "explode": false},
            ])
        );
    }
}
