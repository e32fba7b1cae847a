//! A call by the package that openapi-python-client makes of the document.

use std::collections::BTreeSet;

use serde_json::Value;

use super::call::{Call, Parameter, Place, pascal, snake};
use super::literal::{Style, literal};

pub(super) fn written(call: &Call) -> String {
    let class = if call.secured { "AuthenticatedClient" } else { "Client" };
    let mut imports = BTreeSet::from([
        format!("from tenon_client import {class}"),
        format!("from tenon_client.api.{} import {}", snake(&call.tag), call.operation_id),
    ]);
    let mut arguments: Vec<String> = call.at(Place::Path).map(value).collect();
    arguments.push("client=tenon".to_owned());
    if let Some((name, body)) = &call.body {
        let name = pascal(name);
        imports.insert(format!("from tenon_client.models import {name}"));
        arguments.push(format!("body={name}.from_dict({})", literal(body, Style::Python, 2)));
    }
    if call.sends_file {
        imports.insert("from tenon_client.types import File".to_owned());
        arguments.push("body=File(payload=open(\"contacts.csv\", \"rb\"))".to_owned());
    }
    for class in call.parameters.iter().filter_map(|parameter| parameter.enumeration.as_ref()) {
        imports.insert(format!("from tenon_client.models import {class}"));
    }
    let others = call.parameters.iter().filter(|parameter| parameter.place != Place::Path);
    arguments.extend(others.map(|parameter| format!("{}={}", name(parameter), value(parameter))));
    let uuid = if arguments.iter().any(|argument| argument.contains("UUID(")) {
        "from uuid import UUID\n"
    } else {
        ""
    };
    let credential = if call.secured { ", token=os.environ[\"TENON_API_KEY\"]" } else { "" };
    format!(
        "import os
{uuid}
{imports}

tenon = {class}(base_url=os.environ[\"TENON_URL\"]{credential})
answer = {operation}.sync_detailed({arguments})
print(answer.status_code, answer.parsed)",
        imports = imports.into_iter().collect::<Vec<_>>().join("\n"),
        operation = call.operation_id,
        arguments = listed(&arguments),
    )
}

/// The generator keeps clear of what Python itself calls so.
const BUILT_IN: [&str; 14] = [
    "all", "any", "filter", "format", "hash", "input", "list", "max", "min", "next", "object", "range",
    "set", "type",
];

fn name(parameter: &Parameter) -> String {
    let name = parameter.snake();
    if BUILT_IN.contains(&name.as_str()) { name + "_" } else { name }
}

fn value(parameter: &Parameter) -> String {
    let text = literal(&parameter.value, Style::Python, 2);
    match (&parameter.enumeration, parameter.format.as_str(), &parameter.value) {
        (Some(class), ..) => format!("{class}({text})"),
        (None, "uuid", Value::String(_)) => format!("UUID({text})"),
        _ => text,
    }
}

/// On one line where they are few.
fn listed(arguments: &[String]) -> String {
    let flat = arguments.join(", ");
    if flat.len() <= 60 && !flat.contains('\n') {
        return flat;
    }
    format!("\n  {},\n", arguments.join(",\n  "))
}
