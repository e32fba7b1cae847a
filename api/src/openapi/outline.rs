//! Of a document what routes are made of: each operation's id, and whether it asks for a credential. The rest is passed over and never in memory.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize, Serialize)]
struct Outline {
    paths: BTreeMap<String, BTreeMap<String, Operation>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    operation_id: String,
    #[serde(default, deserialize_with = "how_many")]
    security: Vec<()>,
}

/// One for each that there is.
fn how_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<()>, D::Error> {
    Vec::<IgnoredAny>::deserialize(deserializer).map(|schemes| vec![(); schemes.len()])
}

/// The outline of a document that this program has made; empty for a text that is none.
pub fn of(document: &str) -> Value {
    let outline: Result<Outline, _> = serde_json::from_str(document);
    outline.and_then(serde_json::to_value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn every_operation_and_nothing_else() {
        let document = json!({
            "openapi": "3.1.0",
            "paths": {"/a": {"get": {"operationId": "get_a", "security": [{"key": []}], "responses": {}},
                             "post": {"operationId": "create_a", "security": []}}},
            "components": {"schemas": {}},
        });
        let expected = json!({"paths": {"/a": {"get": {"operationId": "get_a", "security": [null]},
                                               "post": {"operationId": "create_a", "security": []}}}});
        assert_eq!(super::of(&document.to_string()), expected);
    }
}
