//! The hot queries of the API: what is asked. A new one is a line here.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Client, TestApp, eventually};

use super::data::Facts;
use super::instant;

/// A query, with the name of the file that has its plans.
pub(super) struct Hot {
    pub(super) name: String,
    pub(super) method: Method,
    /// `{run}` is the number of the run: what is written twice must differ.
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// By an AGENT, who sees its own records only.
    pub(super) by_agent: bool,
    /// It has no index: it is written down, and may read all of the tenant.
    pub(super) reads_all: bool,
    /// The path without the ids of this run.
    shown: String,
}

impl Hot {
    pub(super) fn asked(&self) -> String {
        let by = if self.by_agent { ", by an AGENT" } else { "" };
        format!("{} {}{by}", self.method, self.shown)
    }
}

/// `{…}` in a path are facts.
fn path(template: &str, facts: &Facts) -> String {
    [
        ("{contact}", &facts.contact),
        ("{company}", &facts.company),
        ("{lead}", &facts.lead),
        ("{pipeline}", &facts.pipeline),
        ("{stage}", &facts.stage),
        ("{webhook}", &facts.webhook),
        ("{event}", &facts.event),
        ("{agent}", &facts.agent_id),
    ]
    .into_iter()
    .fold(template.to_owned(), |path, (name, fact)| path.replace(name, fact))
}

const CONTACTS: &str = "/connection/contacts";

/// What is read: name and path.
const READS: &[(&str, &str)] = &[
    ("contact-get", "/connection/contacts/{contact}"),
    ("contact-by-email", "/connection/contacts/by/email/c77@example.com"),
    ("contact-by-external-id", "/connection/contacts/by/externalId/crm-77"),
    ("contacts-first-page", "/connection/contacts?limit=50"),
    ("contacts-page-by-number", "/connection/contacts?page=3&pageSize=50&count=none"),
    ("contacts-of-lifecycle", "/connection/contacts?limit=50&lifecycle=client"),
    ("contacts-of-email", "/connection/contacts?limit=50&email=c77%40example.com"),
    ("contacts-of-external-id", "/connection/contacts?limit=50&externalId=crm-77"),
    ("contacts-of-company", "/connection/contacts?limit=50&companyId={company}"),
    ("contacts-of-owner", "/connection/contacts?limit=50&ownerId={agent}"),
    (
        "contacts-of-two-emails",
        "/connection/contacts?limit=50&filter=email%20in%20(c1%40example.com,c2%40example.com)",
    ),
    ("contacts-with-word", "/connection/contacts?limit=50&q=c19999%40exam"),
    (
        "contacts-with-name-containing",
        "/connection/contacts?limit=50&filter=name%20contains%20%22act%2019999%22",
    ),
    (
        "contacts-with-key-beginning",
        "/connection/contacts?limit=50&filter=externalId%20startsWith%20%22crm-1999%22",
    ),
    ("company-get", "/connection/companies/{company}"),
    ("companies-first-page", "/connection/companies?limit=50"),
    ("lead-get", "/connection/leads/{lead}"),
    ("leads-first-page", "/connection/leads?limit=50"),
    ("pipeline-get", "/connection/pipelines/{pipeline}"),
    ("deliveries-first-page", "/webhooks/{webhook}/events?limit=50"),
    ("deliveries-of-status", "/webhooks/{webhook}/events?limit=50&status=failed"),
    ("deliveries-of-types", "/webhooks/{webhook}/events?limit=50&type=contact.*"),
    ("deliveries-of-object", "/webhooks/{webhook}/events?limit=50&objectId={contact}"),
    (
        "deliveries-of-time",
        "/webhooks/{webhook}/events?limit=50&since=2026-01-01T00:00:00Z&until=2030-01-01T00:00:00Z",
    ),
    ("delivery-get", "/webhooks/{webhook}/events/{event}"),
    ("delivery-attempts", "/webhooks/{webhook}/events/{event}/attempts"),
    ("changes-first-page", "/changes?limit=50"),
    ("audit-first-page", "/audit-events?limit=50"),
    ("audit-of-action", "/audit-events?limit=50&action=contact.purged"),
    ("audit-of-actor", "/audit-events?limit=50&actorId={agent}"),
    ("audit-of-resource", "/audit-events?limit=50&resourceId={contact}"),
    ("contact-history", "/connection/contacts/{contact}/history"),
];

/// What is read with all of the tenant's rows, because counting takes that.
const COUNTS: &[(&str, &str)] = &[
    ("contacts-page-and-total", "/connection/contacts?page=3&pageSize=50"),
    ("contacts-counted", "/connection/contacts?limit=1&count=exact"),
    ("contacts-estimated", "/connection/contacts?limit=1&count=estimated"),
];

/// What an AGENT reads.
const READS_OF_AGENTS: &[(&str, &str)] = &[
    ("agent-contacts-first-page", "/connection/contacts?limit=50"),
    ("agent-contact-get", "/connection/contacts/{contact}"),
    ("agent-leads-first-page", "/connection/leads?limit=50"),
    ("agent-contacts-with-word", "/connection/contacts?limit=50&q=c107%40exam"),
];

