//! The document's samples for a shell do what they say: each is run by `sh` and `curl`, as a reader would.

use std::process::Stdio;

use serde_json::{Value, json};
use tenon_common::id::EventId;
use tenon_tests::{Tenant, TestApp};
use tokio::process::Command;

use crate::isolation::records::audit_event;

/// What the samples call a record, a stage, another record, a replay, an event, and where their webhooks go.
const ID: &str = "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f";
const STAGE: &str = "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e60";
const OTHER: &str = "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e62";
const REPLAY: &str = "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e63";
const EVENT: &str = "evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV";
pub(super) const RECEIVER: &str = "https://example.com/webhook";

/// Samples that are refused here, and the code: nobody has the address that one names, and an organization that was deleted is
/// restored by a person who is a member of another one.
const REFUSED: [(&str, &str); 5] = [
    ("create_login", "INVALID_CREDENTIALS"),
    ("restore_organization", "NOT_FOUND"),
    // No worker has written the file.
    ("download_export", "STATE_CONFLICT"),
    // Nor looked at this one.
    ("preview_import", "STATE_CONFLICT"),
    // By people, not by keys.
    ("create_organization", "FORBIDDEN"),
];

/// What needs a worker, which is not there.
const NOT_RUN: [&str; 1] = ["test_webhook"];

/// A sample in the tenant that it is run in.
struct Run<'t> {
    app: &'t TestApp,
    tenant: Tenant,
    document: &'t Value,
}

