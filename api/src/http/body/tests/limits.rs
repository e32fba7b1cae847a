//! Limits and the words in which they are told.

use serde_json::{Value, json};

use super::super::check::MAX_ERRORS;
use super::super::{Body, BodyError, FieldError};
use super::{NewLead, message, refused};

#[test]
fn lengths_are_counted_in_characters() {
    let stage = |name: &str| json!({"title": "A", "stages": [{"name": name}]});
    assert!(Body::<NewLead>::from_value(stage("ααααα"), false).is_ok());
    assert_eq!(message::<NewLead>(stage("αααααα")), "Must have at most 5 characters");
    assert_eq!(message::<NewLead>(stage("")), "Must not be empty");
}

#[test]
fn a_list_may_ask_for_unique_items() {
    assert_eq!(refused::<NewLead>(json!({"title": "A", "tags": ["a", "b", "a"]})), ["/tags NOT_UNIQUE"]);
}

#[test]
fn values_of_an_enum_are_listed() {
    assert_eq!(message::<NewLead>(json!({"title": "A", "status": "x"})), "Must be one of: new, won");
}

#[test]
fn an_answer_has_a_bounded_number_of_errors_and_length() {
    let body: Value = (0..MAX_ERRORS + 50).map(|index| (format!("x{index}"), Value::Null)).collect();
    assert_eq!(refused::<NewLead>(body).len(), MAX_ERRORS);
    assert_eq!(refused::<NewLead>(json!({"title": "A", "x".repeat(100_000): 1})), [" UNKNOWN_FIELD"]);
}

#[test]
fn the_code_of_the_answer_follows_the_fields() {
    let code = |body| Body::<NewLead>::from_value(body, false).unwrap_err().code();
    assert_eq!(code(json!({"title": "A", "x": 1})), "UNKNOWN_FIELD");
    assert_eq!(code(json!({"x": 1})), "VALIDATION_ERROR");
}

#[test]
fn details_name_a_field_by_its_path() {
    let name =
        |pointer: &str| FieldError { pointer: pointer.into(), code: "", message: String::new() }.name();
    assert_eq!(name("/email"), "email");
    assert_eq!(name("/stages/0/a~1b"), "stages.0.a/b");
    assert_eq!(name(""), "body");
}

#[test]
fn malformed_json_is_told_with_its_place() {
    let message = |bytes: &[u8]| match Body::<NewLead>::from_bytes(bytes, false) {
        Err(BodyError::Malformed { message }) => message,
        other => panic!("expected malformed JSON, got {other:?}"),
    };
    assert_eq!(message(b" \n"), "the body is empty");
    assert_eq!(message(b"{\n \"title\" 1}"), "expected `:` at line 2 column 10");
    assert_eq!(message(b"{} {}"), "trailing characters at line 1 column 4");
    assert_eq!(
        message(br#"{"title": "A", "title": "B"}"#),
        "the name \"title\" is used twice in one object at line 1 column 22"
    );
    assert!(message(br#"{"title": "\ud800"}"#).contains("at line 1 column"));
    assert!(message(&b"[".repeat(200)).contains("recursion limit exceeded"));
    assert!(message(b"{\"title\": \"\xff\"}").contains("invalid unicode"));
}