/// What is changed: rows are locked, written, and told of.
fn writes() -> Vec<(&'static str, Method, &'static str, Value)> {
    let items: Vec<_> = (0..50).map(|number| json!({"name": format!("Item {{run}}-{number}")})).collect();
    vec![
        (
            "contact-create",
            Method::POST,
            CONTACTS,
            json!({"name": "Run {run}", "email": "run-{run}@example.com"}),
        ),
        ("contact-update", Method::PATCH, "/connection/contacts/{contact}", json!({"title": "Run {run}"})),
        (
            "contact-upsert",
            Method::PUT,
            "/connection/contacts/by/email/c78@example.com",
            json!({"name": "Run {run}"}),
        ),
        ("contacts-create", Method::POST, "/connection/contacts/batch/create", json!({"items": items})),
        ("company-update", Method::PATCH, "/connection/companies/{company}", json!({"name": "Run {run}"})),
        ("lead-update", Method::PATCH, "/connection/leads/{lead}", json!({"title": "Run {run}"})),
    ]
}

/// All of them.
pub(super) async fn queries(client: &Client, facts: &Facts) -> Vec<Hot> {
    let read = |name: &str, template: &str| Hot {
        name: name.to_owned(),
        method: Method::GET,
        path: path(template, facts),
        body: None,
        by_agent: false,
        reads_all: false,
        shown: template.to_owned(),
    };
    let mut all: Vec<Hot> = READS.iter().map(|(name, template)| read(name, template)).collect();
    all.extend(COUNTS.iter().map(|(name, template)| Hot { reads_all: true, ..read(name, template) }));
    all.extend(READS_OF_AGENTS.iter().map(|(name, template)| Hot { by_agent: true, ..read(name, template) }));
    for field in sortable("list_contacts") {
        for (sign, order) in [("", "ascending"), ("-", "descending")] {
            let template = format!("{CONTACTS}?limit=50&sort={sign}{field}");
            all.push(read(&format!("contacts-sorted-by-{field}-{order}"), &template));
        }
    }
    let since: String = url::form_urlencoded::byte_serialize(instant(60).as_bytes()).collect();
    let synchronized = format!("{CONTACTS}?limit=50&sort=updatedAt&deleted=include&updatedSince={since}");
    all.push(Hot {
        shown: format!("{CONTACTS}?…&updatedSince=…"),
        ..read("contacts-changed-since", &synchronized)
    });
    for (name, list) in [
        ("contacts-deep-page", CONTACTS),
        ("contacts-deep-page-by-name", "/connection/contacts?sort=name"),
        ("companies-deep-page", "/connection/companies"),
        ("leads-deep-page", "/connection/leads"),
        ("deliveries-deep-page", "/webhooks/{webhook}/events"),
    ] {
        let deep = deep(client, &path(list, facts)).await;
        all.push(Hot { shown: format!("{list}, the 1,001st and on"), ..read(name, &deep) });
    }
    let behind = behind_a_thousand_changes(client).await;
    for (name, query) in [("changes-deep-page", "limit=50"), ("changes-of-types", "types=lead.*&limit=50")] {
        let shown = format!("/changes?after=…&{query}");
        all.push(Hot { shown, ..read(name, &format!("/changes?after={behind}&{query}")) });
    }
    let numbers: Vec<_> = (1..=50).map(|_| json!({"id": facts.contact})).collect();
    let batch = ("contacts-read", Method::POST, "/connection/contacts/batch/read", json!({"items": numbers}));
    for (name, method, template, body) in writes().into_iter().chain([batch]) {
        all.push(Hot { method, body: Some(body), ..read(name, template) });
    }
    all
}

/// The page behind the first thousand.
async fn deep(client: &Client, list: &str) -> String {
    let separator = if list.contains('?') { '&' } else { '?' };
    let mut page = format!("{list}{separator}limit=200");
    for _ in 0..5 {
        let answer = client.get(&page).await.status(200).json();
        let cursor = answer["pagination"]["nextCursor"].as_str().expect("more follow").to_owned();
        page = format!("{list}{separator}limit=200&cursor={cursor}");
    }
    page.replace("limit=200", "limit=50")
}

/// A cursor of the feed, once no transaction of another test holds back what follows it.
async fn behind_a_thousand_changes(client: &Client) -> String {
    eventually("the changes can be read", async || {
        let page = client.get("/changes?limit=1000").await.status(200).json();
        let cursor = page["nextCursor"].as_str().expect("a cursor").to_owned();
        (page["hasMore"] == true).then_some(cursor)
    })
    .await
}

/// The fields that the document says a list can be sorted by.
fn sortable(operation: &str) -> Vec<String> {
    let document = TestApp::document();
    let operations = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|path| path.as_object().into_iter().flat_map(|methods| methods.values()));
    let list = operations.into_iter().find(|found| found["operationId"] == operation).expect("the list");
    let parameters = list["parameters"].as_array().expect("parameters");
    let sort = parameters.iter().find(|parameter| parameter["name"] == "sort").expect("a sort");
    let description = sort["description"].as_str().expect("a description");
    let (_, fields) = description.rsplit_once("Fields: `").expect("its fields");
    fields.trim_end_matches(['.', '`']).split("`, `").map(str::to_owned).collect()
}
