//! The whole way, from routes to both documents.

mod sample;

use serde_json::{Value, json};

use super::{DocumentError, Documents, EventDescription, documents};

fn made() -> Documents {
    documents(&sample::spec(), &[sample::event()]).unwrap()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_text_is_the_same_each_time_and_ends_with_a_newline() {
    let first = made();
    assert_eq!(first, made());
    assert!(first.v31.starts_with("{\n  \"openapi\": \"3.1.0\",\n  \"info\""));
    assert!(first.v30.starts_with("{\n  \"openapi\": \"3.0.3\",\n  \"info\""));
    assert!(first.v31.ends_with("}\n") && first.v30.ends_with("}\n"));
}

#[test]
fn nothing_of_30_is_left_in_31() {
    let text = made().v31;
    for word in ["\"nullable\"", "charset", "naive-", "\"exclusiveMinimum\": true", ".0,", "\"explode\""] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn schemas_of_31_say_null_and_refer_in_place() {
    let document = parsed(&made().v31);
    let contact = &document["components"]["schemas"]["Contact"];
    assert_eq!(contact["properties"]["email"]["type"], json!(["string", "null"]));
    assert_eq!(
        contact["properties"]["lifecycle"],
        json!({
            "description": "Where the contact stands.",
            "oneOf": [{"$ref": "#/components/schemas/Lifecycle"}, {"type": "null"}],
        })
    );
    assert_eq!(
        contact["properties"]["address"],
        json!({"$ref": "#/components/schemas/Address", "description": "Where to write to."})
    );
    assert_eq!(
        contact["properties"]["score"],
        json!({"type": "integer", "format": "uint8", "maximum": 100, "minimum": 0})
    );
}

#[test]
fn schemas_of_30_keep_its_own_words() {
    let document = parsed(&made().v30);
    let contact = &document["components"]["schemas"]["Contact"];
    assert_eq!(contact["properties"]["email"]["nullable"], true);
    assert_eq!(
        contact["properties"]["lifecycle"],
        json!({
            "description": "Where the contact stands.",
            "nullable": true,
            "allOf": [{"$ref": "#/components/schemas/Lifecycle"}],
        })
    );
    assert_eq!(document.get("webhooks"), None);
    assert_eq!(document["components"]["schemas"].get("WebhookEvent"), None);
}

#[test]
fn requests_are_closed_and_answers_are_open() {
    let document = parsed(&made().v31);
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["NewContact"]["additionalProperties"], false);
    assert_eq!(schemas["ChangeContact"]["additionalProperties"], false);
    assert_eq!(
        schemas["Contact"]["required"],
        json!(["id", "email", "lifecycle", "score", "address", "born", "activity"])
    );
    for open in ["Contact", "Address", "Problem", "WebhookEvent", "ContactCreatedEvent"] {
        assert_eq!(schemas[open].get("additionalProperties"), None, "{open}");
    }
}

#[test]
fn operations_share_errors_name_headers_and_say_who_may_call() {
    let document = parsed(&made().v31);
    let operation = |path: &str, method: &str| document["paths"][path][method].clone();
    let create = operation("/contacts", "post");
    assert_eq!(create["responses"]["400"], json!({"$ref": "#/components/responses/BadRequest"}));
    assert_eq!(create["responses"]["404"], json!({"$ref": "#/components/responses/NotFound"}));
    assert!(create["responses"]["201"]["headers"]["ETag"].is_object());
    assert!(create["responses"]["201"]["content"]["application/json"].is_object());
    assert_eq!(create["security"], json!([{"ApiKey": []}]));
    assert_eq!(create["parameters"][0]["name"], "Idempotency-Key");
    assert_eq!(operation("/errors", "get")["security"], json!([]));
    assert_eq!(document["components"]["securitySchemes"]["ApiKey"]["name"], "X-Api-Key");
}

#[test]
fn a_path_that_two_api_structs_write_is_refused() {
    let Err(DocumentError(problems)) = documents(&sample::spec_with_a_path_twice(), &[]) else {
        panic!("the second path would have replaced the first");
    };
    assert!(problems[0].contains("\"/contacts\" is used twice"), "{problems:?}");
}

#[test]
fn an_operation_without_a_proper_name_is_refused() {
    let spec = sample::spec().replace("list_errors", "listErrors");
    let Err(DocumentError(problems)) = documents(&spec, &[]) else { panic!("listErrors passed") };
    assert_eq!(problems, ["GET /errors: the operation id \"listErrors\" is not verb_noun in snake case"]);
}

#[test]
fn an_event_without_a_schema_is_refused() {
    let lost = EventDescription { data_schema_ref: "Nothing", ..sample::event() };
    assert!(documents(&sample::spec(), &[lost]).is_err());
}