impl Run<'_> {
    /// The sample of an operation.
    fn sample(&self, path: &str, method: &str) -> Option<&str> {
        let samples = self.document["paths"][path][method]["x-codeSamples"].as_array()?;
        samples.iter().find(|sample| sample["lang"] == "Shell")?["source"].as_str()
    }

    /// What a sample answers, or how it failed.
    async fn run(&self, source: &str) -> Result<Value, String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{source} --silent --show-error")]).stdin(Stdio::null());
        shell.env("TENON_URL", self.app.url()).env("TENON_API_KEY", &self.tenant.admin().credential);
        let output = shell.output().await.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true if text.is_empty() => Ok(Value::Null),
            // What is no JSON is a file.
            true if !text.starts_with('{') => Ok(Value::String(text)),
            true => serde_json::from_str(&text).map_err(|error| format!("{error}: {text}")),
            false => Err(format!("{text}\n{}\n{source}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// A record of the collection at this path, made by the sample that creates one; where none creates, the first that is there.
    async fn record(&self, collection: &str) -> String {
        // Organizations are founded by people, with a token of their own.
        let founded = collection == "/api/v1/organizations";
        if let Some(create) = self.sample(collection, "post").filter(|_| !founded) {
            let made = self.run(&create.replace(RECEIVER, "http://127.0.0.1:9/hook")).await;
            let made = made.unwrap_or_else(|error| panic!("POST {collection}: {error}"));
            return made["data"]["id"].as_str().expect("an id").to_owned();
        }
        if collection.ends_with("/audit-events") {
            return audit_event(self.app, &self.tenant).await;
        }
        let path = collection.strip_prefix("/api/v1").expect("a path of v1");
        let listed: Vec<Value> = self.tenant.admin().get(path).await.ok();
        listed[0]["id"].as_str().expect("an id").to_owned()
    }

    /// A stage of a new pipeline, or of this one.
    async fn stage(&self, pipeline: Option<&str>) -> String {
        let pipeline = match pipeline {
            Some(pipeline) => pipeline.to_owned(),
            None => self.record("/api/v1/connection/pipelines").await,
        };
        let found: Value = self.tenant.admin().get(&format!("/connection/pipelines/{pipeline}")).await.ok();
        found["stages"][0]["id"].as_str().expect("a stage").to_owned()
    }

    /// A contact that the record is associated with.
    async fn associated(&self, collection: &str, record: &str) -> String {
        let admin = self.tenant.admin();
        let contact: Value = admin.post("/connection/contacts", json!({"name": "Grace"})).await.created();
        let contact = contact["id"].as_str().expect("an id").to_owned();
        let path = collection.strip_prefix("/api/v1").expect("a path of v1");
        admin.put(&format!("{path}/{record}/associations/contact/{contact}"), json!({})).await.status(201);
        contact
    }

    /// The sample with records that are there in place of those that it names.
    async fn with_records(&self, path: &str, source: &str) -> String {
        let mut source = source.replace(RECEIVER, "http://127.0.0.1:9/hook").replace("@contacts.csv", "name");
        let collection =
            path.split("/{id}").next().and_then(|path| path.split("/batch/").next()).expect("a path");
        let mut record = None;
        if source.contains(ID) {
            let id = self.record(collection).await;
            source = source.replace(ID, &id);
            record = Some(id);
        } else if path.contains("/by/") {
            self.record(path.split("/by/").next().expect("a path")).await;
        }
        if source.contains(STAGE) {
            let pipeline = record.as_deref().filter(|_| path.contains("/pipelines/"));
            source = source.replace(STAGE, &self.stage(pipeline).await);
        }
        if source.contains(OTHER) {
            let record = record.as_deref().expect("a record");
            source = source.replace(OTHER, &self.associated(collection, record).await);
        }
        if source.contains(REPLAY) {
            let replay = format!("/webhooks/{}/replay", record.as_deref().expect("a webhook"));
            let since = json!({"since": "2020-01-01T00:00:00Z"});
            let made: Value = self.tenant.admin().post(&replay, since).await.accepted();
            source = source.replace(REPLAY, made["id"].as_str().expect("an id"));
        }
        if source.contains(EVENT) {
            source = source.replace(
                EVENT,
                &failed_delivery(self.app, &self.tenant, record.as_deref().expect("a webhook")).await,
            );
        }
        if path.ends_with("/resume") || path.ends_with("/revert") {
            stopped_import(self.app, &self.tenant).await;
        }
        if path.ends_with("/restore") || path.ends_with("/purge") {
            let collection = collection.strip_prefix("/api/v1").expect("a path of v1");
            let id = record.expect("a record");
            self.tenant.admin().delete(&format!("{collection}/{id}")).await.no_content();
        }
        source
    }
}

/// Makes the tenant's imports such as can be resumed and reverted.
async fn stopped_import(app: &TestApp, tenant: &Tenant) {
    let stop = "update tenon.imports set state = 'cancelled', total = 1, revert_until = now() + interval '1 day' where tenant_id = $1";
    sqlx::query(stop).bind(tenant.id.0).execute(&mut app.connect().await).await.expect("stopped");
}

/// A delivery of this webhook that has failed; the event's id.
pub(super) async fn failed_delivery(app: &TestApp, tenant: &Tenant, webhook: &str) -> String {
    tenant.admin().post("/connection/contacts", json!({"name": "Grace"})).await.status(201);
    let event: uuid::Uuid = sqlx::query_scalar(
        "insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status)
         select tenant_id, $2::uuid, id, gen_random_uuid(), type, 'failed' from tenon.events where tenant_id = $1 limit 1
         returning event_id",
    )
    .bind(tenant.id.0)
    .bind(webhook)
    .fetch_one(&mut app.connect().await)
    .await
    .expect("a delivery");
    EventId(event).wire()
}

#[tokio::test]
async fn the_samples_for_a_shell_do_what_they_say() {
    let app = TestApp::start().await;
    let document = TestApp::document();
    let (mut tried, mut failed) = (0, Vec::new());
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let id = operation["operationId"].as_str().expect("an id");
            if NOT_RUN.contains(&id) {
                continue;
            }
            // Records of its own for each.
            let tenant = app.tenant(&id.replace('_', "-")).await;
            let run = Run { app: &app, tenant, document: &document };
            let source = run.sample(path, method).unwrap_or_else(|| panic!("{id} has no sample for a shell"));
            let source = run.with_records(path, source).await;
            let answer = run.run(&source).await;
            let refused = REFUSED.iter().find(|(name, _)| *name == id);
            match (refused, answer) {
                (Some((_, code)), Err(error)) if error.contains(code) => {}
                // Batches answer 207 where an item was refused.
                (None, Ok(answer)) if answer["data"]["failed"].as_u64().unwrap_or_default() == 0 => {}
                (_, answer) => failed.push(format!("{id}: {answer:?}")),
            }
            tried += 1;
        }
    }
    assert!(failed.is_empty(), "of {tried} samples these fail:\n{}", failed.join("\n"));
    assert!(tried > 80, "{tried} samples");
}
