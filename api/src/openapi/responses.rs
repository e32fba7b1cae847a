//! Responses.

use std::cmp::Reverse;

use http::StatusCode;
use serde_json::{Value, json};

use super::walk::{Object, child, each_operation};

/// A response without words gets those of its status.
pub(super) fn with_descriptions(document: &mut Value) {
    each_response(document, |status, response| {
        let description = &mut response["description"];
        if description.as_str().is_none_or(str::is_empty) {
            *description = json!(reason(status));
        }
    });
}

/// Error responses that several operations have go to `components.responses`, named by their status.
///
/// Where one status has several forms, the one used most has the plain name and the next are numbered from 2.
pub(super) fn share_errors(document: &mut Value) {
    let shared = shared_errors(document);
    for (_, name, response) in &shared {
        child(&mut document["components"], "responses").insert(name.clone(), response.clone());
    }
    each_response(document, |status, response| {
        let found = shared.iter().find(|(of, _, shared)| of == status && shared == response);
        if let Some((_, name, _)) = found {
            *response = json!({"$ref": format!("#/components/responses/{name}")});
        }
    });
}

/// Status, name and response of what is worth sharing, by status.
fn shared_errors(document: &mut Value) -> Vec<(String, String, Value)> {
    let mut counted: Vec<(String, Value, usize)> = Vec::new();
    each_response(document, |status, response| {
        if !is_error(status) {
            return;
        }
        match counted.iter_mut().find(|(of, known, _)| of == status && known == response) {
            Some((_, _, count)) => *count += 1,
            None => counted.push((status.to_owned(), response.clone(), 1)),
        }
    });
    // Stable: forms that are used equally often stay in the order of the document.
    counted.sort_by_key(|(status, _, count)| (status.clone(), Reverse(*count)));
    let mut shared: Vec<(String, String, Value)> = Vec::new();
    for (status, response, _) in counted.into_iter().filter(|(_, _, count)| *count > 1) {
        let name = match shared.iter().filter(|(of, ..)| *of == status).count() {
            0 => component_name(&status),
            earlier => format!("{}{}", component_name(&status), earlier + 1),
        };
        shared.push((status, name, response));
    }
    shared
}

fn each_response(document: &mut Value, mut visit: impl FnMut(&str, &mut Value)) {
    each_operation(document, |_, _, operation: &mut Object| {
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        responses.into_iter().flatten().for_each(|(status, response)| visit(status, response));
    });
}

fn is_error(status: &str) -> bool {
    status.starts_with(['4', '5']) || status == "default"
}

/// `Not Found` of 404.
fn reason(status: &str) -> &str {
    let status = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
    status.and_then(|status| status.canonical_reason()).unwrap_or("Any other answer")
}

/// `NotFound` of 404.
fn component_name(status: &str) -> String {
    match status.parse::<u16>() {
        Ok(_) => reason(status).replace([' ', '-', '\''], ""),
        Err(_) => format!("Error{}", status.to_uppercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        json!({"paths": {
            "/a": {"get": {"responses": {"200": {"description": ""}, "404": {"description": "one"}}}},
            "/b": {"get": {"responses": {"200": {"description": ""}, "404": {"description": "two"}}}},
            "/c": {"get": {"responses": {"404": {"description": "two"}, "409": {"description": "alone"}}}},
            "/d": {"get": {"responses": {"404": {"description": "two"}}}},
            "/e": {"get": {"responses": {"404": {"description": "one"}}}},
        }, "components": {"schemas": {}}})
    }

    #[test]
    fn errors_of_several_operations_are_written_once() {
        let mut document = sample();
        share_errors(&mut document);
        assert_eq!(
            document["components"]["responses"],
            json!({"NotFound": {"description": "two"}, "NotFound2": {"description": "one"}})
        );
        let responses = |path: &str| document["paths"][path]["get"]["responses"].clone();
        let one = json!({"$ref": "#/components/responses/NotFound2"});
        let two = json!({"$ref": "#/components/responses/NotFound"});
        assert_eq!(responses("/a"), json!({"200": {"description": ""}, "404": one}));
        assert_eq!(responses("/c"), json!({"404": two, "409": {"description": "alone"}}));
    }

    #[test]
    fn a_response_is_described() {
        let mut document = sample();
        with_descriptions(&mut document);
        assert_eq!(document["paths"]["/a"]["get"]["responses"]["200"]["description"], "OK");
        assert_eq!(component_name("503"), "ServiceUnavailable");
        assert_eq!(component_name("default"), "ErrorDEFAULT");
    }
}
