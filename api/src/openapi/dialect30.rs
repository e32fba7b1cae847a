//! OpenAPI 3.0.3, for generators that read nothing newer.

use serde_json::{Value, json};

/// The document in 3.0.3: schemas are in poem-openapi's own words; what 3.0 has no word for goes.
///
/// A nullable reference is `nullable` beside `allOf`, without a `type`: that is what generators understand, though some
/// linters would have the type repeated.
pub(super) fn convert(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    if let Value::Object(document) = &mut document {
        document.shift_remove("webhooks");
    }
    if let Some(Value::Object(info)) = document.get_mut("info") {
        info.shift_remove("summary");
        if let Some(Value::Object(license)) = info.get_mut("license") {
            license.shift_remove("identifier");
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_with_31_is_gone() {
        let document = json!({
            "openapi": "3.0.0",
            "info": {"title": "A", "summary": "a", "license": {"name": "MIT", "identifier": "MIT"}},
            "webhooks": {"a.created": {}},
        });
        assert_eq!(
            convert(document),
            json!({"openapi": "3.0.3", "info": {"title": "A", "license": {"name": "MIT"}}})
        );
    }
}
