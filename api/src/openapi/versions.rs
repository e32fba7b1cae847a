//! `Tenon-Version`, which the layers around the operations read and write: here each operation says so.

use serde_json::{Value, json};

use super::walk::{child, each_operation};
use crate::http::versions::NAME;

const COMPONENT: &str = "TenonVersion";

/// Declares the header of every request and of every answer, and what successes say of a version that ends.
pub(super) fn declare(document: &mut Value) {
    child(&mut document["components"], "parameters").insert(COMPONENT.to_owned(), parameter());
    let headers = child(&mut document["components"], "headers");
    for (_, component, says) in ANSWERED {
        headers.insert(component.to_owned(), json!({"description": says, "schema": {"type": "string"}}));
    }
    each_operation(document, |_, _, operation| {
        let reference = json!({"$ref": format!("#/components/parameters/{COMPONENT}")});
        match operation.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(parameters) => parameters.push(reference),
            None => drop(operation.insert("parameters".to_owned(), json!([reference]))),
        }
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for (status, response) in responses.into_iter().flatten() {
            let headers = child(response, "headers");
            let of_successes = if status.starts_with('2') { ANSWERED.len() } else { 1 };
            for (name, component, _) in &ANSWERED[..of_successes] {
                let reference = json!({"$ref": format!("#/components/headers/{component}")});
                headers.insert((*name).to_owned(), reference);
            }
        }
    });
}

/// Name, component and meaning of each header of answers; the first is on all of them.
const ANSWERED: [(&str, &str, &str); 3] = [
    (NAME, COMPONENT, "The version of the API in which this is answered."),
    (
        "Deprecation",
        "Deprecation",
        "Since when nobody is to begin with this version any more (RFC 9745); `Link` with `rel=\"deprecation\"` names a page about it.",
    ),
    ("Sunset", "Sunset", "From when on this version may be gone (RFC 8594). Absent where that is not known."),
];

fn parameter() -> Value {
    json!({
        "name": NAME,
        "in": "header",
        "description": "The version of the API that this request is made in, such as `2026-01-01`; that of the API key if absent, or else the newest.",
        "required": false,
        "schema": {"type": "string"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_takes_the_header_and_every_answer_has_it() {
        let mut document = json!({"paths": {"/a": {
            "get": {"responses": {"200": {}, "404": {"headers": {"X": {}}}}},
            "post": {"parameters": [{"name": "a"}], "responses": {}},
        }}, "components": {}});
        declare(&mut document);
        let parameter = json!({"$ref": "#/components/parameters/TenonVersion"});
        let header = json!({"$ref": "#/components/headers/TenonVersion"});
        let get = &document["paths"]["/a"]["get"];
        assert_eq!(get["parameters"], json!([parameter]));
        assert_eq!(get["responses"]["404"]["headers"], json!({"X": {}, "Tenon-Version": header}));
        let of_success = get["responses"]["200"]["headers"].as_object().expect("headers");
        assert_eq!(of_success.keys().collect::<Vec<_>>(), ["Tenon-Version", "Deprecation", "Sunset"]);
        assert_eq!(document["paths"]["/a"]["post"]["parameters"], json!([{"name": "a"}, parameter]));
        for name in ["TenonVersion", "Deprecation", "Sunset"] {
            assert!(document["components"]["headers"][name]["description"].is_string(), "{name}");
        }
    }
}
