//! A call of an operation, with values, before it is written in any language.

use serde_json::Value;

use super::values;
use crate::openapi::walk::{Object, component};

/// What a sample says.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) operation_id: String,
    pub(super) tag: String,
    /// `PATCH`.
    pub(super) method: String,
    /// With its parameters in braces.
    pub(super) path: String,
    /// Whether a credential is needed.
    pub(super) secured: bool,
    /// In the order of the path, of the query, and headers.
    pub(super) parameters: Vec<Parameter>,
    /// The component that describes the body, and a body.
    pub(super) body: Option<(String, Value)>,
    /// Whether bytes of a file are sent, and no JSON.
    pub(super) sends_file: bool,
    /// Whether a file is answered, and no JSON.
    pub(super) answers_file: bool,
}

/// A parameter with its value.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) value: Value,
    /// Of its schema: `uuid`.
    pub(super) format: String,
    /// The type that generators make of its schema, where that is an enumeration.
    pub(super) enumeration: Option<String>,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

impl Call {
    pub(super) fn of(path: &str, method: &str, operation: &Object, components: &Value) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let operation_id = text(operation.get("operationId"));
        let parameters = operation.get("parameters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let is_shown =
            |parameter: &&Value| parameter["required"] == true || is_telling(parameter, method, parameters);
        let shown = parameters
            .iter()
            .filter(is_shown)
            .filter_map(|parameter| Parameter::of(parameter, &operation_id, components));
        Self {
            tag: text(operation.get("tags").map(|tags| &tags[0])),
            method: method.to_uppercase(),
            path: path.to_owned(),
            secured: operation
                .get("security")
                .and_then(Value::as_array)
                .is_some_and(|schemes| !schemes.is_empty()),
            parameters: shown.collect(),
            body: body(operation, components),
            sends_file: sends_file(operation),
            answers_file: answers_file(operation),
            operation_id,
        }
    }

    /// The parameters of a place.
    pub(super) fn at(&self, place: Place) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.place == place)
    }
}

fn body(operation: &Object, components: &Value) -> Option<(String, Value)> {
    let schema = &operation.get("requestBody")?["content"]["application/json"]["schema"];
    let name = component(&schema["$ref"], "schemas")?;
    Some((name.to_owned(), values::of_component(name, components)))
}

fn sends_file(operation: &Object) -> bool {
    let body = operation.get("requestBody").map(|body| &body["content"]["application/octet-stream"]);
    body.is_some_and(Value::is_object)
}

fn answers_file(operation: &Object) -> bool {
    let content = operation.get("responses").and_then(|responses| responses["200"]["content"].as_object());
    content.is_some_and(|content| !content.contains_key("application/json"))
}

/// Whether an optional parameter is shown, for it matters to most callers.
fn is_telling(parameter: &Value, method: &str, all: &[Value]) -> bool {
    // An operation that takes both creates too, where there is nothing to match.
    let creates = all.iter().any(|other| other["name"] == "If-None-Match");
    match parameter["name"].as_str() {
        Some("filter" | "limit") => true,
        Some("If-Match") => method != "post" && !creates,
        _ => false,
    }
}

impl Parameter {
    fn of(parameter: &Value, operation_id: &str, components: &Value) -> Option<Self> {
        let name = parameter["name"].as_str()?;
        let place = match parameter["in"].as_str()? {
            "path" => Place::Path,
            "query" => Place::Query,
            _ => Place::Header,
        };
        let schema = &parameter["schema"];
        let value =
            parameter.get("example").cloned().unwrap_or_else(|| values::of_member(name, schema, components));
        let format = schema["format"].as_str().unwrap_or_default().to_owned();
        let enumeration = enumeration(name, schema, operation_id, components);
        Some(Self { name: name.to_owned(), place, value, format, enumeration })
    }

    /// The value as it is written in a URL or a header, unescaped.
    pub(super) fn text(&self) -> String {
        self.value.as_str().map_or_else(|| self.value.to_string(), str::to_owned)
    }

    /// `page_size` of `pageSize`, `if_match` of `If-Match`: what generators of Python and Rust call it.
    pub(super) fn snake(&self) -> String {
        snake(&self.name)
    }
}

/// `LinkedType` of a component, `ListContactsCount` of what stands in the parameter itself.
fn enumeration(name: &str, schema: &Value, operation_id: &str, components: &Value) -> Option<String> {
    if schema.get("enum").is_some() {
        return Some(pascal(operation_id) + &pascal(&snake(name)));
    }
    let component = values::component_of(schema)?;
    components["schemas"][component].get("enum").map(|_| pascal(component))
}

/// A name in snake case.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before = ' ';
    for character in name.chars() {
        if !character.is_ascii_alphanumeric() {
            snake.push('_');
        } else {
            if character.is_ascii_uppercase() && before.is_ascii_lowercase() {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        }
        before = character;
    }
    snake
}

/// `BatchContactInput` of `Batch_ContactInput`: what generators call the type of a component.
pub(super) fn pascal(name: &str) -> String {
    let capitalised = |word: &str| {
        let mut characters = word.chars();
        characters.next().map(|first| first.to_ascii_uppercase().to_string() + characters.as_str())
    };
    name.split('_').filter_map(capitalised).collect()
}
