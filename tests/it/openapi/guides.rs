//! The examples of the guides are true: requests are sent as they stand, and code stands in programs that are run.

use std::path::Path;

use serde_json::Value;
use tenon_tests::{Tenant, TestApp};

use super::samples::{RECEIVER, failed_delivery};

/// Where the guides' webhooks go in the tests.
const LOCAL: &str = "http://127.0.0.1:9/hook";

/// The language of a block of code, and the programs that have it.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("ts", &["clients/typescript/openapi-fetch.ts", "clients/typescript/hey-api.ts"]),
    ("python", &["clients/python/scenario.py", "verify/receiver.py"]),
    ("rust", &["clients/rust/src/main.rs"]),
    ("js", &["verify/receiver.mjs"]),
];

/// The fenced blocks of a page: what is said of each, and what is in it.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').expect("a block of lines")).collect()
}

/// A request of a guide, and what is said of its answer.
struct Example {
    request: String,
    status: u16,
    says: String,
    /// Whether the answer is a stream.
    streams: bool,
}

/// Each block of `http`, with the block of `json` or `sse` that follows it.
fn examples(page: &str) -> Vec<Example> {
    let blocks = blocks(page);
    let mut found = Vec::new();
    for (index, (kind, request)) in blocks.iter().enumerate().filter(|(_, (kind, _))| *kind == "http") {
        let (answer, says) = blocks.get(index + 1).expect("an answer");
        let (form, status) = answer.split_once(' ').unwrap_or_default();
        let status = status.parse().ok().filter(|_| ["json", "sse"].contains(&form));
        let status = status.unwrap_or_else(|| panic!("{kind}: no status for {request}"));
        let (request, says) = ((*request).to_owned(), (*says).to_owned());
        found.push(Example { request, status, says, streams: form == "sse" });
    }
    found
}

/// The names that a guide gives to what it made.
#[derive(Default)]
struct Names {
    id: Option<String>,
    event: Option<String>,
    replay: Option<String>,
    cursor: Option<String>,
}

impl Names {
    fn put_in(&self, text: &str) -> String {
        let text = text.replace(RECEIVER, LOCAL);
        let known = [
            ("{id}", &self.id),
            ("{event}", &self.event),
            ("{replay}", &self.replay),
            ("{cursor}", &self.cursor),
        ];
        known.into_iter().fold(text, |text, (name, value)| match value {
            Some(value) => text.replace(name, value),
            None => text,
        })
    }
}

/// Sends the requests of a page in their order; how many there were.
async fn follow(app: &TestApp, tenant: &Tenant, page: &str) -> usize {
    let mut names = Names::default();
    let examples = examples(page);
    for example in &examples {
        if example.request.contains("{event}") || example.says.contains("{event}") {
            let webhook = names.id.clone().expect("a webhook");
            if names.event.is_none() {
                names.event = Some(failed_delivery(app, tenant, &webhook).await);
            }
        }
        let request = names.put_in(&example.request);
        if example.streams {
            read_stream(app, tenant, &request, &names.put_in(&example.says)).await;
            continue;
        }
        let answer = send(app, tenant, &request).await;
        let text = answer.text();
        assert_eq!(answer.status.as_u16(), example.status, "{request}\n{answer}");
        let body: Value = if text.is_empty() { Value::Null } else { answer.json() };
        if names.id.is_none() && example.status == 201 {
            names.id = body["data"]["id"].as_str().map(str::to_owned);
        }
        if names.replay.is_none() && example.status == 202 {
            names.replay = body["data"]["id"].as_str().map(str::to_owned);
        }
        if names.cursor.is_none() {
            names.cursor = body["nextCursor"].as_str().map(str::to_owned);
        }
        let says = names.put_in(&example.says);
        if !says.trim().is_empty() {
            let says: Value = serde_json::from_str(&says).unwrap_or_else(|error| panic!("{error}: {says}"));
            assert!(is_within(&says, &body), "{request}\nsays {says}\nand is {body}");
        }
    }
    examples.len()
}

/// Reads a stream as far as the guide shows it.
async fn read_stream(app: &TestApp, tenant: &Tenant, request: &str, says: &str) {
    let path = request.lines().next().and_then(|line| line.strip_prefix("GET ")).expect("a path");
    let client = tenon_tests::Client::new(&app.url()).with_bearer(&tenant.admin().credential);
    let mut stream = client.events(path).await.unwrap_or_else(|answer| panic!("{request}\n{answer}"));
    for block in says.trim().split("\n\n") {
        let event = stream.next().await.unwrap_or_else(|| panic!("{request}\nends before {block}"));
        let (kind, data) = block.split_once('\n').expect("an event and its data");
        let data = data.strip_prefix("data: ").unwrap_or_else(|| panic!("no data: {block}"));
        let data: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
        assert_eq!(kind, format!("event: {}", event.kind), "{request}");
        assert!(is_within(&data, &event.json()), "{request}\nsays {data}\nand is {event:?}");
    }
}

async fn send(app: &TestApp, tenant: &Tenant, request: &str) -> tenon_tests::Answer {
    let (head, body) = request.split_once("\n\n").unwrap_or((request.trim_end(), ""));
    let mut lines = head.lines();
    let (method, path) = lines.next().and_then(|line| line.split_once(' ')).expect("a method and a path");
    let mut client = tenon_tests::Client::new(&app.url()).with_bearer(&tenant.admin().credential);
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        client = client.with_header(name, value);
    }
    client.send_bytes(method.parse().expect("a method"), path, None, body.as_bytes().to_vec()).await
}

/// Whether what a guide says is so, among other things; an empty list says that there is one.
fn is_within(says: &Value, is: &Value) -> bool {
    match (says, is) {
        (Value::Object(says), Value::Object(is)) => {
            says.iter().all(|(name, says)| is.get(name).is_some_and(|is| is_within(says, is)))
        }
        (Value::Array(says), Value::Array(is)) => {
            says.len() <= is.len() && says.iter().zip(is).all(|(says, is)| is_within(says, is))
        }
        (says, is) => says == is,
    }
}

#[tokio::test]
async fn what_the_guides_send_is_answered_as_they_say() {
    let app = TestApp::start().await;
    let clients = app.tenant("clients").await;
    assert!(follow(&app, &clients, include_str!("../../../openapi/clients.md")).await >= 15);
    let receivers = app.tenant("receivers").await;
    assert!(follow(&app, &receivers, include_str!("../../../openapi/receivers.md")).await >= 8);
    let versions = app.tenant("versions").await;
    assert!(follow(&app, &versions, include_str!("../../../openapi/versions.md")).await >= 3);
}

/// `json` of `json 200`.
fn form(kind: &str) -> &str {
    kind.split(' ').next().unwrap_or_default()
}

#[test]
fn the_code_of_the_guides_stands_in_programs_that_are_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi");
    let mut found = 0;
    for page in [include_str!("../../../openapi/clients.md"), include_str!("../../../openapi/receivers.md")] {
        for (kind, code) in
            blocks(page).into_iter().filter(|(kind, _)| !["http", "json", "sse"].contains(&form(kind)))
        {
            let (_, programs) = PROGRAMS
                .iter()
                .find(|(language, _)| *language == kind)
                .unwrap_or_else(|| panic!("who runs {kind}?"));
            let stands = programs.iter().any(|program| {
                let source = std::fs::read_to_string(folder.join(program));
                source.unwrap_or_else(|error| panic!("{program}: {error}")).contains(code)
            });
            assert!(stands, "no program has this:\n{code}");
            found += 1;
        }
    }
    assert!(found >= 6, "{found} blocks of code");
}
