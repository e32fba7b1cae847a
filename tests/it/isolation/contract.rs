//! What the OpenAPI document promises of every answer: its status, its body, its headers. Whatever a test of this folder asks is
//! held against it, so that what is answered and what is documented cannot part.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use jsonschema::Validator;
use serde_json::{Value, json};
use tenon_api::http::code::Code;
use tenon_common::event::API_VERSION;
use tenon_tests::{Answer, TestApp};

use crate::raw;

/// The headers of every answer that a limit has counted.
const OF_LIMITS: [&str; 5] =
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy", "ratelimit"];

/// An answer, however it was fetched.
pub(super) trait Seen: std::fmt::Debug {
    fn status(&self) -> u16;
    fn header(&self, name: &str) -> Option<&str>;
    fn body(&self) -> &[u8];
}

impl Seen for Answer {
    fn status(&self) -> u16 {
        self.status.as_u16()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn body(&self) -> &[u8] {
        &self.body
    }
}

impl Seen for raw::Answer {
    fn status(&self) -> u16 {
        self.status
    }

    fn header(&self, name: &str) -> Option<&str> {
        raw::Answer::header(self, name)
    }

    fn body(&self) -> &[u8] {
        self.body.as_bytes()
    }
}

/// What an operation answers with a status.
struct Promise {
    /// None where there is no body.
    body: Option<Content>,
    headers: Vec<(String, Value)>,
}

/// What a body is.
enum Content {
    /// JSON of a schema.
    Json(Arc<Validator>),
    /// Text, or bytes, of one of these media types.
    Text(Vec<String>),
}

/// By operation and status.
type Contract = HashMap<String, BTreeMap<u16, Promise>>;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let document = TestApp::document();
    let mut schemas = Schemas::of(&document);
    let mut contract = Contract::new();
    for methods in document["paths"].as_object().expect("paths").values() {
        let operations = methods.as_object().expect("methods").values();
        for operation in operations.filter(|operation| operation["operationId"].is_string()) {
            let responses = operation["responses"].as_object().expect("responses");
            let promises = responses.iter().map(|(status, response)| {
                let response = referenced(&document, response);
                (status.parse().expect("a status"), promise(&document, &mut schemas, response))
            });
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            contract.insert(id, promises.collect());
        }
    }
    contract
});

fn promise(document: &Value, schemas: &mut Schemas, response: &Value) -> Promise {
    let content = response["content"].as_object();
    let body = content.map(|content| match content.get("application/json") {
        Some(json) => {
            // Beside JSON there may be a stream, for who asks for it.
            let others: Vec<_> = content.keys().filter(|name| *name != "text/event-stream").collect();
            assert_eq!(others, ["application/json"], "{response}");
            Content::Json(schemas.validator(&json["schema"]))
        }
        None => {
            assert!(content.values().all(|text| text["schema"]["type"] == "string"), "{response}");
            Content::Text(content.keys().cloned().collect())
        }
    });
    let headers = response["headers"].as_object().into_iter().flatten();
    let schema = |header| referenced(document, header)["schema"].clone();
    let headers = headers.map(|(name, header)| (name.to_lowercase(), schema(header))).collect();
    Promise { body, headers }
}

/// What a `$ref` of the document names.
pub(super) fn referenced<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference} is nowhere in the document")),
        None => value,
    }
}

/// Validators of the document's schemas, each made once.
struct Schemas {
    components: Value,
    made: HashMap<String, Arc<Validator>>,
}

impl Schemas {
    /// Objects are closed: a member that the document does not name is one that no client can know of.
    fn of(document: &Value) -> Self {
        let mut components = json!({"schemas": document["components"]["schemas"]});
        close(&mut components);
        Self { components, made: HashMap::new() }
    }

