//! An operation of the OpenAPI document, and how it is called.

use serde_json::Value;
use tenon_tests::{Answer, Client, TestApp, factory};

use super::contract;
use super::entries::{Needs, STAGE, entries};
use super::records::Records;
use crate::raw;

/// An operation of the document with its entry.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    /// `/api/v1/…/{id}`.
    pub(super) template: String,
    /// Whether the document asks for a credential.
    pub(super) secured: bool,
    pub(super) needs: Needs,
    pub(super) body: Value,
    /// As the document has it.
    pub(super) described: Value,
}

/// All of them; fails where document and entries differ.
pub(super) fn operations() -> Vec<Operation> {
    let document = TestApp::document();
    let mut entries = entries();
    let mut operations = Vec::new();
    for (template, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods
            .as_object()
            .expect("methods")
            .iter()
            .filter(|(_, operation)| operation["operationId"].is_string())
        {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let entry = entries.iter().position(|(name, ..)| name == id);
            let (_, needs, body) =
                entries.swap_remove(entry.unwrap_or_else(|| panic!("{id} has no entry in this test")));
            let security = operation.get("security").or(document.get("security"));
            let secured = security.and_then(Value::as_array).is_some_and(|schemes| !schemes.is_empty());
            operations.push(Operation {
                id: id.to_owned(),
                method: method.to_uppercase(),
                template: template.clone(),
                secured,
                needs,
                body,
                described: operation.clone(),
            });
        }
    }
    assert!(entries.is_empty(), "not in the document any more: {entries:?}");
    operations
}

impl Operation {
    pub(super) fn path(&self, of: &Records) -> String {
        let record = of.at(&self.template);
        let id = match self.template.as_str() {
            template if template.contains("/organizations/") => &of.tenant,
            template if template.contains("/webhooks/") => &of.webhook,
            template if template.contains("/audit-events/") => &of.audit_event,
            template if template.contains("/audit-sinks/") => &of.audit_sink,
            template if template.contains("/imports/") => &of.import,
            "/api/v1/exports/{id}/download" => &of.exported,
            template if template.contains("/exports/") => &of.export,
            template if template.contains("/import-templates/") => &of.import_template,
            template if template.contains("/uploads/") => &of.upload,
            _ => record.map_or(of.key.as_str(), factory::id),
        };
        let external_id = record.and_then(|record| record["externalId"].as_str()).unwrap_or_default();
        let by_key = self.template.replace("{key}", "externalId").replace("{value}", external_id);
        let path =
            by_key.replace("{id}", id).replace("{eventId}", &of.event).replace("{stageId}", of.stage());
        let path = path.replace("{replayId}", &of.replay);
        // Companies are associated with the contact, all others with the company.
        let (kind, other) =
            if path.contains("/companies/") { ("contact", "contacts") } else { ("company", "companies") };
        let path = path.replace("{type}", kind).replace("{toId}", factory::id(&of.whole[other]));
        let query = if self.template.ends_with("/batch/upsert") { "?key=externalId" } else { "" };
        let path = format!("{path}{query}");
        assert!(!path.contains('{'), "a parameter that this test does not know: {path}");
        path
    }

    /// An upsert names a value: where no record of the caller's tenant has it, it makes one.
    pub(super) fn names_a_record(&self) -> bool {
        self.template.contains('{') && !self.id.starts_with("upsert_")
    }

    /// Of a credential, through the whole path.
    pub(super) async fn call(&self, app: &TestApp, credential: &str, of: &Records) -> Answer {
        let client = Client::new(&app.url()).with_bearer(credential);
        self.send(&client, &self.path(of), self.body_for(of)).await
    }

    /// The entry's body with the records in it; none where it is null.
    pub(super) fn body_for(&self, of: &Records) -> Option<Value> {
        let body = self.body.to_string().replace(STAGE, of.stage());
        (!self.body.is_null()).then(|| body.parse().expect("JSON"))
    }

    /// By a client of the root.
    pub(super) async fn send(&self, client: &Client, path: &str, body: Option<Value>) -> Answer {
        let method = self.method.parse().expect("a method");
        let answer = match self.id.as_str() {
            "append_upload" => {
                let client = client.with_header("upload-offset", &factory::UPLOADED.to_string());
                client.send_bytes(method, path, Some("application/octet-stream"), Vec::new()).await
            }
            _ => client.send(method, path, body).await,
        };
        contract::check(&self.id, &answer);
        answer
    }

    /// The head of a request whose body never comes.
    pub(super) async fn call_without_body(&self, app: &TestApp, headers: &str, path: &str) -> raw::Answer {
        let method = &self.method;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: tenon\r\n{headers}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        );
        let answer = raw::exchange(&app.address(), request.as_bytes()).await;
        contract::check(&self.id, &answer);
        answer
    }
}
