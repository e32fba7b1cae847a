//! Whatever is sent, the answer is an answer.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::{Body, BodyError, parse_strict};
use super::{Activity, ChangeLead, Filter, NewLead};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!("\0")),
    ];
    let name = prop_oneof![
        "[a~/\\x00]{0,4}",
        Just("title".to_owned()),
        Just("stages".to_owned()),
        Just("customFields".to_owned()),
        Just("kind".to_owned()),
        Just("and".to_owned()),
        Just("field".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Body::<NewLead>::from_bytes(&bytes, false);
    }

    #[test]
    fn nearly_json_is_answered(text in r#"[\[\]{}:,"0-9a-z.eE+\\-]{0,40}"#) {
        let _ = Body::<NewLead>::from_bytes(text.as_bytes(), false);
    }

    #[test]
    fn strict_reading_agrees_with_serde(value in any_json()) {
        let text = value.to_string();
        prop_assert_eq!(parse_strict(text.as_bytes()), Ok(serde_json::from_str::<Value>(&text).unwrap()));
    }

    #[test]
    fn arbitrary_json_is_answered_and_pointers_lead_somewhere(value in any_json(), lenient in any::<bool>()) {
        for refusal in [
            Body::<NewLead>::from_value(value.clone(), lenient).err(),
            Body::<ChangeLead>::from_value(value.clone(), lenient).err(),
            Body::<Activity>::from_value(value.clone(), lenient).err(),
            Body::<Filter>::from_value(value.clone(), lenient).err(),
        ].into_iter().flatten() {
            let BodyError::Fields(errors) = refusal else { panic!("not about fields: {refusal:?}") };
            prop_assert!(!errors.is_empty());
            for error in errors {
                // A field that is missing is not there; what holds it is.
                let (holder, _) = error.pointer.rsplit_once('/').unwrap_or_default();
                let there = if error.code == "REQUIRED" { holder } else { error.pointer.as_str() };
                prop_assert!(value.pointer(there).is_some(), "{error:?} in {value}");
            }
        }
    }
}
