//! The body in the form that a webhook wants. It is made of the stored one at each attempt, and is the same each time.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::version::{ApiVersion, Versions};

/// The whole body.
pub const FULL: &str = "full";
/// Ids in the place of what the object says.
pub const THIN: &str = "thin";

/// A body with more bytes than this is sent as a thin one.
pub const MOST_BYTES: usize = 256 * 1024;

/// A body without what the object says: in the order of the whole one, and from it byte for byte. The names of what has changed stay; what
/// it was and is does not.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Thin<'b> {
    #[serde(borrow)]
    id: &'b RawValue,
    #[serde(borrow)]
    r#type: &'b RawValue,
    #[serde(borrow)]
    event: &'b RawValue,
    #[serde(borrow)]
    timestamp: &'b RawValue,
    #[serde(borrow)]
    tenant_id: &'b RawValue,
    #[serde(borrow)]
    api_version: &'b RawValue,
    #[serde(borrow)]
    sequence: &'b RawValue,
    #[serde(borrow)]
    object: &'b RawValue,
    #[serde(borrow)]
    actor: &'b RawValue,
    #[serde(borrow)]
    changed_fields: &'b RawValue,
    /// Always null.
    #[serde(skip_deserializing)]
    previous: (),
    #[serde(borrow)]
    bulk: &'b RawValue,
    #[serde(skip_deserializing, skip_serializing_if = "is_false")]
    truncated: bool,
    #[serde(borrow)]
    data: Data<'b>,
}

#[derive(Default, Deserialize, Serialize)]
struct Data<'b> {
    #[serde(borrow)]
    id: Option<Cow<'b, str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The stored body as it is sent to a webhook of that version that wants `payload`. What is sent as it is stored is not copied.
///
/// # Errors
/// Words, where a body that is to be thin is none of ours.
pub fn sent(versions: &Versions, version: ApiVersion, body: &Bytes, payload: &str) -> Result<Bytes, String> {
    match versions.event(version, body) {
        Some(turned) => formed(&turned.into(), payload),
        None => formed(body, payload),
    }
}

fn formed(body: &Bytes, payload: &str) -> Result<Bytes, String> {
    let truncated = payload != THIN && body.len() > MOST_BYTES;
    if payload != THIN && !truncated {
        return Ok(body.clone());
    }
    let unreadable = |error| format!("the event's body cannot be made thin: {error}");
    let thin: Thin<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    serde_json::to_vec(&Thin { truncated, ..thin }).map(Bytes::from).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn body(data: &Value) -> Value {
        json!({
            "id": "evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV", "type": "contact.updated", "event": "contact.updated",
            "timestamp": "2026-02-03T10:00:00.000Z", "tenantId": "0192f0c1-0000-7000-8000-000000000001", "apiVersion": "2026-01-01",
            "sequence": "0000018c", "object": {"type": "contact", "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f", "version": 7},
            "actor": {"type": "system", "id": null}, "changedFields": ["email"], "previous": {"email": "old@navy.example"},
            "bulk": {"importId": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e61"}, "data": data,
        })
    }

    fn text(value: &Value) -> Bytes {
        value.to_string().into()
    }

    #[test]
    fn a_thin_body_has_ids_and_the_names_of_what_changed() {
        let full = body(
            &json!({"id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f", "name": "Grace", "createdBy": {"id": "x"}}),
        );
        let thin = formed(&text(&full), THIN).expect("a body");
        let mut expected = full.clone();
        expected["previous"] = Value::Null;
        expected["data"] = json!({"id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f"});
        assert_eq!(String::from_utf8_lossy(&thin), expected.to_string(), "in the order of the whole one");
        assert_eq!(formed(&text(&full), FULL).expect("a body"), text(&full));
    }

    #[test]
    fn a_body_that_is_too_large_is_thin_and_says_so() {
        let of = |name: usize| text(&body(&json!({"id": "1", "name": "x".repeat(name)})));
        let room = MOST_BYTES - of(0).len();
        assert_eq!(formed(&of(room), FULL).expect("a body"), of(room));
        let thin = formed(&of(room + 1), FULL).expect("a body");
        let thin: Value = serde_json::from_slice(&thin).expect("json");
        assert_eq!(
            (&thin["truncated"], &thin["data"], &thin["previous"]),
            (&json!(true), &json!({"id": "1"}), &Value::Null)
        );
        let asked: Value =
            serde_json::from_slice(&formed(&of(room + 1), THIN).expect("a body")).expect("json");
        assert_eq!(asked.get("truncated"), None, "nobody is told that what was asked for is short");
    }

    #[test]
    fn what_cannot_be_made_thin_is_not_sent_whole() {
        for body in ["", "[]", "{}", "{\"data\":{\"id\":\"1\"}}"] {
            assert!(formed(&Bytes::from_static(body.as_bytes()), THIN).is_err(), "{body}");
            assert!(formed(&Bytes::from_static(body.as_bytes()), FULL).is_ok(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_the_object_but_its_id_is_left(id in "[a-z0-9\"\\\\ü-]{0,12}", secret in "<[a-z]{12}>") {
            let full = body(&json!({"id": id, "name": secret, "deep": [{"er": secret}], (secret.as_str()): 1}));
            let full = text(&full);
            let thin = formed(&full, THIN).expect("a body");
            prop_assert!(!String::from_utf8_lossy(&thin).contains(&secret));
            prop_assert_eq!(&serde_json::from_slice::<Value>(&thin).expect("json")["data"]["id"], &json!(id));
            prop_assert_eq!(formed(&full, THIN).expect("a body"), thin, "the same each time");
        }
    }
}