    fn validator(&mut self, schema: &Value) -> Arc<Validator> {
        let made = self.made.entry(schema.to_string());
        made.or_insert_with(|| {
            let mut root = schema.clone();
            close(&mut root);
            root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
            root["components"] = self.components.clone();
            let validator = jsonschema::options().should_validate_formats(true).build(&root);
            Arc::new(validator.unwrap_or_else(|error| panic!("{schema}: {error}")))
        })
        .clone()
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            let open = members.contains_key("properties")
                && !["additionalProperties", "allOf"].iter().any(|name| members.contains_key(*name));
            if open && members["properties"].is_object() && members.get("type") == Some(&json!("object")) {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Holds an answer of an operation against the document.
///
/// # Panics
/// Where it is not what the document promises.
#[track_caller]
pub(super) fn check(operation: &str, answer: &impl Seen) {
    let status = answer.status();
    let promises = CONTRACT.get(operation).unwrap_or_else(|| panic!("{operation} is not in the document"));
    let promise = promises.get(&status).unwrap_or_else(|| {
        panic!(
            "{operation} answers {status}, which is not documented: {answer:?} {}",
            String::from_utf8_lossy(answer.body())
        )
    });
    for (name, schema) in &promise.headers {
        if let Some(text) = answer.header(name) {
            check_header(operation, name, schema, text);
        }
    }
    match &promise.body {
        Some(Content::Json(validator)) => check_body(operation, validator, answer),
        Some(Content::Text(types)) => {
            let found = media_type(answer);
            assert!(
                types.iter().any(|known| known == found),
                "{operation} answers {found}, and not {types:?}"
            );
        }
        None => assert!(answer.body().is_empty(), "{operation} answers {status} with a body"),
    }
    check_common(operation, answer);
}

fn check_header(operation: &str, name: &str, schema: &Value, text: &str) {
    let number = schema["type"] == "integer";
    let value =
        if number { text.parse().map_or(json!(text), |number: u64| json!(number)) } else { json!(text) };
    assert!(jsonschema::is_valid(schema, &value), "{operation}: {name}: {text} is not {schema}");
}

fn media_type(answer: &impl Seen) -> &str {
    answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default()
}

fn check_body(operation: &str, validator: &Validator, answer: &impl Seen) {
    let status = answer.status();
    let text = String::from_utf8_lossy(answer.body());
    assert_eq!(media_type(answer), "application/json", "{operation} answers {status}: {text}");
    let body: Value =
        serde_json::from_slice(answer.body()).unwrap_or_else(|error| panic!("{operation}: {error}: {text}"));
    let wrong: Vec<String> =
        validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(
        wrong.is_empty(),
        "{operation} answers {status} with another body than documented: {wrong:#?}\n{text}"
    );
    if let Some(success) = body.get("success") {
        assert_eq!(success, &json!(status < 400), "{operation} answers {status}: {text}");
        let id = answer.header("x-request-id").map(Value::from);
        assert_eq!(body["metadata"]["requestId"], json!(id), "{operation}: {text}");
    }
    if status >= 400 {
        let code = body["code"].as_str().unwrap_or_default();
        let known = Code::ALL.iter().find(|known| known.name() == code);
        let known = known.unwrap_or_else(|| panic!("{operation}: {code} is no code: {text}"));
        assert_eq!(known.status().as_u16(), status, "{operation}: {text}");
    }
}

/// What every answer has.
fn check_common(operation: &str, answer: &impl Seen) {
    let id = answer.header("x-request-id").unwrap_or_default();
    assert!((8..=64).contains(&id.len()), "{operation}: the request's id is {id:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{operation}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{operation}");
    assert_eq!(answer.header("tenon-version"), Some(API_VERSION), "{operation}");
    if answer.status() == 201 {
        assert!(
            answer.header("location").is_some(),
            "{operation} makes something and does not say where it is"
        );
    }
    if matches!(answer.status(), 429 | 503) {
        let wait: u32 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).unwrap_or_default();
        assert!(wait >= 1, "{operation} answers {} and does not say when to come back", answer.status());
    }
}

/// An answer that limits have counted says so, in both families of headers, and they agree.
///
/// # Panics
/// Where it does not.
#[track_caller]
pub(super) fn counted(operation: &str, answer: &impl Seen) {
    let headers = OF_LIMITS.map(|name| answer.header(name).unwrap_or_default());
    let [limit, remaining, reset, policies, standing] = headers;
    for number in [limit, remaining, reset] {
        assert!(number.parse::<u64>().is_ok(), "{operation}: {headers:?}: {answer:?}");
    }
    let policy = standing.split(';').next().unwrap_or_default();
    let tightest = policies.split(", ").find(|entry| entry.split(';').next() == Some(policy));
    let tightest = tightest.unwrap_or_else(|| panic!("{operation}: {headers:?}"));
    assert!(tightest.starts_with(&format!("{policy};q={limit};w=")), "{operation}: {headers:?}");
    assert!(standing.starts_with(&format!("{policy};r={remaining};t=")), "{operation}: {headers:?}");
}
