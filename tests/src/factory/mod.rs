//! Records for tests that need some and do not care which.

use serde_json::{Value, json};

use crate::Client;

/// The `number`th contact: all fields that a client can fill, unlike those of any other number.
pub fn contact(number: usize) -> Value {
    json!({
        "name": format!("Contact {number}"),
        "externalId": format!("crm-{number}"),
        "email": format!("Contact.{number}@example.com"),
        "phone": format!("+1415555{number:04}"),
        "company": "ACME Corp",
        "title": "Engineer",
        "lifecycle": "lead",
    })
}

/// Creates contacts 0 to `count - 1`, in that order; what the API answered.
pub async fn contacts(client: &Client, count: usize) -> Vec<Value> {
    let mut created = Vec::with_capacity(count);
    for number in 0..count {
        created.push(client.post("/connection/contacts", contact(number)).await.created());
    }
    created
}

/// The `number`th company: all fields that a client can fill, unlike those of any other number.
pub fn company(number: usize) -> Value {
    json!({
        "name": format!("Company {number}"),
        "externalId": format!("erp-{number}"),
        "industry": "Technology",
        "website": format!("https://www.company-{number}.example"),
        "employees": 100 + number,
        "domain": format!("company-{number}.example"),
    })
}

/// Creates companies 0 to `count - 1`, in that order; what the API answered.
pub async fn companies(client: &Client, count: usize) -> Vec<Value> {
    let mut created = Vec::with_capacity(count);
    for number in 0..count {
        created.push(client.post("/connection/companies", company(number)).await.created());
    }
    created
}

/// The `number`th pipeline, with three stages: all fields that a client can fill, unlike those of any other number.
pub fn pipeline(number: usize) -> Value {
    let stage =
        |name, order, probability| json!({"name": name, "displayOrder": order, "probability": probability});
    json!({
        "name": format!("Pipeline {number}"),
        "externalId": format!("sales-{number}"),
        "stages": [stage("New", 1, 10), stage("Proposal", 2, 60), stage("Won", 3, 100)],
    })
}

/// Creates pipelines 0 to `count - 1`, in that order; what the API answered.
pub async fn pipelines(client: &Client, count: usize) -> Vec<Value> {
    let mut created = Vec::with_capacity(count);
    for number in 0..count {
        created.push(client.post("/connection/pipelines", pipeline(number)).await.created());
    }
    created
}

/// The `number`th lead: all fields that a client can fill without naming other records, unlike those of any other number.
pub fn lead(number: usize) -> Value {
    json!({
        "title": format!("Lead {number}"),
        "externalId": format!("lead-{number}"),
        "status": "new",
        "value": 1250.5,
        "currency": "EUR",
        "expectedCloseDate": "2026-12-31",
    })
}

/// Creates leads 0 to `count - 1`, in that order; what the API answered.
pub async fn leads(client: &Client, count: usize) -> Vec<Value> {
    let mut created = Vec::with_capacity(count);
    for number in 0..count {
        created.push(client.post("/connection/leads", lead(number)).await.created());
    }
    created
}

/// The `number`th activity: all fields that a client can fill without naming other records, unlike those of any other number.
pub fn activity(number: usize) -> Value {
    json!({
        "kind": "call",
        "subject": format!("Activity {number}"),
        "body": "Asked for a quote.",
        "externalId": format!("activity-{number}"),
        "occurredAt": "2026-01-31T09:30:00Z",
        "dueAt": "2026-02-01T09:30:00Z",
        "completedAt": "2026-02-02T09:30:00Z",
    })
}

/// Creates activities 0 to `count - 1`, in that order, linked with a record of this kind; what the API answered.
pub async fn activities(client: &Client, count: usize, kind: &str, record: &Value) -> Vec<Value> {
    let mut created = Vec::with_capacity(count);
    for number in 0..count {
        let mut body = activity(number);
        body["links"] = json!([{"type": kind, "id": record["id"]}]);
        created.push(client.post("/connection/activities", body).await.created());
    }
    created
}

/// Creates a webhook for all events, to where nobody listens.
pub async fn webhook(client: &Client) -> Value {
    client.post("/webhooks", json!({"url": "http://127.0.0.1:9/hook", "events": ["*"]})).await.created()
}

/// A record's id.
///
/// # Panics
/// Where it has none.
#[track_caller]
pub fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap_or_else(|| panic!("no id: {record}"))
}

/// Bytes that are there of [`upload`].
pub const UPLOADED: usize = 5;

/// An upload of which something has come.
pub async fn upload(client: &Client) -> Value {
    let made: Value = client.post("/uploads", json!({"bytes": 2 * UPLOADED})).await.created();
    let (path, client) = (format!("/uploads/{}", id(&made)), client.with_header("upload-offset", "0"));
    let octets = Some("application/octet-stream");
    client.send_bytes(reqwest::Method::PATCH, &path, octets, vec![b'a'; UPLOADED]).await.ok()
}
