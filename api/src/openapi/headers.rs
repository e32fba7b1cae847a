//! Names of headers.

use serde_json::Value;

use super::walk::Object;

/// Words that are not simply written with one capital.
const WORDS: [&str; 3] = ["ETag", "RateLimit", "WWW"];

/// `X-REQUEST-ID` is `X-Request-Id`: poem-openapi shouts the names of headers.
pub(super) fn in_usual_case(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(in_usual_case),
        Value::Object(object) => {
            if object.get("in").is_some_and(|place| place == "header")
                && let Some(Value::String(name)) = object.get_mut("name")
            {
                *name = usual_case(name);
            }
            // Of an answer, which is described; a property may be called so too.
            let is_answer = object.get("description").is_some_and(Value::is_string);
            if let Some(Value::Object(headers)) = object.get_mut("headers").filter(|_| is_answer) {
                let renamed =
                    std::mem::take(headers).into_iter().map(|(name, value)| (usual_case(&name), value));
                *headers = renamed.collect::<Object>();
            }
            object.values_mut().for_each(in_usual_case);
        }
        _ => {}
    }
}

fn usual_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let known = WORDS.iter().find(|known| known.eq_ignore_ascii_case(word));
        known.map_or_else(|| with_one_capital(word), |known| (*known).to_owned())
    });
    words.collect::<Vec<_>>().join("-")
}

fn with_one_capital(word: &str) -> String {
    let mut word = word.to_ascii_lowercase();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    word
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{in_usual_case, usual_case};

    #[test]
    fn names_are_written_as_usual() {
        let names =
            ["X-REQUEST-ID", "etag", "www-authenticate", "X-RATELIMIT-LIMIT", "RATELIMIT-POLICY", "If-Match"];
        let usual =
            ["X-Request-Id", "ETag", "WWW-Authenticate", "X-RateLimit-Limit", "RateLimit-Policy", "If-Match"];
        assert_eq!(names.map(usual_case), usual);
    }

    #[test]
    fn headers_and_parameters_are_renamed_and_nothing_else() {
        let mut document = json!({
            "parameters": [{"in": "header", "name": "PREFER"}, {"in": "query", "name": "PREFER"}],
            "200": {"description": "", "headers": {"ETAG": {}}},
            "properties": {"headers": {"type": "object"}, "description": {"type": "string"}},
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        });
        in_usual_case(&mut document);
        assert_eq!(
            document,
            json!({
                "parameters": [{"in": "header", "name": "Prefer"}, {"in": "query", "name": "PREFER"}],
                "200": {"description": "", "headers": {"ETag": {}}},
                "properties": {"headers": {"type": "object"}, "description": {"type": "string"}},
                "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
            })
        );
    }
}
