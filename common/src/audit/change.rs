//! What an event says of a change, as the trail keeps it: of an update the changed fields before and after, of a creation what is there now,
//! of a removal what was there. What must be in no trail is hidden.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Fields whose values are hidden, however deep they stand.
const SECRET: [&str; 6] = ["secret", "secrets", "password", "passwordHash", "key", "token"];

/// Of an event's body what the trail needs. Values stay as they are written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) actor: Actor<'a>,
    #[serde(borrow)]
    changed_fields: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    previous: Option<&'a RawValue>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Who made the change.
#[derive(Deserialize)]
pub(super) struct Actor<'a> {
    #[serde(borrow)]
    pub(super) r#type: Cow<'a, str>,
    pub(super) id: Option<Uuid>,
}

/// Where the change came from, as its event keeps it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Context {
    pub(super) request_id: Option<String>,
    pub(super) ip: Option<String>,
    pub(super) user_agent: Option<String>,
}

impl Body<'_> {
    /// `{"before": …, "after": …}`, or the one of them that there is.
    pub(super) fn changes(&self, event_type: &str) -> serde_json::Result<String> {
        let mut written = String::with_capacity(self.data.get().len() + 16);
        let previous = self.previous.filter(|previous| previous.get().starts_with('{'));
        if event_type.ends_with(".deleted") || event_type.ends_with(".purged") {
            written.push_str(r#"{"before":"#);
            mask(self.data, &mut written)?;
        } else if let Some(previous) = previous {
            written.push_str(r#"{"before":"#);
            mask(previous, &mut written)?;
            written.push_str(r#","after":"#);
            self.changed(&mut written)?;
        } else {
            written.push_str(r#"{"after":"#);
            mask(self.data, &mut written)?;
        }
        written.push('}');
        Ok(written)
    }

    /// The changed fields, as they are now.
    fn changed(&self, written: &mut String) -> serde_json::Result<()> {
        let now: BTreeMap<String, &RawValue> = serde_json::from_str(self.data.get())?;
        let changed = self.changed_fields.iter().map(|name| (&**name, now.get(&**name).copied()));
        object(changed, written)
    }
}

/// Writes a value without what is secret.
fn mask(value: &RawValue, written: &mut String) -> serde_json::Result<()> {
    let text = value.get();
    // Names are written without escapes: where none of them is quoted, none is there.
    if !SECRET.iter().any(|name| text.match_indices(name).any(|(at, _)| is_quoted(text, at, name.len()))) {
        written.push_str(text);
        return Ok(());
    }
    match text.as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            object(fields.iter().map(|(name, value)| (name.as_str(), Some(*value))), written)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            written.push('[');
            for (at, item) in items.into_iter().enumerate() {
                if at > 0 {
                    written.push(',');
                }
                mask(item, written)?;
            }
            written.push(']');
            Ok(())
        }
        _ => {
            written.push_str(text);
            Ok(())
        }
    }
}

fn is_quoted(text: &str, at: usize, length: usize) -> bool {
    let bytes = text.as_bytes();
    at > 0 && bytes[at - 1] == b'"' && bytes.get(at + length) == Some(&b'"')
}

fn object<'a>(
    fields: impl Iterator<Item = (&'a str, Option<&'a RawValue>)>,
    written: &mut String,
) -> serde_json::Result<()> {
    written.push('{');
    for (at, (name, value)) in fields.enumerate() {
        if at > 0 {
            written.push(',');
        }
        written.push_str(&serde_json::to_string(name)?);
        written.push(':');
        match value {
            None => written.push_str("null"),
            Some(value) if value.get() == "null" => written.push_str("null"),
            Some(_) if SECRET.contains(&name) => written.push_str(r#""***""#),
            Some(value) => mask(value, written)?,
        }
    }
    written.push('}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn changes(event_type: &str, body: &Value) -> Value {
        let text = body.to_string();
        let body: Body<'_> = serde_json::from_str(&text).expect("a body");
        serde_json::from_str(&body.changes(event_type).expect("changes")).expect("JSON")
    }

    fn body(changed: &[&str], previous: Value, data: Value) -> Value {
        json!({"id": "evt_1", "actor": {"type": "system", "id": null}, "changedFields": changed, "previous": previous, "data": data})
    }

    #[test]
    fn an_update_says_the_changed_fields_and_others_the_whole() {
        let updated =
            body(&["email", "gone"], json!({"email": null}), json!({"id": 1, "email": "a@b.c", "n": 1.10}));
        let expected = json!({"before": {"email": null}, "after": {"email": "a@b.c", "gone": null}});
        assert_eq!(changes("contact.updated", &updated), expected);
        let created = body(&[], Value::Null, json!({"id": 1}));
        assert_eq!(changes("contact.created", &created), json!({"after": {"id": 1}}));
        assert_eq!(changes("contact.purged", &created), json!({"before": {"id": 1}}));
    }

    #[test]
    fn values_stay_as_they_are_written() {
        let text = r#"{"actor":{"type":"user","id":null},"changedFields":[],"previous":null,"data":{"n":1.10,"t":"\u00e4"}}"#;
        let body: Body<'_> = serde_json::from_str(text).expect("a body");
        let changes = body.changes("contact.created").expect("changes");
        assert_eq!(changes, r#"{"after":{"n":1.10,"t":"\u00e4"}}"#);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[a-z\"\\\\{}:,]{0,8}".prop_map(Value::from),
            Just(Value::from("hidden-away")),
        ];
        let name =
            prop_oneof![proptest::sample::select(SECRET.to_vec()).prop_map(str::to_owned), "[a-z\"]{0,6}"];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name.clone(), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// The rule, said once more: over a whole tree.
    fn masked(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let masked = fields.iter().map(|(name, value)| {
                    let hidden = SECRET.contains(&name.as_str()) && !value.is_null();
                    (name.clone(), if hidden { "***".into() } else { masked(value) })
                });
                Value::Object(masked.collect())
            }
            Value::Array(items) => items.iter().map(masked).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn whatever_is_secret_is_hidden_and_nothing_else(value in value()) {
            let created = body(&[], Value::Null, value.clone());
            prop_assert_eq!(changes("contact.created", &created), json!({"after": masked(&value)}));
        }
    }
}
