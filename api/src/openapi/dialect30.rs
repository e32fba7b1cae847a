//! OpenAPI 3.0.3, for generators that read nothing newer.

use serde_json::{Value, json};

use super::walk::each_operation;

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
    with_one_form_of_success(&mut document);
    document
}

/// Answers that come only for a `Prefer` go: progenitor, for which 3.0 is written, takes one type of success, and what an
/// operation answers by itself is one.
fn with_one_form_of_success(document: &mut Value) {
    each_operation(document, |_, _, operation| {
        if let Some(Value::Object(responses)) = operation.get_mut("responses") {
            responses.retain(|status, response| !(status.starts_with('2') && is_preferred(response)));
            responses.values_mut().for_each(without_streams);
        }
    });
}

fn is_preferred(response: &Value) -> bool {
    response["description"].as_str().is_some_and(|text| text.contains("for `Prefer: "))
}

/// What a client has to ask for by `Accept` goes where there is JSON.
fn without_streams(response: &mut Value) {
    if let Some(Value::Object(content)) = response.get_mut("content")
        && content.contains_key("application/json")
    {
        content.retain(|media_type, _| media_type == "application/json");
    }
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

    #[test]
    fn a_stream_beside_json_goes() {
        let of =
            |content: Value| json!({"paths": {"/a": {"get": {"responses": {"200": {"content": content}}}}}});
        let mut document = of(json!({"application/json": {}, "text/event-stream": {}}));
        with_one_form_of_success(&mut document);
        assert_eq!(document, of(json!({"application/json": {}})));
    }

    #[test]
    fn what_is_answered_by_itself_is_the_only_success() {
        let mut document = json!({"paths": {"/a": {"patch": {"responses": {
            "200": {"description": "The record."}, "204": {"description": "It was done, for `Prefer: return=minimal`."},
            "412": {"description": "Changed"},
        }}}}});
        with_one_form_of_success(&mut document);
        let left = document["paths"]["/a"]["patch"]["responses"].as_object().expect("responses");
        assert_eq!(left.keys().collect::<Vec<_>>(), ["200", "412"]);
    }
}
