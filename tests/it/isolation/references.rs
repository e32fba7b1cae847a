//! Another tenant's ids inside requests: in every place of every body, and in every parameter, where the document says that an id
//! may stand.

use serde_json::{Value, json};
use tenon_tests::{Answer, Client, TestApp, factory};

use super::contract::referenced;
use super::operation::{Operation, operations};
use super::records::{Records, records, snapshot};

/// The way to a value: names of members, and `*` for the first item of an array.
type Way = Vec<String>;

/// All places of a schema where there may be an id.
fn ids(document: &Value, schema: &Value, way: &Way, found: &mut Vec<Way>) {
    // Filters are made of filters.
    if way.len() > 6 {
        return;
    }
    let schema = referenced(document, schema);
    if schema["format"] == "uuid" {
        found.push(way.clone());
    }
    let with = |name: &str| way.iter().cloned().chain([name.to_owned()]).collect::<Way>();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        ids(document, member, &with(name), found);
    }
    if schema["items"].is_object() {
        ids(document, &schema["items"], &with("*"), found);
    }
    for alternatives in ["oneOf", "anyOf", "allOf"] {
        for alternative in schema[alternatives].as_array().into_iter().flatten() {
            ids(document, alternative, way, found);
        }
    }
}

/// The body with a value at the end of the way.
fn put(body: &mut Value, way: &[String], value: &str) {
    match way {
        [] => *body = json!(value),
        [first, rest @ ..] if first == "*" => {
            if body.get(0).is_none() {
                *body = json!([{}]);
            }
            put(&mut body[0], rest, value);
        }
        [first, rest @ ..] => {
            if !body.is_object() {
                *body = json!({});
            }
            put(&mut body[first.as_str()], rest, value);
        }
    }
}

impl Operation {
    /// The record that a member or parameter of this name is about.
    fn named<'r>(&self, name: &str, of: &'r Records) -> &'r str {
        match name {
            "ownerId" | "userId" | "actorId" => &of.user,
            "resourceId" | "objectId" => of.id("contacts"),
            "companyId" => of.id("companies"),
            "contactId" => of.id("contacts"),
            "leadId" => of.id("leads"),
            "pipelineId" => of.id("pipelines"),
            "templateId" => &of.import_template,
            "uploadId" => &of.upload,
            "importId" => &of.import,
            "stageId" | "moveTo" => of.stage(),
            "id" if self.template.contains("/pipelines") => of.stage(),
            "id" if of.at(&self.template).is_some() => of.at(&self.template).map_or("", factory::id),
            _ => panic!("{}: an id that this test does not know: {name}", self.id),
        }
    }
}

/// Nothing of theirs is taken, and nothing is told of it. A batch refuses the one item; a list has nothing to show.
#[track_caller]
fn refused(operation: &Operation, place: &str, answer: &Answer) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let fine = match answer.status.as_u16() {
        400 | 404 | 409 | 422 => true,
        207 => body["data"]["failed"] == 1 && body["data"]["succeeded"] == 0,
        200 if operation.id.starts_with("list_") => body["data"] == json!([]),
        200 if operation.id == "export_audit_events" => answer.text().is_empty(),
        200 if operation.id == "resend_deliveries" => body["data"]["resent"] == 0,
        200 if operation.id == "preview_webhook_replay" => body["data"]["selected"] == 0,
        202 if operation.id == "replay_webhook" => body["data"]["selected"] == 0,
        200 if operation.id.starts_with("export_") => answer.text().lines().count() == 1,
        _ => false,
    };
    assert!(fine, "{} with another tenant's {place}: {answer}", operation.id);
    assert!(!answer.text().contains("globex"), "{} tells of another tenant: {answer}", operation.id);
}

#[tokio::test]
async fn another_tenants_ids_are_refused_wherever_they_stand() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (ours, theirs) = (records(&app, &acme).await, records(&app, &globex).await);
    let document = TestApp::document();
    let client = Client::new(&app.url()).with_bearer(&acme.admin().credential);
    // Where a stage goes, its leads have to go somewhere.
    let moved = acme
        .admin()
        .post(&format!("/connection/leads/{}/move", ours.id("leads")), json!({"stageId": ours.stage()}));
    moved.await.status(200);
    let mut admin = app.connect().await;
    let before = snapshot(&mut admin, &globex).await;
    let mut tried = 0;
    for operation in operations() {
        let schema = &operation.described["requestBody"]["content"]["application/json"]["schema"];
        let mut places = Vec::new();
        ids(&document, schema, &Way::new(), &mut places);
        for way in places {
            let name = way.last().expect("a member");
            let mut body = operation.body_for(&ours).expect("a body");
            put(&mut body, &way, operation.named(name, &theirs));
            let answer = operation.send(&client, &operation.path(&ours), Some(body)).await;
            refused(&operation, &way.join("/"), &answer);
            tried += 1;
        }
        for parameter in operation.described["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "query" || parameter["schema"]["format"] != "uuid" {
                continue;
            }
            let name = parameter["name"].as_str().expect("a name");
            let path = operation.path(&ours);
            let separator = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{separator}{name}={}", operation.named(name, &theirs));
            // Leads have to go somewhere only from a stage that is removed.
            let removing = json!({"name": "Sales", "stages": [{"name": "Won", "displayOrder": 9}]});
            let body = operation.body_for(&ours).map(|body| if name == "moveTo" { removing } else { body });
            let answer = operation.send(&client, &path, body).await;
            refused(&operation, name, &answer);
            tried += 1;
        }
    }
    assert!(tried >= 30, "{tried} places for ids");
    assert_eq!(snapshot(&mut admin, &globex).await, before, "nothing of theirs has changed");
    eprintln!("another tenant's id in {tried} places of bodies and queries");
}
