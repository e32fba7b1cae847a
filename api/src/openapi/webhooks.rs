//! The events that webhooks receive, described as requests that Tenon makes.

mod schema;

use serde_json::{Value, json};

use super::DocumentError;
use super::walk::child;

/// The tag of all events.
const TAG: &str = "Events";

/// One type of event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDescription {
    /// Its type: `contact.created`.
    pub name: &'static str,
    /// What has happened, in one sentence without a full stop.
    pub summary: &'static str,
    /// The component that describes `data`: `Contact`. An operation has to use it, or poem-openapi leaves it out.
    pub data_schema_ref: &'static str,
    /// An example of `data`.
    pub example: Value,
}

/// Adds `webhooks`, with a component for each event's body.
///
/// # Errors
/// When an event names a schema that the document has not got.
pub fn add_webhooks(document: &mut Value, events: &[EventDescription]) -> Result<(), DocumentError> {
    let known = &document["components"]["schemas"];
    let lost = events.iter().filter(|event| known.get(event.data_schema_ref).is_none());
    let lost: Vec<String> =
        lost.map(|event| format!("{}: there is no schema {}", event.name, event.data_schema_ref)).collect();
    if !lost.is_empty() {
        return Err(DocumentError(lost));
    }
    if events.is_empty() {
        return Ok(());
    }
    add_shared_parts(document);
    for event in events {
        let body = schema::body_name(event.name);
        child(&mut document["components"], "schemas").insert(body.clone(), schema::body(event));
        child(document, "webhooks").insert(event.name.to_owned(), json!({"post": operation(event, &body)}));
    }
    Ok(())
}

fn add_shared_parts(document: &mut Value) {
    let tag = json!({"name": TAG, "description": "What webhooks receive: signed POSTs, one for each event."});
    match document.get_mut("tags").and_then(Value::as_array_mut) {
        Some(tags) => tags.push(tag),
        None => document["tags"] = json!([tag]),
    }
    let components = &mut document["components"];
    let schemas = child(components, "schemas");
    schemas.insert(schema::COMMON_NAME.to_owned(), schema::common());
    // What only the description had that this one takes the place of.
    schemas.shift_remove("EventObject");
    for header in HEADERS {
        child(components, "parameters").insert(header.component(), header.parameter());
    }
}

fn operation(event: &EventDescription, body: &str) -> Value {
    let headers = HEADERS.iter().map(|header| {
        let name = header.component();
        json!({"$ref": format!("#/components/parameters/{name}")})
    });
    json!({
        "operationId": format!("receive_{}", event.name.replace('.', "_")),
        "tags": [TAG],
        "summary": event.summary,
        "security": [],
        "parameters": headers.collect::<Vec<_>>(),
        "requestBody": {
            "required": true,
            "content": {"application/json": {
                "schema": {"$ref": format!("#/components/schemas/{body}")},
                "example": schema::example(event),
            }},
        },
        "responses": {
            "2XX": {"description": "Received. The answer's body is not looked at."},
            "410": {"description": "Nobody listens here any more: the webhook is disabled."},
            "default": {
                "description": "Failed, as is no answer within 30 s or a redirect: sent again on the webhook's schedule."
            },
        },
    })
}

/// A header that every delivery carries, or only some.
struct Header {
    name: &'static str,
    description: &'static str,
    always: bool,
    example: &'static str,
}

impl Header {
    /// `WebhookId` of `webhook-id`.
    fn component(&self) -> String {
        self.name.split('-').map(schema::capitalised).collect()
    }

    fn parameter(&self) -> Value {
        json!({
            "name": self.name,
            "in": "header",
            "description": self.description,
            "required": self.always,
            "schema": {"type": "string"},
            "example": self.example,
        })
    }
}

const HEADERS: [Header; 11] = [
    Header {
        name: "webhook-id",
        description: "The event's id: the same for every webhook, retry, resend and replay. Deduplicate by it.",
        always: true,
        example: "evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV",
    },
    Header {
        name: "webhook-timestamp",
        description: "When this attempt was made, in seconds since 1970. Refuse what is older than five minutes.",
        always: true,
        example: "1762077600",
    },
    Header {
        name: "webhook-signature",
        description: "Standard Webhooks: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several, \
                      separated by spaces, while a secret is rotated.",
        always: true,
        example: "v1,w0WWx2qFMMCNJd08lhJLOqF6z2pqANLBA1NhwTd9RAw=",
    },
    Header {
        name: "X-Webhook-Signature",
        description: "`sha256=` and the hex of HMAC-SHA256 over the raw body; several, separated by commas, while a \
                      secret is rotated.",
        always: true,
        example: "sha256=f98aee4f54a0f53d399bf1406f6906d09749cc39ab646779ad5f10aa74a192d9",
    },
    Header {
        name: "X-Webhook-Attempt",
        description: "Which attempt this is, from 1.",
        always: true,
        example: "1",
    },
    Header {
        name: "X-Webhook-Endpoint",
        description: "The webhook's id.",
        always: true,
        example: "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e60",
    },
    Header {
        name: "X-Webhook-Delivery",
        description: "The delivery's id: one for each event and webhook.",
        always: true,
        example: "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e61",
    },
    Header {
        name: "X-Webhook-Event",
        description: "The event's type.",
        always: true,
        example: "contact.created",
    },
    Header {
        name: "X-Webhook-Replay",
        description: "`true` where a replay sent this.",
        always: false,
        example: "true",
    },
    Header {
        name: "traceparent",
        description: "The W3C trace that the change belongs to.",
        always: false,
        example: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
    Header {
        name: "User-Agent",
        description: "`Tenon-Webhooks/` and a version.",
        always: true,
        example: "Tenon-Webhooks/0.1.0",
    },
];

#[cfg(test)]
mod tests;
