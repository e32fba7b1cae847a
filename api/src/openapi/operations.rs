//! Operations: who may call them, and what they are called.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::walk::each_operation;

/// `security: []` on operations without credentials, so that public is something that is said.
pub(super) fn with_explicit_security(document: &mut Value) {
    each_operation(document, |_, _, operation| {
        operation.entry("security").or_insert_with(|| json!([]));
    });
}

/// What is wrong with the names of operations: each is `verb_noun` in snake case, and the only one of its name.
#[must_use]
pub fn misnamed(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut known = BTreeMap::new();
    each_operation(&mut document.clone(), |path, method, operation| {
        let place = format!("{} {path}", method.to_uppercase());
        match operation.get("operationId").and_then(Value::as_str) {
            None => problems.push(format!("{place} has no operation id")),
            Some(id) if !is_verb_and_noun(id) => {
                problems.push(format!("{place}: the operation id {id:?} is not verb_noun in snake case"));
            }
            Some(id) => {
                if let Some(other) = known.insert(id.to_owned(), place.clone()) {
                    problems.push(format!("{place} and {other} are both called {id}"));
                }
            }
        }
    });
    problems
}

fn is_verb_and_noun(id: &str) -> bool {
    let mut words = id.split('_');
    let verb = words.next().unwrap_or_default();
    let is_lower = |byte: u8| byte.is_ascii_lowercase();
    !verb.is_empty()
        && verb.bytes().all(is_lower)
        && id.contains('_')
        && words
            .all(|word| !word.is_empty() && word.bytes().all(|byte| is_lower(byte) || byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_without_credentials_says_so() {
        let mut document = json!({"paths": {"/a": {"get": {}, "post": {"security": [{"key": []}]}}}});
        with_explicit_security(&mut document);
        assert_eq!(
            document["paths"]["/a"],
            json!({"get": {"security": []}, "post": {"security": [{"key": []}]}})
        );
    }

    #[test]
    fn operations_are_called_verb_and_noun_and_each_by_its_own_name() {
        let ids = ["list_contacts", "list_api_keys", "get_openapi30"];
        assert!(ids.iter().all(|id| is_verb_and_noun(id)));
        let ids = [
            "",
            "list",
            "_contacts",
            "list_",
            "list__contacts",
            "listContacts",
            "List_contacts",
            "list-contacts",
        ];
        assert!(!ids.iter().any(|id| is_verb_and_noun(id)));
        let document = json!({"paths": {
            "/a": {"get": {"operationId": "list_as"}, "post": {}, "summary": {}},
            "/b": {"get": {"operationId": "list_as"}, "put": {"operationId": "replaceB"}},
        }});
        assert_eq!(
            misnamed(&document),
            [
                "POST /a has no operation id",
                "GET /b and GET /a are both called list_as",
                "PUT /b: the operation id \"replaceB\" is not verb_noun in snake case",
            ]
        );
    }
}
