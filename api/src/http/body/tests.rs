mod limits;
mod properties;
mod request;

use std::collections::HashMap;

use poem_openapi::types::{Any, Email, MaybeUndefined};
use poem_openapi::{Enum, Object, Union};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Body, BodyError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
enum Status {
    New,
    Won,
}

#[derive(Debug, Clone, PartialEq, Object)]
#[oai(rename_all = "camelCase")]
struct Stage {
    #[oai(validator(max_length = 5, min_length = 1))]
    name: String,
    #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
    probability: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Object)]
#[oai(rename_all = "camelCase")]
struct NewLead {
    title: String,
    #[oai(nullable)]
    email: Option<Email>,
    owner_id: Option<Uuid>,
    status: Option<Status>,
    #[oai(nullable)]
    previous: Option<Status>,
    #[oai(validator(max_items = 2))]
    stages: Option<Vec<Stage>>,
    custom_fields: Option<HashMap<String, Any<Value>>>,
    #[oai(validator(unique_items))]
    tags: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Object)]
#[oai(rename_all = "camelCase")]
struct ChangeLead {
    title: Option<String>,
    #[oai(nullable)]
    email: MaybeUndefined<Email>,
}

#[derive(Debug, Clone, PartialEq, Object)]
struct Call {
    seconds: u8,
}

#[derive(Debug, Clone, PartialEq, Object)]
struct Note {
    text: String,
}

#[derive(Debug, Clone, PartialEq, Union)]
#[oai(one_of, discriminator_name = "kind", rename_all = "camelCase")]
enum Activity {
    Call(Call),
    Note(Note),
}

#[derive(Debug, Clone, PartialEq, Union)]
enum Filter {
    All(All),
    Equal(Equal),
}

#[derive(Debug, Clone, PartialEq, Object)]
struct All {
    and: Vec<Filter>,
}

#[derive(Debug, Clone, PartialEq, Object)]
struct Equal {
    field: String,
    value: Any<Value>,
}

/// The errors as "pointer code", in order.
fn refused<T: poem_openapi::types::ParseFromJSON + std::fmt::Debug + 'static>(body: Value) -> Vec<String> {
    match Body::<T>::from_value(body, false) {
        Err(BodyError::Fields(errors)) => {
            errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
        }
        other => panic!("expected field errors, got {other:?}"),
    }
}

fn message<T: poem_openapi::types::ParseFromJSON + std::fmt::Debug + 'static>(body: Value) -> String {
    match Body::<T>::from_value(body, false) {
        Err(BodyError::Fields(errors)) if errors.len() == 1 => errors[0].message.clone(),
        other => panic!("expected one field error, got {other:?}"),
    }
}

#[test]
fn a_body_that_fits_is_read() {
    let id = Uuid::from_u128(7);
    let lead = Body::<NewLead>::from_value(
        json!({"title": "A", "email": null, "ownerId": id, "status": "won", "stages": [{"name": "x"}],
               "customFields": {"a": [1, null]}}),
        false,
    )
    .unwrap();
    assert_eq!((lead.email, lead.owner_id, lead.status), (None, Some(id), Some(Status::Won)));
    assert_eq!(lead.stages.unwrap()[0].name, "x");
}

#[test]
fn everything_that_does_not_fit_is_told_at_once() {
    let errors = refused::<NewLead>(json!({
        "email": "nobody", "ownerId": "7", "status": "lost", "previous": 1,
        "stages": [{"name": "a"}, {"name": "", "probability": 101}, {"probability": 1.5, "colour": "red"}],
        "tags": ["a", 1],
    }));
    assert_eq!(
        errors,
        [
            "/email INVALID_EMAIL",
            "/ownerId INVALID_ID",
            "/status INVALID_VALUE",
            "/previous INVALID_TYPE",
            "/stages/1/name TOO_SHORT",
            "/stages/1/probability OUT_OF_RANGE",
            "/stages/2/probability INVALID_TYPE",
            "/stages/2/colour UNKNOWN_FIELD",
            "/stages/2/name REQUIRED",
            "/stages TOO_LONG",
            "/tags/1 INVALID_TYPE",
            "/title REQUIRED",
        ]
    );
}

#[test]
fn null_is_welcome_only_where_the_schema_says_so() {
    assert_eq!(refused::<NewLead>(json!({"title": null})), ["/title REQUIRED"]);
    assert_eq!(refused::<NewLead>(json!({"title": "", "ownerId": null})), ["/ownerId INVALID_TYPE"]);
    let fits = Body::<NewLead>::from_value(json!({"title": "", "email": null, "previous": null}), false);
    assert_eq!(fits.map(|lead| (lead.email, lead.previous)), Ok((None, None)));
}

#[test]
fn a_merge_tells_absent_from_null() {
    let change = |body| Body::<ChangeLead>::from_value(body, false).unwrap().email;
    assert_eq!(change(json!({})), MaybeUndefined::Undefined);
    assert_eq!(change(json!({"email": null})), MaybeUndefined::Null);
    assert_eq!(change(json!({"email": "a@b.example"})), MaybeUndefined::Value(Email("a@b.example".into())));
    assert_eq!(refused::<ChangeLead>(json!({"title": null})), ["/title INVALID_TYPE"]);
}

#[test]
fn unknown_fields_are_refused_unless_the_caller_is_lenient() {
    let body = json!({"title": "A", "a/b~c": 1});
    assert_eq!(refused::<NewLead>(body.clone()), ["/a~1b~0c UNKNOWN_FIELD"]);
    assert!(Body::<NewLead>::from_value(body, true).is_ok());
    assert_eq!(
        message::<NewLead>(json!({"title": "A", "owner_id": 1})),
        "Unknown field, did you mean ownerId?"
    );
}

#[test]
fn a_union_is_judged_by_the_form_that_was_meant() {
    assert_eq!(
        Body::<Activity>::from_value(json!({"kind": "call", "seconds": 3}), false),
        Ok(Activity::Call(Call { seconds: 3 }))
    );
    assert_eq!(
        refused::<Activity>(json!({"kind": "call", "seconds": 300, "text": ""})),
        ["/seconds OUT_OF_RANGE", "/text UNKNOWN_FIELD"]
    );
    assert_eq!(refused::<Activity>(json!({"kind": "letter"})), ["/kind INVALID_VALUE"]);
    assert_eq!(refused::<Activity>(json!({})), ["/kind REQUIRED"]);
    assert_eq!(refused::<Filter>(json!({"and": [{"field": 1, "value": 1}]})), ["/and/0/field INVALID_TYPE"]);
    assert!(Body::<Filter>::from_value(json!({"and": [{"field": "a", "value": null}]}), false).is_ok());
}

#[test]
fn text_that_the_database_cannot_keep_is_refused_wherever_it_is() {
    let body = json!({"title": "a\0b", "customFields": {"a": ["\0"], "b\0": 1}, "tags": ["\0"]});
    assert_eq!(
        refused::<NewLead>(body),
        [
            "/title INVALID_CHARACTER",
            "/customFields/a/0 INVALID_CHARACTER",
            "/customFields/b\0 INVALID_CHARACTER",
            "/tags/0 INVALID_CHARACTER",
        ]
    );
}

#[test]
fn the_whole_has_its_own_place() {
    assert_eq!(refused::<NewLead>(json!([])), [" INVALID_TYPE"]);
    assert_eq!(message::<NewLead>(json!(null)), "Expected an object, found null");
}
