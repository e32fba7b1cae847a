//! The documents that are committed are the ones that the program writes, and break with nothing that clients may count on.

mod guides;
mod samples;

use std::path::Path;

use serde_json::{Value, json};
use tenon_tests::TestApp;
use tenon_tests::compatibility::{baseline, breaks};

#[test]
fn the_committed_documents_are_the_programs() {
    let documents = tenon_api::spec().unwrap_or_else(|error| panic!("{error}"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi");
    for (name, written) in [("openapi.json", &documents.v31), ("openapi-3.0.json", &documents.v30)] {
        let committed = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            committed == *written,
            "openapi/{name} is not what the program writes; run: cargo run -p tenon-api -- openapi --write openapi"
        );
    }
}

#[test]
fn nothing_breaks_with_what_clients_may_count_on() {
    let found = breaks(&baseline().expect("openapi/baseline.json"), &TestApp::document());
    assert!(
        found.is_empty(),
        "clients would break; undo it, or say why with: cargo accept-openapi --reason \"…\"\n  {}",
        found.join("\n  ")
    );
}

/// The gate sees what it is there for, in the real document.
#[test]
fn a_broken_copy_of_the_document_is_found_out() {
    let whole = TestApp::document();
    assert_eq!(breaks(&whole, &whole), [""; 0]);
    let contacts = "/paths/~1api~1v1~1connection~1contacts";
    for (parent, key, value, says) in [
        (contacts, "post", Value::Null, "POST /api/v1/connection/contacts: it is not there any more"),
        ("/components/schemas/Contact/properties", "email", Value::Null, "Contact as an answer.email"),
        ("/components/schemas/Contact/properties/version", "type", json!("string"), "may be of type string"),
        (
            "/components/schemas/ContactInput",
            "required",
            json!(["name", "email"]),
            "ContactInput as a request.email",
        ),
        ("/components/schemas/LeadStatus", "enum", json!(["new"]), "\"lost\" is not accepted any more"),
        ("/components/schemas/ApiError/properties", "code", Value::Null, "ApiError as an answer.code"),
        ("/webhooks", "contact.created", Value::Null, "event contact.created"),
    ] {
        let mut broken = whole.clone();
        let members = broken.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        match value {
            Value::Null => members.remove(key),
            value => members.insert(key.to_owned(), value),
        };
        let found = breaks(&whole, &broken);
        assert!(found.iter().any(|line| line.contains(says)), "{parent}/{key}: {found:#?}");
    }
}
