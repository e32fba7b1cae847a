//! The conventions that all CRM records keep, tried over HTTP on each of them. A new resource is a line of [`ALL`].

mod batches;
mod bin;
mod by_key;
mod changes;
mod includes;
mod lists;
mod others;
mod versions;

use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Person, TestApp, factory};

/// A resource, as these tests have to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resource {
    /// `contact`, in the names of its operations and events.
    pub(crate) record: &'static str,
    /// `contacts`, in its path and permissions.
    pub(crate) records: &'static str,
    /// The `number`th record: all that a client can say, unlike any other number's.
    pub(crate) body: fn(usize) -> Value,
    /// Its required field: a text that is searched.
    pub(crate) text: &'static str,
    /// What its list can be filtered by and is the same for all that `body` makes; and that value.
    pub(crate) shared: Option<(&'static str, &'static str)>,
    /// Whether it has batches.
    pub(crate) batches: bool,
}

/// Every resource.
pub(crate) const ALL: [Resource; 5] = [
    Resource {
        record: "contact",
        records: "contacts",
        body: factory::contact,
        text: "name",
        shared: Some(("lifecycle", "lead")),
        batches: true,
    },
    Resource {
        record: "company",
        records: "companies",
        body: factory::company,
        text: "name",
        shared: Some(("industry", "Technology")),
        batches: true,
    },
    Resource {
        record: "pipeline",
        records: "pipelines",
        body: factory::pipeline,
        text: "name",
        shared: None,
        batches: false,
    },
    Resource {
        record: "lead",
        records: "leads",
        body: factory::lead,
        text: "title",
        shared: Some(("currency", "EUR")),
        batches: true,
    },
    Resource {
        record: "activity",
        records: "activities",
        body: factory::activity,
        text: "subject",
        shared: Some(("kind", "call")),
        batches: true,
    },
];

impl Resource {
    /// `/connection/contacts`.
    pub(crate) fn path(&self) -> String {
        format!("/connection/{}", self.records)
    }

    /// The path of a record.
    fn of(&self, record: &Value) -> String {
        format!("{}/{}", self.path(), factory::id(record))
    }

    /// The path by the external id.
    fn by(&self, record: &Value) -> String {
        let id = record["externalId"].as_str().expect("an external id");
        format!("{}/by/externalId/{id}", self.path())
    }

    /// Something that is done with a record beside its path: `restore`, `purge`.
    fn act(&self, record: &Value, verb: &str) -> String {
        format!("{}/{verb}", self.of(record))
    }

    async fn create(&self, client: &Client, number: usize) -> Value {
        client.post(&self.path(), (self.body)(number)).await.created()
    }

    /// A body with nothing but what is required.
    pub(crate) fn required(&self, text: &str) -> Value {
        let mut body = json!({self.text: text});
        for field in ["status", "kind"] {
            if let Some(value) = (self.body)(0).get(field) {
                body[field] = value.clone();
            }
        }
        body
    }

    /// The same with the external id of the `number`th.
    fn short(&self, number: usize, text: &str) -> Value {
        let mut body = self.required(text);
        body["externalId"] = (self.body)(number)["externalId"].clone();
        body
    }

    /// The types of a record's events, first to last.
    async fn events(&self, app: &TestApp, record: &Value) -> Vec<String> {
        let events = crate::log::events(&mut app.connect().await, factory::id(record)).await;
        let prefix = format!("{}.", self.record);
        events
            .iter()
            .map(|event| event.r#type.strip_prefix(&prefix).unwrap_or(&event.r#type).to_owned())
            .collect()
    }
}

/// An app with one tenant, and its administrator.
async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

/// A header, where the answer has it.
fn header(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
