//! The bodies of events.

use serde_json::{Value, json};

use super::EventDescription;

/// The component with what all events have.
pub(super) const COMMON_NAME: &str = "WebhookEvent";

/// What all events have, in the words of 3.0: `nullable` becomes a type with the other schemas.
pub(super) fn common() -> Value {
    json!({
        "description": "What every event says. Fields may be added; those that are here stay as they are within one \
                        `apiVersion`.",
        "type": "object",
        "required": [
            "id", "type", "event", "timestamp", "tenantId", "apiVersion", "sequence", "object", "actor",
            "changedFields", "previous", "bulk", "data",
        ],
        "properties": {
            "id": {"description": "The event's id, as in `webhook-id`.", "type": "string"},
            "type": {"description": "What has happened.", "type": "string"},
            "event": {"description": "The same as `type`.", "type": "string"},
            "timestamp": {"description": "When it happened.", "type": "string", "format": "date-time"},
            "tenantId": {"description": "Whose it is.", "type": "string", "format": "uuid"},
            "apiVersion": {"description": "The version of this body's form.", "type": "string", "format": "date"},
            "sequence": {"description": "Sorts events by time, as text.", "type": "string"},
            "object": object(),
            "actor": actor(),
            "changedFields": {
                "description": "The fields that an update changed, null where there was none.",
                "type": "array", "items": {"type": "string"}, "nullable": true,
            },
            "previous": {
                "description": "The changed fields as they were, null where there was no update.",
                "type": "object", "additionalProperties": true, "nullable": true,
            },
            "bulk": {
                "description": "The import or batch that this belongs to, null where there is none.",
                "type": "object", "additionalProperties": true, "nullable": true,
            },
            "truncated": {
                "description": "True where the body would have been over 256 KiB and `data` has ids only.",
                "type": "boolean",
            },
            "data": {
                "description": "The object after the change; for a deletion, as it last was. Only its ids where the \
                                webhook asks for thin payloads.",
                "type": "object", "additionalProperties": true,
            },
        },
    })
}

fn object() -> Value {
    json!({
        "description": "What it happened to. Later versions of one object have higher numbers.",
        "type": "object",
        "required": ["type", "id", "version"],
        "properties": {
            "type": {"type": "string"},
            "id": {"type": "string", "format": "uuid"},
            "version": {"type": "integer", "format": "int64"},
        },
    })
}

fn actor() -> Value {
    json!({
        "description": "Who did it: a user, an apiKey, the system or an import; more may come.",
        "type": "object",
        "required": ["type", "id"],
        "properties": {
            "type": {"type": "string"},
            "id": {"type": "string", "nullable": true},
        },
    })
}

/// The body of one type of event.
pub(super) fn body(event: &EventDescription) -> Value {
    let data = format!("#/components/schemas/{}", event.data_schema_ref);
    json!({
        "description": format!("{}.", event.summary),
        "allOf": [
            {"$ref": format!("#/components/schemas/{COMMON_NAME}")},
            {
                "type": "object",
                "required": ["type", "event", "data"],
                "properties": {
                    "type": {"type": "string", "enum": [event.name]},
                    "event": {"type": "string", "enum": [event.name]},
                    "data": {"$ref": data},
                },
            },
        ],
    })
}

/// A whole body around the example of its `data`.
pub(super) fn example(event: &EventDescription) -> Value {
    let id =
        event.example.get("id").cloned().unwrap_or_else(|| json!("0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f"));
    let version = event.example.get("version").cloned().unwrap_or_else(|| json!(1));
    json!({
        "id": "evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV",
        "type": event.name,
        "event": event.name,
        "timestamp": "2026-01-31T12:00:00.000Z",
        "tenantId": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e50",
        "apiVersion": "2026-01-01",
        "sequence": "019331e0b9a8b0b9a8b0b9a8b0b9a8b0",
        "object": {"type": event.name.split('.').next(), "id": id, "version": version},
        "actor": {"type": "user", "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e51"},
        "changedFields": null,
        "previous": null,
        "bulk": null,
        "data": event.example,
    })
}

/// `ContactCreatedEvent` of `contact.created`.
pub(super) fn body_name(event: &str) -> String {
    let words: String = event.split(['.', '_']).map(capitalised).collect();
    format!("{words}Event")
}

/// The word with a capital, the rest as it is.
pub(super) fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
