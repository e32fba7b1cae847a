//! A call by the client that progenitor makes of the document, in its style of builders.

use serde_json::Value;

use super::call::{Call, Parameter, Place, pascal};
use super::literal::{Style, literal};

pub(super) fn written(call: &Call) -> String {
    let mut lines = vec![format!("tenon.{}()", call.operation_id)];
    let in_order = [Place::Path, Place::Query, Place::Header].into_iter().flat_map(|place| call.at(place));
    lines.extend(in_order.map(|parameter| format!(".{}({})", name(parameter), value(parameter))));
    if let Some((name, body)) = &call.body {
        let body = literal(body, Style::Json, 2);
        lines.push(format!(
            ".body(serde_json::from_value::<types::{}>(serde_json::json!({body}))?)",
            pascal(name)
        ));
    }
    if call.sends_file {
        lines.push(".body(std::fs::read(\"contacts.csv\")?)".to_owned());
    }
    lines.push(".send()".to_owned());
    lines.push(".await?".to_owned());
    let types =
        if call.body.is_some() { "use tenon_client::{Client, types};" } else { "use tenon_client::Client;" };
    let client = match call.secured {
        true => {
            "let mut headers = reqwest::header::HeaderMap::new();
headers.insert(\"authorization\", format!(\"Bearer {}\", std::env::var(\"TENON_API_KEY\")?).parse()?);
let http = reqwest::Client::builder().default_headers(headers).build()?;
let tenon = Client::new_with_client(&std::env::var(\"TENON_URL\")?, http);"
        }
        false => "let tenon = Client::new(&std::env::var(\"TENON_URL\")?);",
    };
    format!(
        "{types}\n\n{client}\nlet answer = {};\nprintln!(\"{{:?}}\", answer.status());",
        lines.join("\n  ")
    )
}

/// A keyword gets a line beneath it.
fn name(parameter: &Parameter) -> String {
    let name = parameter.snake();
    if ["type", "ref", "in", "match", "use", "where"].contains(&name.as_str()) { name + "_" } else { name }
}

/// Numbers say their type where the document says it.
fn value(parameter: &Parameter) -> String {
    match (&parameter.value, parameter.format.as_str()) {
        (Value::String(text), "uuid") => format!("{text:?}.parse::<uuid::Uuid>()?"),
        (value, _) => literal(value, Style::Json, 4),
    }
}
